"""``mien analyze``: a recording in, an honest report out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mien.cli import INTERRUPTED, TRUNCATED
from mien.cli._options import (
    LABEL_SET_NAMES,
    choices,
    declaration,
    fallback_of,
    hard_sight_options,
    head_pose_option,
    inference,
    leave_out_option,
    model_options,
    pdf_options,
    policy_options,
    profile_with,
    read_camera,
    stream_options,
    stream_sinks,
)
from mien.cli._screening import screening_of, screening_options
from mien.cli._signals import stop_on_signal
from mien.cli._speech import check_speech, ended, speech_of, speech_options
from mien.core.errors import DeviceError, InputError, MienError, SettingsError
from mien.core.settings import PROFILES

BESIDE_THE_REPORT = {
    "annotated.mp4": "annotate",
    "faces.csv": "face_log",
    "fex.csv": "fex",
    "shock_report.json": "shock_report",
    "timeline.parquet": "parquet",
    "report.json.sig": "sign",
    "zones.csv": "zones",
    "report.pdf": "pdf",
}
"""Files of a run beside its report, and the option that asks for each."""

NO_SHOCK = "nothing was read"
"""Why there is no shock score, where no metric says."""

PERSONAL = ("annotate", "face_log", "fex")
"""Options that ask for a file which shows or lists single people."""

if TYPE_CHECKING:
    from mien.core.faces import FrameObserver, FrameSource
    from mien.core.labels import LabelSet
    from mien.runtime.analyze import Progress


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("mien-report"), show_default=True,
              help="Folder for the results; several inputs get a folder each inside it.")  # fmt: skip
@click.option("--profile", "profile_name", type=click.Choice(list(PROFILES)), default="interview", show_default=True,
              help="Settings for a kind of audience.")  # fmt: skip
@policy_options
@click.option("--label-set", type=click.Choice(LABEL_SET_NAMES), help="Names and classes of the emotions.")
@click.option("--sample-hz", type=click.FloatRange(0, min_open=True), help="Read this many frames a second.")
@click.option("--every-nth", type=click.IntRange(1), help="Read every Nth frame.")
@click.option("--detect-every", type=click.IntRange(1), help="Look for faces on every kth frame, follow them between.")
@click.option("--read-hz", type=click.FloatRange(0, min_open=True),
              help="Read each face this many times a second, and keep its reading between.")  # fmt: skip
@click.option("--step", "step_seconds", type=click.FloatRange(0), help="Timeline step, seconds; 0 is every frame.")
@click.option("--min-group", type=click.IntRange(1), help="Suppress steps with fewer readable faces.")
@click.option("--min-face", "min_face_px", type=click.FloatRange(0), help="Smallest face that is read, pixels.")
@click.option("--max-faces", type=click.IntRange(1), help="Most faces read in one frame.")
@click.option("--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True),
              help="Least confidence of a face.")  # fmt: skip
@click.option("--tile", "tile_px", type=click.IntRange(128), help="Search tiles of this side, for tiny faces (pixels).")
@click.option("--smoothing", "smoothing_seconds", type=click.FloatRange(0), help="Smoothing, seconds; 0 is off.")
@click.option("--camera", type=click.Path(path_type=Path), help="Where the screen is: a file of 'mien calibrate'.")
@head_pose_option
@leave_out_option
@model_options
@hard_sight_options
@click.option("--zones", type=click.Path(path_type=Path), metavar="ZONES.yaml",
              help="Parts of one hall, by the inputs that show them; the hall and each part are told.")  # fmt: skip
@screening_options
@speech_options
@click.option("--annotate", is_flag=True, help="Also write annotated.mp4. It shows the people: handle it as such.")
@click.option("--face-log", is_flag=True, help="Also write faces.csv, one row a face and frame. Personal data.")
@click.option("--fex", is_flag=True, help="Also write fex.csv, faces and frames as py-feat reads them. Personal data.")
@click.option(
    "--shock-report", is_flag=True, help="Also write shock_report.json, in the shape earlier systems' clients read."
)
@click.option("--parquet", is_flag=True, help="Also write timeline.parquet: the table with types.")
@stream_options
@click.option("--lsl-wait", type=click.FloatRange(0), default=0.0, show_default=True,
              help="Wait this long for somebody to connect to that stream, seconds.")  # fmt: skip
@pdf_options
@click.option("--quiet", is_flag=True, help="No progress, no summary.")
@click.pass_context
def command(context: click.Context, /, inputs: tuple[str, ...], out: Path, **options: Any) -> None:
    """Measure the faces in recordings and write reports.

    INPUT is a video, a picture, a folder of pictures, camera:N, rtsp://HOST/PATH or synthetic:SPEC.yaml.
    """
    if options["sample_hz"] is not None and options["every_nth"] is not None:
        raise SettingsError("--sample-hz and --every-nth say different things: give one of them.")
    check_speech(options, inputs)
    camera = read_camera(options["camera"], options["head_pose"]) if options["camera"] else {}
    profile = profile_with(
        options["profile_name"],
        sampling={"sample_hz": options["sample_hz"], "every_nth": options["every_nth"]},
        detection={
            "detect_every": options["detect_every"],
            "max_faces": options["max_faces"],
            "threshold": options["threshold"],
            "tile_px": options["tile_px"],
            **fallback_of(options),
        },
        light={"prepare": options["low_light"]},
        quality={"min_face_px": options["min_face_px"]},
        reading={"hz": options["read_hz"]},
        smoothing={"seconds": options["smoothing_seconds"], "operating_point": options["operating_point"]},
        audience={
            "label_set": options["label_set"],
            "step_seconds": options["step_seconds"],
            "min_group": options["min_group"],
            "left_out": options["left_out"],
            **camera,
        },
    )
    from mien.core.policy import authorise, permit_personal_files

    told = declaration(options, profile)
    authorise(told, profile)
    if options["parquet"]:
        from mien.report.parquet import require_tables

        require_tables()
    stream_sinks(options)  # What it lacks is told before the analysis.
    shows_people = any(options[option] for option in PERSONAL)
    if options["pdf"]:
        from mien.report.pdf import find_browser

        options["browser"] = find_browser()
    if shows_people:
        permit_personal_files(told)
    if options["zones"] is not None:
        if shows_people:
            raise SettingsError("--annotate, --face-log and --fex show one recording: leave out '--zones'.")
        with stop_on_signal() as stopped:
            ended = _analyze_hall(inputs, out, profile, told, options, stopped)
        context.exit(INTERRUPTED if ended == "interrupted" else TRUNCATED if ended else 0)
    failed: list[MienError] = []
    unfinished = False
    with stop_on_signal() as stopped:
        for locator, folder in zip(inputs, _folders(inputs, out), strict=True):
            try:
                ended = _analyze_one(locator, folder, profile, told, options, stopped)
            except (InputError, DeviceError) as error:
                # One input that cannot be read is no reason to leave out the others.
                click.echo(f"Error: {error}", err=True)
                failed.append(error)
                continue
            if ended == "interrupted":
                context.exit(INTERRUPTED)
            unfinished = unfinished or ended is not None
    if failed:
        if len(inputs) > 1:
            click.echo(f"{len(failed)} of {len(inputs)} inputs could not be analysed.", err=True)
        context.exit(failed[0].exit_code)
    context.exit(TRUNCATED if unfinished else 0)


def _analyze_one(
    locator: str, folder: Path, profile: Any, told: Any, options: dict[str, Any], stopped: Callable[[], bool]
) -> str | None:
    """One input to one folder; why it ended before its media did, or None."""
    from datetime import UTC, datetime

    from rich.console import Console

    from mien.measuring import prepare
    from mien.report import write_reports
    from mien.report.files import results_folder
    from mien.sources import open_source

    console = Console(stderr=True, quiet=options["quiet"])
    with results_folder(folder):
        screening = screening_of(options, folder, [locator])
        source = open_source(locator, profile.sampling)
        try:
            speech = speech_of(options, locator, console)
            if source.info.duration_seconds:
                screening.film_time(source.info.duration_seconds)
            networks = inference(options["threads"], options["providers"])
            asked = choices(options["detector"], options["classifier"], options["head_pose"])
            keep_step = options["step_seconds"] is not None
            measuring = prepare(source, profile, told, asked, networks, keep_step=keep_step)
            if measuring.assembled.detector_note:
                console.print(f"[yellow]{measuring.assembled.detector_note}[/yellow]")
            observers = _observers(folder, source, locator, measuring.labels, options)
        except BaseException:
            source.close()
            raise
        with _progress(console, source.info.name, source.info.frame_count) as on_progress:
            analysis = measuring.run(
                sinks=stream_sinks(options), observers=observers, on_progress=on_progress, should_stop=stopped
            )
        try:
            content = speech.content(stopped) if speech else None
            report = write_reports(analysis, folder, created=datetime.now(UTC), screening=screening, content=content)
        except BaseException:
            # Files that show single people do not stay without the report that they belong to.
            for observer in observers:
                observer.discard()
            raise
        _tell(analysis, report, folder, options, console)
        return ended(analysis.provenance.stopped_because, speech, content, stopped)


def _analyze_hall(
    inputs: tuple[str, ...], folder: Path, profile: Any, told: Any, options: dict[str, Any], stopped: Callable[[], bool]
) -> str | None:
    """All inputs as the cameras of one hall; why it ended before their media did, or None."""
    import contextlib
    from datetime import UTC, datetime

    from rich.console import Console

    from mien.assembly import assemble
    from mien.report import write_reports
    from mien.report.files import results_folder
    from mien.runtime.analyze import fit_step
    from mien.runtime.hall import Camera, analyze_hall
    from mien.sources import open_source, told_name
    from mien.zones import ZoneFinder, read_zone_map

    console = Console(stderr=True, quiet=options["quiet"])
    zones = read_zone_map(options["zones"])
    shown = [zones.of(told_name(locator)) for locator in inputs]
    if len({id(camera) for camera in shown}) < len(inputs):
        raise SettingsError("two inputs have one name: the zones tell cameras apart by their files' names.")
    networks = inference(options["threads"], options["providers"])
    with results_folder(folder), contextlib.ExitStack() as stack:
        screening = screening_of(options, folder, inputs)
        speech = speech_of(options, inputs[0], console)
        sources = []
        for locator in inputs:
            source = open_source(locator, profile.sampling)
            stack.callback(source.close)
            sources.append(source)
            if source.info.duration_seconds:
                screening.film_time(source.info.duration_seconds)
            # One length of step for all: the longest that any of them needs.
            profile = fit_step(profile, source.info)
        cameras = []
        for number, (source, camera) in enumerate(zip(sources, shown, strict=True), 1):
            own = profile
            if camera.screen_yaw_degrees is not None:
                turned = profile.audience.model_copy(update={"screen_yaw_degrees": camera.screen_yaw_degrees})
                own = profile.model_copy(update={"audience": turned})
            made = assemble(own, told, choices(options["detector"], options["classifier"]), networks)
            cameras.append(Camera(f"camera-{number}", source, made.pipeline, ZoneFinder(camera)))
        if made.detector_note:
            console.print(f"[yellow]{made.detector_note}[/yellow]")
        counts = [source.info.frame_count for source in sources]
        total = None if None in counts else sum(count or 0 for count in counts)
        with _progress(console, " + ".join(source.info.name for source in sources), total) as on_progress:
            analysis = analyze_hall(
                cameras,
                sinks=stream_sinks(options),
                inference=networks,
                execution_providers=made.execution_providers,
                detector_note=made.detector_note,
                on_progress=on_progress,
                should_stop=stopped,
            )
        content = speech.content(stopped) if speech else None
        report = write_reports(analysis, folder, created=datetime.now(UTC), screening=screening, content=content)
        _tell(analysis, report, folder, options, console)
        return ended(analysis.provenance.stopped_because, speech, content, stopped)


def _tell(analysis: Any, report: Any, folder: Path, options: dict[str, Any], console: Any) -> None:
    """What was asked for beside the report, and the summary."""
    from rich.console import Console

    from mien.report.terminal import summary

    _remove_stale(folder, options, console)
    if options["shock_report"]:
        from mien.report.shock_report import FILE, write_shock_report

        if not write_shock_report(analysis.timeline, folder / FILE):
            why = next((f.withheld for f in report.figures if f.slug == "shock_average" and f.withheld), NO_SHOCK)
            console.print(f"[yellow]No {FILE}: there is no shock score, since {why}.[/yellow]")
    if options["parquet"]:
        from mien.report import parquet

        parquet.write_parquet(folder / "timeline.csv", folder / parquet.FILE)
    if options["pdf"]:
        from mien.report.pdf import print_pdf

        page = folder / "report.html"
        print_pdf(page, page.with_suffix(".pdf"), browser=options["browser"], paper=options["paper"])
    if not options["quiet"]:
        Console().print(summary(report, folder))


def _observers(
    folder: Path, source: FrameSource, locator: str, labels: LabelSet, options: dict[str, Any]
) -> list[FrameObserver]:
    observers: list[FrameObserver] = []
    if options["annotate"]:
        from mien.report.annotated_video import AnnotatedVideo
        from mien.report.overlay import Overlay, OverlayOptions

        media = Path(locator) if source.info.has_audio else None
        overlay = Overlay(labels, OverlayOptions(note="DEMO" if source.info.demo else ""))
        observers.append(AnnotatedVideo(folder / "annotated.mp4", media, source.info.frame_rate, overlay))
    try:
        if options["face_log"]:
            from mien.report.face_log import FaceLog

            observers.append(FaceLog(folder / "faces.csv"))
        if options["fex"]:
            from mien.report.fex import FILE, FexFile

            name = f"DEMO {source.info.name}" if source.info.demo else source.info.name
            observers.append(FexFile(folder / FILE, name))
    except BaseException:
        for observer in observers:
            observer.discard()
        raise
    return observers


def _remove_stale(folder: Path, options: dict[str, Any], console: Any) -> None:
    """Remove what an earlier run into the same folder made beside its report and this one did not."""
    for name, option in BESIDE_THE_REPORT.items():
        if not options.get(option) and (folder / name).is_file():
            (folder / name).unlink()
            console.print(f"[yellow]Removed {folder / name}: it belonged to an earlier report.[/yellow]")


def _folders(inputs: tuple[str, ...], out: Path) -> list[Path]:
    """Where each input's results go: ``out`` itself for one, a folder of its own inside it for each of several."""
    if len(inputs) == 1:
        return [out]
    names: list[str] = []
    from mien.sources import told_name

    for locator in inputs:
        stem = Path(Path(told_name(locator).replace(":", "-")).name).stem.strip(".") or "input"
        name, number = stem, 1
        while name in names:
            number += 1
            name = f"{stem}-{number}"
        names.append(name)
    return [out / name for name in names]


@contextmanager
def _progress(console: Any, name: str, frames: int | None) -> Iterator[Callable[[Progress], None]]:
    """A progress bar with time left and faces a second; a plain count where the length is unknown."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames · {task.fields[faces]:.0f} faces/s ·"),
        TimeElapsedColumn(),
        TextColumn("·"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=frames, faces=0.0)

        def update(progress: Progress) -> None:
            rate = progress.sightings_read / max(progress.elapsed_seconds, 1e-3)
            bar.update(task, completed=progress.frames_read, faces=rate)

        yield update
