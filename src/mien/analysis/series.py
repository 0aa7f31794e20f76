"""A timeline as columns: what analysis and charts compute on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from mien.core.audience import AudienceSnapshot, EmotionIntervals, UnreadCounts
from mien.core.labels import EMOTIONS

FloatArray = npt.NDArray[np.float64]

UNREAD_REASONS: Final = tuple(UnreadCounts.model_fields)
"""Why a face that was seen was not read, in the order of every column of counts."""


class StepState(StrEnum):
    """What a step of a timeline holds."""

    READ = "read"
    """At least one face was read."""
    UNREAD = "unread"
    """Faces were seen, none could be read."""
    NO_FACE = "no_face"
    """Frames were seen, but no face in them."""
    GAP = "gap"
    """No frame fell into the step."""
    SUPPRESSED = "suppressed"
    """The group was smaller than the session's minimum, so nothing is told."""


STATES: Final = tuple(StepState)


def state_of(snapshot: AudienceSnapshot) -> StepState:
    """What a snapshot holds."""
    if snapshot.suppressed:
        return StepState.SUPPRESSED
    if not snapshot.frames:
        return StepState.GAP
    if snapshot.emotions is not None:
        return StepState.READ
    unread = snapshot.unread or UnreadCounts()
    seen = bool(snapshot.present) or any(getattr(unread, reason) for reason in UNREAD_REASONS)
    return StepState.UNREAD if seen else StepState.NO_FACE


def intervals_of(snapshot: AudienceSnapshot) -> EmotionIntervals | None:
    """A snapshot's intervals where they are over people.

    With at most one face read at once, two tracks are most likely one person lost and found again: no interval then.
    """
    return snapshot.intervals if (snapshot.readable or 0) > 1 else None


@dataclass(frozen=True, slots=True)
class Series:
    """N steps in order of media time.

    Attributes:
        start: float64 N, seconds.
        end: float64 N, seconds; ``end == start`` where steps are single frames.
        state: int8 N, position in :data:`STATES`.
        frames, present, readable: int64 N; 0 where unknown.
        coverage: float64 N, 0–1; 0 where unknown.
        emotions: float64 N×8, points 0–100 in canonical order; NaN where nothing was read.
        low, high: float64 N×8, 95 % over people; NaN where there is none.
        view: float64 N×V, points in the session's own label set; NaN where nothing was read. V is 0 without a view.
        view_labels: the V labels.
        unread: int64 5, sightings that were not read, summed over steps, in the order of :data:`UNREAD_REASONS`.
    """

    start: FloatArray
    end: FloatArray
    state: npt.NDArray[np.int8]
    frames: npt.NDArray[np.int64]
    present: npt.NDArray[np.int64]
    readable: npt.NDArray[np.int64]
    coverage: FloatArray
    emotions: FloatArray
    low: FloatArray
    high: FloatArray
    view: FloatArray
    view_labels: tuple[str, ...]
    unread: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def is_read(self) -> npt.NDArray[np.bool_]:
        """bool N: steps that carry emotions."""
        return np.asarray(self.state == STATES.index(StepState.READ))

    def in_state(self, state: StepState) -> npt.NDArray[np.bool_]:
        """bool N: steps in a state."""
        return np.asarray(self.state == STATES.index(state))

    @property
    def weights(self) -> FloatArray:
        """float64 N: how much each step counts in a mean over the session.

        A step's frames times its coverage, so that a step weighs as much as was read in it. With one face, or with
        equally many faces in every frame, the mean does not depend on how long steps are.
        """
        return np.asarray(np.where(self.is_read, self.frames * self.coverage, 0.0), np.float64)

    @property
    def until(self) -> FloatArray:
        """float64 N, seconds: how long each step stands; of single frames, until the next one."""
        if not (self.end <= self.start).any():
            return self.end
        gaps = np.diff(self.start)
        usual = float(np.median(gaps)) if len(gaps) else 1e-3
        following = self.start + np.append(gaps, usual)
        return np.asarray(np.where(self.end > self.start, self.end, following), np.float64)

    @classmethod
    def of(cls, snapshots: Iterable[AudienceSnapshot]) -> Self:
        """From snapshots in order of media time; each is looked at once."""
        scalars: list[tuple[float, float, int, int, int, int, float]] = []
        emotions: list[tuple[float, ...]] = []
        bounds: dict[int, tuple[list[float], list[float]]] = {}
        views: dict[int, list[float]] = {}
        labels: tuple[str, ...] = ()
        unread = np.zeros(len(UNREAD_REASONS), np.int64)
        nothing = (float("nan"),) * len(EMOTIONS)
        for row, snapshot in enumerate(snapshots):
            state = state_of(snapshot)
            scalars.append(
                (
                    snapshot.media_time,
                    snapshot.end_time,
                    STATES.index(state),
                    snapshot.frames or 0,
                    snapshot.present or 0,
                    snapshot.readable or 0,
                    snapshot.coverage or 0.0,
                )
            )
            emotions.append(snapshot.emotions.values() if snapshot.emotions else nothing)
            intervals = intervals_of(snapshot)
            if intervals is not None:
                each = [getattr(intervals, emotion) for emotion in EMOTIONS]
                bounds[row] = ([i.low for i in each], [i.high for i in each])
            if snapshot.view is not None:
                labels = labels or tuple(snapshot.view.percents)
                views[row] = [snapshot.view.percents.get(label, 0.0) for label in labels]
            if snapshot.unread is not None:
                unread += [getattr(snapshot.unread, reason) for reason in UNREAD_REASONS]
        columns = np.array(scalars, np.float64).reshape(-1, 7)
        n = len(columns)
        low, high = np.full((n, len(EMOTIONS)), np.nan), np.full((n, len(EMOTIONS)), np.nan)
        for row, (lower, upper) in bounds.items():
            low[row], high[row] = lower, upper
        view = np.full((n, len(labels)), np.nan)
        for row, values in views.items():
            view[row] = values
        return cls(
            start=columns[:, 0],
            end=columns[:, 1],
            state=columns[:, 2].astype(np.int8),
            frames=columns[:, 3].astype(np.int64),
            present=columns[:, 4].astype(np.int64),
            readable=columns[:, 5].astype(np.int64),
            coverage=columns[:, 6],
            emotions=np.array(emotions, np.float64).reshape(-1, len(EMOTIONS)),
            low=low,
            high=high,
            view=view,
            view_labels=labels,
            unread=unread,
        )
