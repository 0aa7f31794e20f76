"""``mien live``: cameras, measured as they film."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mien.cli import TRUNCATED
from mien.cli._options import (
    LABEL_SET_NAMES,
    asked_sinks,
    choices,
    declaration,
    fallback_of,
    hard_sight_options,
    head_pose_option,
    inference,
    leave_out_option,
    model_options,
    policy_options,
    profile_with,
    read_camera,
    sink_options,
    stream_options,
    stream_sinks,
)
from mien.cli._signals import stop_on_signal
from mien.core.errors import SettingsError
from mien.core.policy import may_show_people
from mien.core.settings import PROFILES

if TYPE_CHECKING:
    from mien.assembly import Choices
    from mien.cli._display import ShownPage
    from mien.cli._record import Record
    from mien.core.audience import Analysis, Sink
    from mien.core.policy import Declaration
    from mien.core.settings import InferenceSettings, Profile
    from mien.core.status import Status
    from mien.runtime.live.networks import Networks
    from mien.runtime.live.session import LiveSession, Watched

LINE_EVERY_SECONDS = 5.0
MOST_NOTES = 5


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--record", type=click.Path(path_type=Path), metavar="DIR",
              help="Write timeline.jsonl as it goes, and reports now and then and at the end; after a power cut 'mien "
                   "recover' makes them. A folder that holds a session is left as it is, and one with a number is "
                   "made.")  # fmt: skip
@click.option("--profile", "profile_name", type=click.Choice(list(PROFILES)), default="interview", show_default=True,
              help="Settings for a kind of audience.")  # fmt: skip
@policy_options
@click.option("--label-set", type=click.Choice(LABEL_SET_NAMES), help="Names and classes of the emotions.")
@click.option("--zones", type=click.Path(path_type=Path), metavar="ZONES.yaml",
              help="Parts of one hall, by the sources that show them; several sources need it.")  # fmt: skip
@click.option("--realtime/--fast", default=True, show_default=True,
              help="Play a recording at its own speed, dropping what comes too fast, or read every frame.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Measure so long by the clock, and no longer.")
@click.option("--latency-ms", type=click.FloatRange(1), default=100.0, show_default=True,
              help="Look and read less often rather than tell of a frame later than this.")  # fmt: skip
@click.option("--detect-every", type=click.IntRange(1), help="Fix how often to look for faces: every kth frame.")
@click.option("--read-hz", type=click.FloatRange(0, min_open=True), help="Fix how often each face is read, a second.")
@click.option("--step", "step_seconds", type=click.FloatRange(0, min_open=True), help="Timeline step, seconds.")
@click.option("--min-group", type=click.IntRange(1), help="Suppress steps with fewer readable faces.")
@click.option("--min-face", "min_face_px", type=click.FloatRange(0), help="Smallest face that is read, pixels.")
@click.option("--max-faces", type=click.IntRange(1), help="Most faces read in one frame.")
@click.option("--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True),
              help="Least confidence of a face.")  # fmt: skip
@click.option("--tile", "tile_px", type=click.IntRange(128), help="Search tiles of this side, for tiny faces (pixels).")
@click.option("--max-side", "max_side_px", type=click.IntRange(64),
              help="Look for faces in a copy of at most this side, pixels; they are read at full size.")  # fmt: skip
@click.option("--camera", type=click.Path(path_type=Path), metavar="CAMERA.yaml",
              help="Where the screen is: a file of 'mien calibrate'; a zone's own goes before it.")  # fmt: skip
@leave_out_option
@model_options
@head_pose_option
@hard_sight_options
@stream_options
@sink_options
@click.option("--workers", type=click.Choice(["process", "thread"]), default="process", show_default=True,
              help="Cameras and networks in processes that can be restarted, or in threads.")  # fmt: skip
@click.option("--display", "shows", is_flag=True,
              help="Also show it as a page on this machine, with the picture where it may be shown.")  # fmt: skip
@click.option("--display-port", type=click.IntRange(1, 65535), help="Port of that page (default: a free one).")
@click.option("--quiet", is_flag=True, help="No dashboard, no summary.")
@click.pass_context
def command(context: click.Context, /, sources: tuple[str, ...], record: Path | None, **options: Any) -> None:
    """Measure an audience live, in a terminal.

    SOURCE is camera:N, rtsp://HOST/PATH, rtsps://HOST/PATH, or a recording or a folder of pictures (one a second) that
    is played as if it were one. Ctrl-C ends the session and writes its report.
    """
    profile = _profile(options)
    from mien.core.policy import authorise

    told = declaration(options, profile)
    grant = authorise(told, profile)
    if options["zones"] is None and len(sources) > 1:
        raise SettingsError("several sources are one hall: say which part of it each shows, with '--zones'.")
    from mien.assembly import load_head_pose
    from mien.cli._record import Record
    from mien.runtime.live.session import LiveSession, Permitted

    networks = inference(options["threads"], options["providers"])
    chosen = choices(options["detector"], options["classifier"])
    watched = [_watched(locator, profile, options) for locator in sources]
    sinks: list[Sink] = [*stream_sinks(options), *asked_sinks(options, grant.min_group)]
    recording = None if record is None else Record(record, grant.min_group, by_zones=options["zones"] is not None)
    import functools

    demo = any(locator.startswith("synthetic:") for locator in sources)
    shown = _shown(watched, told, profile, options, demo=demo)
    session = LiveSession(
        watched,
        Permitted(profile, grant, networks),
        functools.partial(open_networks, profile, chosen, networks),
        sinks=[*sinks, recording.whole] if recording is not None else sinks,
        zone_sinks=recording.parts if recording is not None else (),
        head_pose=load_head_pose(options["head_pose"], networks),
        display=shown.display if shown is not None else None,
        options=_live_options(profile, options),
    )
    if recording is not None:
        recording.of(session)
    with stop_on_signal() as asked, shown or contextlib.nullcontext():
        analysis = _run(session, recording, options, asked, shown)
        for note in session.last_notes():
            click.echo(note, err=True)
        written = None
        try:
            if recording is not None:
                recording.finish(analysis)
                written = recording.folder
        finally:
            if not options["quiet"]:
                _summary(analysis, written)
    context.exit(TRUNCATED if analysis.provenance.stopped_because == "truncated" else 0)


def open_networks(profile: Profile, chosen: Choices, networks: InferenceSettings) -> Networks:
    """Detector and classifier, in whichever process this is called."""
    import cv2

    from mien.assembly import load_classifier, load_detector, load_fallback
    from mien.runtime.live.networks import Networks

    cv2.setNumThreads(1)
    classifier = load_classifier(chosen.classifier or profile.classifier, networks)
    detector, note = load_detector(chosen.detector, profile.detection, networks)
    fallback = load_fallback(detector, profile.detection, networks)
    return Networks(detector, classifier, note, classifier.providers, fallback)


def _profile(options: dict[str, Any]) -> Profile:
    screen = read_camera(options["camera"], options["head_pose"]) if options["camera"] else {}
    return profile_with(
        options["profile_name"],
        detection={
            "detect_every": options["detect_every"],
            "max_faces": options["max_faces"],
            "threshold": options["threshold"],
            "max_side_px": options["max_side_px"],
            "tile_px": options["tile_px"],
            **fallback_of(options),
        },
        light={"prepare": options["low_light"]},
        quality={"min_face_px": options["min_face_px"]},
        reading={"hz": options["read_hz"]},
        audience={
            "label_set": options["label_set"],
            "step_seconds": options["step_seconds"],
            "min_group": options["min_group"],
            "left_out": options["left_out"],
            **screen,
        },
    )


def _watched(locator: str, profile: Profile, options: dict[str, Any]) -> Watched:
    import functools

    from mien.runtime.live.cameras import LiveCamera
    from mien.runtime.live.capture import CaptureOptions
    from mien.runtime.live.session import Watched
    from mien.sources import is_live, open_source, told_name
    from mien.zones import ZoneFinder, read_zone_map

    is_camera = is_live(locator)
    name = told_name(locator) if is_camera else Path(locator).name
    realtime = options["realtime"] and not is_camera
    camera = LiveCamera(
        name,
        functools.partial(open_source, locator, profile.sampling),
        CaptureOptions(keeps_latest=is_camera or realtime, realtime=realtime),
        is_camera,
    )
    zones = options["zones"]
    return Watched(camera, None if zones is None else ZoneFinder(read_zone_map(zones).of(told_name(locator))))


def _shown(
    watched: list[Watched], told: Declaration, profile: Profile, options: dict[str, Any], *, demo: bool
) -> ShownPage | None:
    """The page that was asked for. Single people are shown only on the basis that files of them need."""
    if not options["shows"]:
        if options["display_port"] is not None:
            raise SettingsError("--display-port is about the page: ask for it with '--display'.")
        return None
    from mien.cli._display import ShownPage

    return ShownPage(
        [one.camera.name for one in watched],
        profile.audience.label_set,
        pictures=may_show_people(told),
        note="DEMO" if demo else "",
        port=options["display_port"],
        workers=options["workers"],
    )


def _live_options(profile: Profile, options: dict[str, Any]) -> Any:
    from mien.runtime.live.engine import LiveOptions
    from mien.runtime.live.pace import Cadence, PaceOptions
    from mien.runtime.live.sensors import MachineSensors

    asked = options["detect_every"] is not None or options["read_hz"] is not None or not options["realtime"]
    fixed = Cadence(profile.detection.detect_every, profile.reading.hz) if asked else None
    # A recording that is read in full is to tell the same on any day.
    sensors = MachineSensors() if options["realtime"] else None
    return LiveOptions(
        workers=options["workers"],
        pace=PaceOptions(options["latency_ms"] / 1e3),
        fixed=fixed,
        sensors=sensors,
        lasts_seconds=options["seconds"],
    )


def _run(
    session: LiveSession,
    recording: Record | None,
    options: dict[str, Any],
    asked: Callable[[], bool],
    shown: ShownPage | None,
) -> Analysis:
    """The session with its dashboard, until it ends."""
    from rich.console import Console
    from rich.live import Live

    from mien.report.live_view import line, view
    from mien.report.wording import clock

    console = Console(stderr=True, quiet=options["quiet"])
    notes: list[str] = []
    said_at = time.monotonic()

    def on_status(status: Status) -> None:
        nonlocal said_at
        now = time.monotonic()
        timeline = session.timeline()
        if recording is not None:
            status = replace(status, notes=(*status.notes, *recording.go_on(session, now)))
        notes[:] = [*notes, *(f"{clock(status.media_time)} {note}" for note in status.notes)][-MOST_NOTES:]
        if shown is not None:
            shown.tell(status, timeline, notes)
        if console.is_terminal:
            screen.update(
                view(status, timeline, notes, shown.address if shown is not None else None, width=console.width),
                refresh=True,
            )
        else:
            for note in status.notes:
                console.print(note, markup=False)
            if now - said_at >= LINE_EVERY_SECONDS:
                said_at = now
                console.print(line(status, timeline), markup=False, soft_wrap=True)

    if shown is not None and not console.is_terminal:
        Console(stderr=True).print(f"The page is at {shown.address}", markup=False, soft_wrap=True)
    with Live(console=console, auto_refresh=False, transient=True) as screen:
        return session.run(on_status, asked)


def _summary(analysis: Analysis, record: Path | None) -> None:
    from datetime import UTC, datetime

    from rich.console import Console

    from mien.report.document import build_findings
    from mien.report.terminal import summary

    Console().print(summary(build_findings(analysis, datetime.now(UTC)), record))
