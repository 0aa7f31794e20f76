"""Options that several commands share, and how they become settings objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from mien.core.errors import PolicyError, SettingsError
from mien.core.policy import Basis, Declaration, Purpose, needs_basis
from mien.core.settings import OPERATING_POINTS, PROFILES, InferenceSettings, Profile

if TYPE_CHECKING:
    from pathlib import Path

    from mien.analysis.scenes import Scene
    from mien.assembly import Choices
    from mien.core.audience import Sink
    from mien.core.settings import CameraSettings

F = TypeVar("F", bound=Callable[..., Any])

LABEL_SET_NAMES = ("ferplus8", "cinema7", "indexed7", "studio6", "engagement5", "compound12")


DEFAULT_HEAD_POSE = "five_points"
"""As in ``mien.assembly``, which costs too much to import for a default."""


def policy_options(command: F) -> F:
    """``--purpose``, ``--basis``, ``--jurisdiction`` and ``--exception``."""
    for option in (
        click.option("--exception", help="Recorded reason for a purpose that the law restricts."),
        click.option("--jurisdiction", help="Country whose law applies: a two-letter code, or EU."),
        click.option(
            "--basis",
            type=click.Choice([b.value for b in Basis]),
            help="What permits filming the people shown (default: own_recording, where no purpose is declared).",
        ),
        click.option(
            "--purpose",
            type=click.Choice([p.value for p in Purpose]),
            help="Why the audience is measured (default: personal, but for the profiles of halls).",
        ),
    ):
        command = option(command)
    return command


def given(*names: str) -> list[str]:
    """Those of the running command's options that stand on its command line, as they are written there."""
    context = click.get_current_context()
    return [
        (option.secondary_opts if option.secondary_opts and not context.params[option.name] else option.opts)[0]
        for option in context.command.params
        if option.name in names and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    ]


provider_option = click.option(
    "--provider", "providers", multiple=True, help="ONNX Runtime execution provider (default: best installed)."
)


def model_options(command: F) -> F:
    """``--detector``, ``--classifier``, ``--operating-point``, ``--threads`` and ``--provider``."""
    for option in (
        provider_option,
        click.option(
            "--threads",
            type=click.IntRange(0),
            default=1,
            show_default=True,
            help="Threads of one neural network; 0 takes every core.",
        ),
        click.option(
            "--operating-point",
            type=click.Choice(OPERATING_POINTS),
            help="How a face's label follows from its shares (default: the profile's); no share changes.",
        ),
        click.option("--classifier", help="A shipped model, or a model folder (default: the profile's)."),
        click.option(
            "--detector",
            help="yunet, centerface, mtcnn or blazeface (default: the best of the first two whose weights can be had).",
        ),
    ):
        command = option(command)
    return command


def hard_sight_options(command: F) -> F:
    """``--fallback``, ``--fallback-after`` and ``--low-light``: for pictures in which faces are hard to find."""
    for option in (
        click.option(
            "--low-light/--no-low-light",
            default=None,
            help="Brighten frames that are dark by their measured brightness (default); lit ones are left as they are.",
        ),
        click.option(
            "--fallback-after",
            type=click.FloatRange(0),
            help="How long the detector must have found nothing for that, seconds (default: 2).",
        ),
        click.option("--fallback", help="A second detector, for where the first has found nothing for a while."),
    ):
        command = option(command)
    return command


