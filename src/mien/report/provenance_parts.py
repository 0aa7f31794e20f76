"""The part of ``report.json`` that tells where its figures come from."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, JsonValue

from mien.core.audience import CameraInput, Count, FallbackUse, Provenance, Seconds, Sha256, Slug
from mien.report.parts import DIGITS, TIME_DIGITS, Part, known, plain


class ModelPart(Part):
    """A model by name and hash; None where whoever ran it does not tell."""

    name: str
    sha256: Sha256 | None


class HeadPosePart(Part):
    """What told which way faces were turned. ``sha256`` is of its weights; None where it has none."""

    name: str
    sha256: Sha256 | None


class InputPart(Part):
    """What was read. ``sha256`` is of the input's bytes; None for a live source."""

    name: str
    kind: str
    sha256: Sha256 | None
    width_px: Count | None
    height_px: Count | None
    duration_seconds: Seconds | None
    frame_rate_hz: Annotated[float, Field(ge=0)] | None


class CameraPart(Part):
    """One camera of several; ``start_seconds`` is the hall's media time at its first moment."""

    name: str
    kind: str
    sha256: Sha256 | None
    start_seconds: float
    frames_read: Count | None
    zones: tuple[Slug, ...]

    @classmethod
    def of(cls, told: CameraInput) -> Self:
        """From what the run recorded."""
        return cls(
            name=told.name,
            kind=told.kind,
            sha256=told.sha256,
            start_seconds=round(told.start_seconds, TIME_DIGITS),
            frames_read=told.frames_read,
            zones=told.zones,
        )


class FallbackPart(Part):
    """The detector that looked where the first had found nothing for a while.

    ``frames_with_faces``, in which it found some, is withheld as sightings are; both are None of a session that was
    cut off.
    """

    name: str
    sha256: Sha256 | None
    frames_searched: Count | None
    frames_with_faces: Count | None

    @classmethod
    def of(cls, told: FallbackUse, *, suppressed: bool) -> Self:
        """From what the run recorded."""
        return cls(
            name=told.model.name,
            sha256=told.model.sha256,
            frames_searched=told.frames_searched,
            frames_with_faces=None if suppressed else told.frames_with_faces,
        )


class ProvenancePart(Part):
    """Where every figure comes from.

    Sightings are faces counted once a frame. They are None where steps were suppressed: with them, the size of a
    group that is not told about could be worked out. They are None, as ``frames_detected`` and ``frames_brightened``
    are, where the frames were read elsewhere, or by a session that was cut off. ``cameras`` is of a hall that was
    measured by its zones. ``frames_brightened`` were dark, and prepared. ``fallback`` is None where no second detector
    was asked for.
    """

    input: InputPart
    frames_read: Count | None
    frames_detected: Count | None
    sightings: Count | None
    sightings_read: Count | None
    detector: ModelPart
    detector_note: str | None
    classifier: ModelPart
    head_pose: HeadPosePart
    execution_providers: tuple[str, ...]
    software: dict[str, str]
    profile: str
    settings: dict[str, JsonValue]
    cameras: tuple[CameraPart, ...] | None = None
    frames_brightened: Count | None = 0
    fallback: FallbackPart | None = None

    @classmethod
    def of(cls, told: Provenance, *, suppressed: bool) -> Self:
        """From what the run recorded; ``suppressed`` when any step was."""
        return cls(
            input=InputPart(
                name=told.input_name,
                kind=told.input_kind,
                sha256=told.input_sha256,
                width_px=told.width,
                height_px=told.height,
                duration_seconds=known(told.duration_seconds, TIME_DIGITS),
                frame_rate_hz=known(told.frame_rate, DIGITS),
            ),
            frames_read=told.frames_read,
            frames_detected=told.frames_detected,
            sightings=None if suppressed else told.sightings,
            sightings_read=None if suppressed else told.sightings_read,
            detector=ModelPart(name=told.detector.name, sha256=told.detector.sha256),
            detector_note=told.detector_note,
            classifier=ModelPart(name=told.classifier.name, sha256=told.classifier.sha256),
            head_pose=HeadPosePart(name=told.head_pose[0], sha256=told.head_pose[1]),
            execution_providers=told.execution_providers,
            software=dict(sorted(told.software.items())),
            profile=told.profile,
            settings=plain(told.settings),
            cameras=tuple(CameraPart.of(camera) for camera in told.cameras) or None,
            frames_brightened=told.frames_brightened,
            fallback=FallbackPart.of(told.fallback, suppressed=suppressed) if told.fallback else None,
        )
