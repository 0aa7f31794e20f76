"""Options that several commands share, and how they become settings objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mien.core.errors import PolicyError, SettingsError
from mien.core.policy import Basis, Declaration, Purpose, needs_basis
from mien.core.settings import PROFILES, InferenceSettings, Profile

if TYPE_CHECKING:
    from pathlib import Path

    from mien.analysis.scenes import Scene
    from mien.assembly import Choices

F = TypeVar("F", bound=Callable[..., Any])

LABEL_SET_NAMES = ("ferplus8", "cinema7", "indexed7", "studio6", "engagement5", "compound12")


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


def model_options(command: F) -> F:
    """``--detector``, ``--classifier``, ``--threads`` and ``--provider``."""
    for option in (
        click.option(
            "--provider", "providers", multiple=True, help="ONNX Runtime execution provider (default: best installed)."
        ),
        click.option(
            "--threads",
            type=click.IntRange(0),
            default=1,
            show_default=True,
            help="Threads of one neural network; 0 takes every core.",
        ),
        click.option("--classifier", default="mien-m", show_default=True, help="A shipped model, or a model folder."),
        click.option("--detector", help="yunet or centerface (default: the best whose weights can be had)."),
    ):
        command = option(command)
    return command


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
                f"({', '.join(p.value for p in Purpose)}), and '--basis' with what permits filming it."
            )
        purpose, basis = Purpose.PERSONAL, basis or Basis.OWN_RECORDING
    elif basis is None and Purpose(purpose) is Purpose.PERSONAL:
        basis = Basis.OWN_RECORDING
    return Declaration(Purpose(purpose), Basis(basis) if basis else None, options["jurisdiction"], options["exception"])


def choices(detector: str | None, classifier: str) -> Choices:
    """Which backends were asked for."""
    from mien.assembly import Choices

    return Choices(detector, classifier)


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