def fallback_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the detection that ``--fallback`` and ``--fallback-after`` ask for.

    Raises:
        SettingsError: there is no detector of that name, or a time is given for none.
    """
    name, after = options["fallback"], options["fallback_after"]
    if name is None and after is not None:
        raise SettingsError("--fallback-after is about a second detector: name it with '--fallback'.")
    if name is not None:
        from mien.core import plugins

        if name not in plugins.available("detectors"):
            known = ", ".join(plugins.available("detectors"))
            raise SettingsError(f"unknown detector {name!r} for --fallback: choose one of {known}")
    return {"fallback": name, "fallback_after_seconds": after}


def stream_options(command: F) -> F:
    """``--lsl`` and ``--lsl-network``."""
    for option in (
        click.option(
            "--lsl-network", is_flag=True, help="Announce that stream beyond this machine. It is not encrypted."
        ),
        click.option(
            "--lsl", metavar="NAME", help="Also send the timeline as a Lab Streaming Layer stream of this name."
        ),
    ):
        command = option(command)
    return command


def pdf_options(command: F) -> F:
    """``--pdf`` and ``--paper``."""
    for option in (
        click.option(
            "--paper", type=click.Choice(["a4", "letter"]), default="a4", show_default=True, help="Of the PDF."
        ),
        click.option(
            "--pdf", is_flag=True, help="Also print the page as PDF, with an installed Chromium, Chrome or Edge."
        ),
    ):
        command = option(command)
    return command


def stream_sinks(options: Mapping[str, Any]) -> list[Sink]:
    """Where the timeline goes as it is made; nothing is open before the first snapshot.

    Raises:
        SettingsError: a package is missing, or something is asked of a stream that has no name.
    """
    wait_seconds = options.get("lsl_wait", 0.0)
    if options["lsl"] is None:
        if options["lsl_network"] or wait_seconds:
            raise SettingsError("--lsl-network and --lsl-wait are about a stream: name it with '--lsl NAME'.")
        return []
    from mien.sinks import lsl

    return [lsl.create(options["lsl"], reach="network" if options["lsl_network"] else "machine",
                       wait_seconds=wait_seconds)]  # fmt: skip


def leave_out_option(command: F) -> F:
    """``--leave-out``."""
    from mien.core.labels import EMOTIONS

    return click.option(
        "--leave-out",
        "left_out",
        type=click.Choice(EMOTIONS),
        multiple=True,
        help="An emotion that is not to be told: its share goes to the others in proportion. May be repeated.",
    )(command)


SINK_TOKEN = "MIEN_HTTP_TOKEN"
"""Environment variable with the token of HTTP sinks."""


def sink_options(command: F) -> F:
    """``--sink`` and ``--sink-shape``."""
    for option in (
        click.option(
            "--sink-shape",
            type=click.Choice(["snapshot", "anonymised"]),
            default="snapshot",
            show_default=True,
            help="What --sink writes: whole snapshots, or the few figures that earlier systems' clients read.",
        ),
        click.option(
            "--sink",
            "sinks",
            multiple=True,
            metavar="KIND:TARGET",
            help="Also write the timeline there as it is made: jsonl:FILE, https://URL, stream:PORT or stream:/SOCKET.",
        ),
    ):
        command = option(command)
    return command


def asked_sinks(options: Mapping[str, Any], min_group: int) -> list[Sink]:
    """The sinks of ``--sink``, in order; what listens or writes a file does so from now on.

    Raises:
        SettingsError: no such kind, or a target that is none.
        PolicyError: the anonymised shape of groups that are too small.
        OutputError: a target is taken or cannot be written.
    """
    import os
    from pathlib import Path

    from mien.core.plugins import load

    made: list[Sink] = []
    try:
        for text in options["sinks"]:
            kind, colon, target = text.partition(":")
            if kind == "https" or text.startswith("http://"):
                kind, target = "http", text
            if not colon or not target or kind == "lsl":
                raise SettingsError(
                    f"--sink {kind}: write jsonl:FILE, https://URL, stream:PORT or stream:/SOCKET (an LSL stream has "
                    "'--lsl NAME')."
                )
            more = {"token": os.environ.get(SINK_TOKEN) or None} if kind == "http" else {}
            create = load("sinks", kind).create
            where = Path(target) if kind == "jsonl" else target
            made.append(create(where, shape=options["sink_shape"], min_group=min_group, **more))
    except Exception:
        for sink in made:
            sink.close(complete=False)
        raise
    return made


def head_pose_option(command: F) -> F:
    """``--head-pose``."""
    return click.option(
        "--head-pose",
        default=DEFAULT_HEAD_POSE,
        show_default=True,
        help="What tells which way faces are turned: five_points, or facemesh (slower; measures pitch too).",
    )(command)


def declaration(options: Mapping[str, Any], profile: Profile) -> Declaration:
    """What the operator declared. Who declares nothing analyses a recording of their own, for themselves.

    Raises:
        PolicyError: the profile is for an audience, and nothing says why it is measured.
    """
    purpose, basis = options["purpose"], options["basis"]
    if purpose is None:
        if not needs_basis(profile):
            raise PolicyError(
                f"profile {profile.name} measures an audience: declare why with '--purpose' "
                f"({', '.join(p.value for p in Purpose)}), and with '--basis' what permits filming it "
                f"({', '.join(b.value for b in Basis)})."
            )
        purpose, basis = Purpose.PERSONAL, basis or Basis.OWN_RECORDING
    elif basis is None and Purpose(purpose) is Purpose.PERSONAL:
        basis = Basis.OWN_RECORDING
    return Declaration(Purpose(purpose), Basis(basis) if basis else None, options["jurisdiction"], options["exception"])


def choices(detector: str | None, classifier: str | None, head_pose: str = DEFAULT_HEAD_POSE) -> Choices:
    """Which backends were asked for."""
    from mien.assembly import Choices

    return Choices(detector, classifier, head_pose)


def read_camera(path: Path, head_pose: str) -> dict[str, float | None]:
    """Where the screen is, from a camera's file: settings of the audience.

    Args:
        path: of a file that ``mien calibrate`` wrote, or one by hand.
        head_pose: the estimator that will run.

    Raises:
        InputError: no such file.
        SettingsError: it is no camera's file, gives a name twice, or was measured with another estimator.
    """
    from pydantic import ValidationError

    from mien.core.settings import CameraSettings
    from mien.yaml_file import read_yaml

    content = read_yaml(path, "the camera's file")
    try:
        camera = CameraSettings.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "camera"
        raise SettingsError(f"the camera's file {path} makes no sense at {where}: {first['msg']}") from error
    if camera.head_pose not in (None, head_pose):
        raise SettingsError(
            f"the camera's file {path} was measured with '--head-pose {camera.head_pose}', and {head_pose} will run: "
            "use the same, or calibrate again."
        )
    return camera.model_dump(include={"screen_yaw_degrees", "screen_pitch_degrees"})


def write_camera(path: Path, camera: CameraSettings) -> None:
    """Write a camera's file.

    Raises:
        OutputError: it cannot be written.
    """
    import yaml

    from mien.core.errors import OutputError

    text = yaml.safe_dump(camera.model_dump(exclude_none=True), sort_keys=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "# Where the screen is, as this camera sees the faces that look at it.\n" + text, encoding="utf-8"
        )
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}.") from error


def inference(threads: int, providers: tuple[str, ...]) -> InferenceSettings:
    """How networks were asked to run."""
    return InferenceSettings(threads=threads, providers=providers)


def profile_with(name: str, **sections: dict[str, Any]) -> Profile:
    """A profile with some settings replaced; None leaves one as the profile has it.

    Args:
        name: of the profile.
        sections: settings by section, such as ``audience={"min_group": 5}``.

    Raises:
        SettingsError: a value is out of range; the message names it.
    """
    from pydantic import ValidationError

    document = PROFILES[name].model_dump()
    for section, values in sections.items():
        document[section].update({key: value for key, value in values.items() if value is not None})
    try:
        return Profile.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}") from error


def scenes_of(path: Path, frame_rate: str | None, start_timecode: str) -> tuple[Scene, ...]:
    """Scenes from a list; an EDL needs a frame rate.

    Raises:
        InputError: it is no list of scenes.
        SettingsError: a frame rate or timecode that there is not, or none for an EDL.
    """
    from mien.analysis.scene_lists import EdlOptions, read_scenes
    from mien.report.timecode import Timebase, frame_rate_of

    if frame_rate is None:
        return read_scenes(path)
    rate = frame_rate_of(frame_rate)
    return read_scenes(path, EdlOptions(lambda drop: Timebase(rate, drop), start_timecode))


def segments_of(given: tuple[str, ...]) -> dict[str, frozenset[str]]:
    """Declared values that count, by attribute, from ``ATTRIBUTE=VALUE[,VALUE]``.

    Raises:
        SettingsError: one is not written so, or an attribute comes twice.
    """
    segments: dict[str, frozenset[str]] = {}
    for text in given:
        attribute, equals, values = text.partition("=")
        if not (attribute and equals and values) or attribute in segments:
            raise SettingsError(
                f"--segment {text}: write each attribute once, as ATTRIBUTE=VALUE or ATTRIBUTE=VALUE,VALUE."
            )
        segments[attribute] = frozenset(value.strip() for value in values.split(","))
    return segments
