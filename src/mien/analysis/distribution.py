"""A session in a few figures: how much of it was read, and the mean of each emotion over what was read.

A mean over a session weighs each step by its frames times its coverage (see :attr:`Series.weights`). It has no
interval: those of single steps are over the tracks of that step, which are not independent between steps, and the
replicates that could tell are gone with the process that measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.analysis.series import UNREAD_REASONS, FloatArray, Series, StepState
from mien.core.labels import EMOTIONS


@dataclass(frozen=True, slots=True)
class EmotionLevel:
    """One label over a session.

    Attributes:
        label: in the label set at hand.
        mean: points 0–100.
        highest: of the strongest step, points 0–100.
        highest_at: start of that step, seconds.
        leading_share: share of what was read during which this label was the strongest, 0–1.
    """

    label: str
    mean: float
    highest: float
    highest_at: float
    leading_share: float


@dataclass(frozen=True, slots=True)
class Reach:
    """How much of a session was seen and read. Suppressed steps tell nothing and are only counted.

    Attributes:
        steps: of the timeline.
        steps_read, steps_unread, steps_no_face, steps_gap, steps_suppressed: by state; they add up to ``steps``.
        frames: frames in steps that are told.
        coverage: share of the faces seen that was read, mean over frames, 0–1; a frame without a face counts as 0.
            None without frames.
        coverage_while_read: the same over steps in which a face was read; None without one.
        share_with_face: share of steps told that hold a face, read or not, 0–1; None without frames.
        present_median, present_most: faces seen at once, over steps with a face; 0 without one.
        readable_median, readable_most: faces read at once, over steps in which a face was read; 0 without one.
    """

    steps: int
    steps_read: int
    steps_unread: int
    steps_no_face: int
    steps_gap: int
    steps_suppressed: int
    frames: int
    coverage: float | None
    coverage_while_read: float | None
    share_with_face: float | None
    present_median: int
    present_most: int
    readable_median: int
    readable_most: int


def canonical_levels(series: Series) -> tuple[EmotionLevel, ...]:
    """The canonical eight, in canonical order; empty when nothing was read."""
    return _levels(series, series.emotions, EMOTIONS)


def view_levels(series: Series) -> tuple[EmotionLevel, ...]:
    """The session's own labels in the order of its label set; empty without a view or when nothing was read."""
    return _levels(series, series.view, series.view_labels)


def reach(series: Series) -> Reach:
    """How much of a session was seen and read."""
    counts = {state: int(series.in_state(state).sum()) for state in StepState}
    read = series.is_read
    with_face = read | series.in_state(StepState.UNREAD)
    told = with_face | series.in_state(StepState.NO_FACE)
    return Reach(
        steps=len(series),
        steps_read=counts[StepState.READ],
        steps_unread=counts[StepState.UNREAD],
        steps_no_face=counts[StepState.NO_FACE],
        steps_gap=counts[StepState.GAP],
        steps_suppressed=counts[StepState.SUPPRESSED],
        frames=int(series.frames[told].sum()),
        coverage=_mean(series.coverage[told], series.frames[told]),
        coverage_while_read=_mean(series.coverage[read], series.frames[read]),
        share_with_face=float(with_face.sum() / told.sum()) if told.any() else None,
        present_median=_lower_median(series.present[with_face]),
        present_most=int(series.present[with_face].max(initial=0)),
        readable_median=_lower_median(series.readable[read]),
        readable_most=int(series.readable[read].max(initial=0)),
    )


def unread_totals(series: Series) -> dict[str, int]:
    """Sightings (one face in one frame) that were not read, by reason."""
    return {reason: int(count) for reason, count in zip(UNREAD_REASONS, series.unread, strict=True)}


def _levels(series: Series, values: FloatArray, labels: tuple[str, ...]) -> tuple[EmotionLevel, ...]:
    weights = series.weights
    read = np.flatnonzero((weights > 0) & ~np.isnan(values).any(axis=1)) if values.size else np.zeros(0, np.intp)
    if len(read) == 0:
        return ()
    values, weights = values[read], weights[read] / weights[read].sum()
    leading = np.argmax(values, axis=1)
    strongest = np.argmax(values, axis=0)
    return tuple(
        EmotionLevel(
            label=label,
            mean=float(weights @ values[:, column]),
            highest=float(values[strongest[column], column]),
            highest_at=float(series.start[read[strongest[column]]]),
            leading_share=float(weights[leading == column].sum()),
        )
        for column, label in enumerate(labels)
    )


def _mean(values: FloatArray, weights: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float | None:
    total = weights.sum()
    return float(values @ weights / total) if total else None


def _lower_median(values: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> int:
    return int(np.sort(values)[(len(values) - 1) // 2]) if len(values) else 0
