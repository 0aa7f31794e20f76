"""What leaves the process: audience statistics that cannot hold a face.

Every figure here is about a group over a stretch of media time. No field can carry pixels, a box, a landmark or the
identity of a track; ``tests/architecture`` holds that of the serialised form.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, NoReturn, Protocol, Self, overload, runtime_checkable

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mien.core.findings import MetricFigure, MetricResult, Moment, SampleLog
from mien.core.labels import EMOTIONS, label_set
from mien.core.policy import Grant

SCHEMA_VERSION: Final = 1
SHARE_THRESHOLDS: Final = (0.25, 0.5, 0.75)
"""Probabilities above which ``AudienceSnapshot.shares`` counts people."""
ROUNDING_POINTS: Final = 1e-3
"""How far past 0 or 100 float32 arithmetic may carry a percentage."""

WHOLE_AUDIENCE: Final = "all"
"""The zone of a snapshot that is about everybody."""

Slug = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Percent = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class EmotionPercents(_Part):
    """One figure an emotion, 0–100 points."""

    neutral: Percent
    happiness: Percent
    surprise: Percent
    sadness: Percent
    anger: Percent
    disgust: Percent
    fear: Percent
    contempt: Percent

    @classmethod
    def of(cls, values: Sequence[float] | npt.NDArray[np.floating]) -> Self:
        """From eight values in canonical order; what rounding carried past 0 or 100 is clipped, nothing else is."""
        return cls(**{e: _clip_rounding(float(v)) for e, v in zip(EMOTIONS, values, strict=True)})

    def values(self) -> tuple[float, ...]:
        """The eight values in canonical order."""
        return tuple(float(getattr(self, e)) for e in EMOTIONS)


def _clip_rounding(value: float) -> float:
    return min(100.0, max(0.0, value)) if -ROUNDING_POINTS <= value <= 100.0 + ROUNDING_POINTS else value


class Interval(_Part):
    """A 95 % interval over people, in the unit of the figure it belongs to."""

    low: Percent
    high: Percent


class EmotionIntervals(_Part):
    """An interval an emotion, points."""

    neutral: Interval
    happiness: Interval
    surprise: Interval
    sadness: Interval
    anger: Interval
    disgust: Interval
    fear: Interval
    contempt: Interval

    @classmethod
    def of(cls, low: npt.NDArray[np.floating], high: npt.NDArray[np.floating]) -> Self:
        """From eight lower and eight upper bounds in canonical order."""
        return cls(**{e: Interval(low=a, high=b) for e, a, b in zip(EMOTIONS, low, high, strict=True)})


class EmotionShares(_Part):
    """Per emotion the share of tracks whose probability exceeds each of :data:`SHARE_THRESHOLDS`, 0–1."""

    neutral: tuple[Share, Share, Share]
    happiness: tuple[Share, Share, Share]
    surprise: tuple[Share, Share, Share]
    sadness: tuple[Share, Share, Share]
    anger: tuple[Share, Share, Share]
    disgust: tuple[Share, Share, Share]
    fear: tuple[Share, Share, Share]
    contempt: tuple[Share, Share, Share]


class UnreadCounts(_Part):
    """Sightings (one face in one frame) that were not read, by reason."""

    too_small: Count = 0
    blurred: Count = 0
    turned_away: Count = 0
    cut_off: Count = 0
    over_cap: Count = 0


class LabelView(_Part):
    """The means in the session's own label set, when that is not the canonical one.

    Each face is viewed before the mean is taken, so the view cannot be recomputed from the canonical means.
    """

    label_set: Slug
    percents: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z][a-z ]{0,31}$")], Percent],
        Field(max_length=16, json_schema_extra={"additionalProperties": False}),
    ]

    @model_validator(mode="after")
    def _holds_its_labels_only(self) -> Self:
        if tuple(self.percents) != label_set(self.label_set).labels:
            raise ValueError(f"a view of {self.label_set} holds its labels in order, got {', '.join(self.percents)}")
        return self


class AudienceSnapshot(_Part):
    """An audience over one step of media time, version 1.

    Below the minimum group a snapshot holds time and ``suppressed``, nothing else.

    Attributes:
        session_id: names the session, not a person.
        source, zone: which camera or file, and which part of the hall.
        media_time: start of the step, seconds.
        duration_seconds: length of the step; 0 for a single frame.
        suppressed: True when the group was smaller than the session's minimum.
        demo: True when the frames were composed, not filmed.
        frames: frames read in the step; 0 marks a gap.
        present: faces seen at once (median over the step's frames).
        readable: faces read at once (median over the step's frames).
        tracks: tracks that were read in the step; what intervals resample. One person may be several tracks.
        coverage: share of the faces seen that was read, mean over frames; a frame without a face counts as 0.
        unread: sightings that were not read, by reason.
        emotions: mean over sightings read, 0–100 points; None when nothing was read.
        covariance: over tracks, points², upper triangle by rows (36 values); None below two tracks.
        shares: share of tracks above each threshold.
        facing_share: share of the faces seen that were turned to the screen, 0–1.
        synchrony: how alike tracks moved over the last seconds, -1 to 1; None below three that moved, and for frames.
        intervals: 95 % over people; None below two tracks: one person has no interval over people.
        view: the means in the session's label set; None when that is the canonical one.
        model: hash of the classifier.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    session_id: Slug
    source: Slug = "main"
    zone: Slug = WHOLE_AUDIENCE
    media_time: Seconds
    duration_seconds: Seconds
    suppressed: bool
    demo: bool = False
    frames: Count | None = None
    present: Count | None = None
    readable: Count | None = None
    tracks: Count | None = None
    coverage: Share | None = None
    unread: UnreadCounts | None = None
    emotions: EmotionPercents | None = None
    covariance: Annotated[tuple[float, ...], Field(min_length=36, max_length=36)] | None = None
    shares: EmotionShares | None = None
    facing_share: Share | None = None
    synchrony: Annotated[float, Field(ge=-1, le=1)] | None = None
    intervals: EmotionIntervals | None = None
    view: LabelView | None = None
    model: Sha256 | None = None

    @model_validator(mode="after")
    def _suppression_is_whole(self) -> Self:
        if self.suppressed:
            allowed = {"schema_version", "session_id", "source", "zone", "media_time", "duration_seconds", "suppressed"}
            told = [n for n in type(self).model_fields if n not in allowed | {"demo"} and getattr(self, n) is not None]
            if told:
                raise ValueError(f"a suppressed snapshot holds time only, but has {', '.join(told)}")
        return self

    @property
    def end_time(self) -> float:
        """End of the step, seconds."""
        return self.media_time + self.duration_seconds

    def gap(self, *, zone: str | None = None, after_seconds: float = 0.0) -> AudienceSnapshot:
        """A step like this one into which no frame fell.

        Args:
            zone: of another part of the hall than this one's.
            after_seconds: how much later it begins.
        """
        return AudienceSnapshot(
            session_id=self.session_id,
            source=self.source,
            zone=self.zone if zone is None else zone,
            media_time=self.media_time + after_seconds,
            duration_seconds=self.duration_seconds,
            suppressed=False,
            demo=self.demo,
            frames=0,
            model=self.model,
        )


class SnapshotLog(Sequence[AudienceSnapshot]):
    """Snapshots kept as packed bytes: hours of them take a few megabytes, and each comes back exactly as it went in."""

    def __init__(self, snapshots: Iterable[AudienceSnapshot] = ()) -> None:
        self._packed: list[bytes] = []
        for snapshot in snapshots:
            self.append(snapshot)

    def append(self, snapshot: AudienceSnapshot) -> None:
        """Keep one more snapshot."""
        self._packed.append(zlib.compress(snapshot.model_dump_json(exclude_none=True).encode(), 1))

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, index: int) -> AudienceSnapshot: ...
    @overload
    def __getitem__(self, index: slice) -> SnapshotLog: ...
    def __getitem__(self, index: int | slice) -> AudienceSnapshot | SnapshotLog:
        if isinstance(index, slice):
            part = SnapshotLog()
            part._packed = self._packed[index]
            return part
        return AudienceSnapshot.model_validate_json(zlib.decompress(self._packed[index]))


@dataclass(frozen=True, slots=True)
class Replicates:
    """Bootstrap replicates of one snapshot's means. They would reveal individuals: they stay in memory.

    Attributes:
        means: float32 R×8, points 0–100; NaN where a replicate drew nobody.
    """

    means: npt.NDArray[np.float32]

    def __reduce__(self) -> NoReturn:
        raise TypeError("bootstrap replicates never leave the process: they would reveal individuals")


@dataclass(frozen=True, slots=True)
class AudienceStep:
    """One snapshot and, beside it in memory only, the replicates that metrics run over."""

    snapshot: AudienceSnapshot
    replicates: Replicates | None


@dataclass(frozen=True, slots=True)
class Session:
    """What one run of measuring is.

    Attributes:
        session_id: names it.
        grant: what the policy gate permitted.
        label_set: name of the label set its labels and view use.
        step_seconds: length of a timeline step; 0 for every frame.
    """

    session_id: str
    grant: Grant
    label_set: str
    step_seconds: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """A finished session.

    Attributes:
        session: what was run.
        snapshots: in order of media time.
        series: samples of every metric, by the slug of their series.
        figures: numbers about the whole session.
        moments: strongest first.
        complete: False when the run was interrupted or the media damaged.
    """

    session: Session
    snapshots: Sequence[AudienceSnapshot]
    series: Mapping[str, SampleLog] = field(default_factory=dict)
    figures: tuple[MetricFigure, ...] = ()
    moments: tuple[Moment, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A model by name and hash; the hash is None where whoever ran it does not tell."""

    name: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class CameraInput:
    """One camera of several that filmed a hall.

    Attributes:
        name: its input without its folder.
        kind: the source plug-in that read it.
        sha256: of the input's bytes; None for a live source.
        start_seconds: media time of the hall at its first moment.
        frames_read: frames of it that went through a pipeline; None where that is not known.
        zones: parts of the hall that it shows.
    """

    name: str
    kind: str
    sha256: str | None
    start_seconds: float
    frames_read: int | None
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FallbackUse:
    """A detector that looks where the first has found nothing for a while.

    Attributes:
        model: which.
        frames_searched: frames in which it looked.
        frames_with_faces: of those, the ones in which it found faces. Both None where that is not known.
    """

    model: ModelIdentity
    frames_searched: int | None
    frames_with_faces: int | None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where every figure of a report comes from.

    Attributes:
        input_name: the input without its folder (``talk.mp4``).
        input_kind: the source plug-in that read it.
        input_sha256: of the input's bytes; None for a live source.
        width, height: of a frame, pixels; None when no frame was seen.
        duration_seconds: of the media as its container declares it; None when it does not.
        frame_rate: average frames per second; None when unknown.
        frames_read: frames that went through the pipeline; None where they were read elsewhere and steps are withheld,
            whose frames nobody told.
        frames_detected: frames on which the detector ran; faces were followed by motion on the others. None, as the
            two that follow, where the frames were read elsewhere.
        sightings: faces seen, summed over frames.
        sightings_read: of those, the ones whose expression was read.
        detector, classifier: which models.
        detector_note: why another detector than the preferred one ran, or None.
        head_pose: what told which way faces were turned, and the hash of its weights, None where it has none.
        execution_providers: what ran the graphs.
        software: versions of Mien and the libraries that touch a number.
        profile: name of the profile the settings started from.
        settings: every setting that was in force, as plain data.
        demo: True when the frames were composed, not filmed.
        stopped_because: why the run ended before its media did (``interrupted``, ``truncated``, ``forgotten``,
            ``cut_off``), or None.
        cameras: where a hall was measured by its zones: what filmed it; empty otherwise.
        frames_brightened: frames that were dark, and were prepared before they were searched and read; None where
            they were read elsewhere.
        fallback: the detector that was to look where the first found nothing, or None.
    """

    input_name: str
    input_kind: str
    input_sha256: str | None
    width: int | None
    height: int | None
    duration_seconds: float | None
    frame_rate: float | None
    frames_read: int | None
    frames_detected: int | None
    sightings: int | None
    sightings_read: int | None
    detector: ModelIdentity
    classifier: ModelIdentity
    detector_note: str | None
    execution_providers: tuple[str, ...]
    software: Mapping[str, str]
    profile: str
    settings: Mapping[str, object]
    demo: bool = False
    stopped_because: str | None = None
    cameras: tuple[CameraInput, ...] = ()
    head_pose: tuple[str, str | None] = ("five_points", None)
    frames_brightened: int | None = 0
    fallback: FallbackUse | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """A finished run: what was measured, and where it comes from.

    Attributes:
        timeline: of the whole audience.
        provenance: of every figure.
        zones: timelines of the hall's parts by their names, where it was measured by them; empty otherwise.
    """

    timeline: Timeline
    provenance: Provenance
    zones: Mapping[str, Timeline] = field(default_factory=dict)


class Metric(Protocol):
    """An audience metric: fed steps in order, asked for its result at any time."""

    slug: str
    display_name: str
    unit: str

    def update(self, step: AudienceStep) -> None:
        """Take one step, in order of media time."""
        ...

    def compute(self) -> MetricResult:
        """Everything so far; asking changes nothing."""
        ...

    def reset(self) -> None:
        """Forget everything."""
        ...


class Sink(Protocol):
    """Where snapshots go as they are made."""

    def write(self, snapshot: AudienceSnapshot) -> None:
        """Take one snapshot, in order."""
        ...

    def close(self, *, complete: bool) -> None:
        """Called once; ``complete`` is False when the run was interrupted."""
        ...


@runtime_checkable
class Buffering(Protocol):
    """A sink that keeps what it took until the other end takes it, and tells how that stands."""

    def trouble(self) -> str | None:
        """What keeps the other end from taking snapshots at present, in plain words; None where it takes them."""
        ...


@runtime_checkable
class Durable(Protocol):
    """A sink whose file is made durable now and then, also while nothing is written."""

    def keep(self) -> None:
        """Make durable what was written, where that is due.

        Raises:
            OutputError: the disk refused.
        """
        ...
