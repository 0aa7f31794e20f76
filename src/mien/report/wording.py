"""What a report says in words: times, the headline, and what its numbers mean.

The headline is computed: a timeline is cut into at most three stretches, each told by the emotion that was strongest
in it, and only where that describes the stretch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from mien.analysis.distribution import Reach
from mien.analysis.series import FloatArray, Series
from mien.core.audience import Moment
from mien.core.labels import EMOTIONS

MEANS: Final = (
    "A percentage is the mean probability that a classifier gave an emotion, over the faces it could read in that "
    "step. 40 % happiness in a hall may be four in ten people smiling broadly or everybody smiling faintly.",
    "Coverage says how much stands behind it: the share of the faces seen that could be read. A frame without a face "
    "counts as 0.",
    "An interval is 95 % over the tracks seen in that step: how far the mean would move if other people like these "
    "had sat there. One person may be followed as several tracks. One person has no interval over people.",
    "A strong moment is a rise above this session's own median, not above anybody else's.",
    "Faces too small, blurred, turned away or cut off were left unread and are counted; none was guessed.",
)
DOES_NOT_MEAN: Final = (
    "Suggestions, not truths. A classifier judged pictures of faces as crowd workers once did; it can be wrong.",
    "Expressions are not feelings. People smile out of politeness and watch in still delight.",
    "Expressions differ between cultures, ages and persons, and so do the labels people give them.",
    "No diagnosis, and no ground for a decision about a single person.",
    "Neutral is an expression that was read, not an absence of interest. Unread is neither.",
)
_STRETCHES: Final = 3
_BINS: Final = 200
_WORTH: Final = 6.0
"""Points of mean description that one more stretch has to gain."""
_TELLING: Final = 40.0
"""Least mean, points, of an emotion that may describe a stretch."""


def clock(seconds: float) -> str:
    """``MM:SS`` of media time, rounded down; minutes do not wrap after an hour."""
    whole = math.floor(seconds + 1e-6)
    return f"{whole // 60:02d}:{whole % 60:02d}"


def percent(share: float) -> str:
    """A share 0–1 as whole percent; what is not quite all is never called 100, nor what is not nothing 0."""
    points = share * 100
    if 99.5 <= points < 100:
        return "over 99 %"
    if 0 < points < 1:
        return "under 1 %"
    return f"{points:.0f} %"


def headline(series: Series, extent: Reach, moments: Sequence[Moment], min_group: int) -> str:
    """One sentence that sums a session up.

    Args:
        series: the timeline.
        extent: how much of it was seen.
        moments: strongest first.
        min_group: the session's smallest group.
    """
    if extent.frames == 0 and extent.steps_suppressed:
        return f"Fewer than {min_group} faces were readable at once throughout, so nothing is told about them."
    if extent.frames == 0:
        return "No frame was read."
    if not extent.steps_read:
        frames = f"{extent.frames:,} frame{'s' if extent.frames != 1 else ''}"
        if extent.steps_unread:
            return f"Faces were seen, but none could be read in {frames}."
        return f"No face was seen in {frames}."
    return f"{_course(series, moments)}; {_reading(extent)}."


def _reading(extent: Reach) -> str:
    coverage = percent(extent.coverage or 0.0)
    if extent.present_most == 1:
        return f"read in {coverage} of frames"
    around = f"{extent.present_median} faces" if extent.present_median != 1 else "1 face"
    return f"typically {around} in view, {percent(extent.coverage_while_read or 0.0)} of them readable"


def _course(series: Series, moments: Sequence[Moment]) -> str:
    stretches = describe(series)
    if not stretches:
        lead = "No single emotion dominates"
    elif len(stretches) == 1:
        lead = f"Mostly {stretches[0][0]} throughout"
    else:
        told = []
        for position, (emotion, until) in enumerate(stretches):
            again = " again" if position == 2 and emotion == stretches[0][0] else ""
            told.append(f"{emotion}{again}" + (f" until {clock(until)}" if position < len(stretches) - 1 else ""))
        return "Mostly " + ", then ".join(told)
    if moments:
        first = moments[0]
        level = f"{first.value:.0f} %, {first.rise:+.0f} points"
        lead += f", with the strongest rise in {first.subject} at {clock(first.peak)} ({level})"
    return lead


def describe(series: Series) -> list[tuple[str, float]]:
    """A timeline in at most three stretches.

    Returns:
        Emotion and end (seconds) of each stretch, in order; neighbours differ. Empty when no emotion reaches a mean
        that would describe its stretch.
    """
    read = np.flatnonzero(series.weights > 0)
    if len(read) == 0:
        return []
    bins = np.array_split(read, min(_BINS, len(read)))
    weights = np.array([series.weights[b].sum() for b in bins])
    means = np.stack([np.average(series.emotions[b], axis=0, weights=series.weights[b]) for b in bins])
    best: list[tuple[str, float]] = []
    gained = 0.0
    for count in range(1, min(_STRETCHES, len(bins)) + 1):
        cuts, score = _cut(means, weights, count)
        told: list[tuple[str, float, float]] = []
        for first, last in zip([0, *cuts], [*cuts, len(bins)], strict=True):
            average = np.average(means[first:last], axis=0, weights=weights[first:last])
            strongest = int(np.argmax(average))
            until = series.start[bins[last][0]] if last < len(bins) else series.end[read[-1]]
            told.append((EMOTIONS[strongest], float(until), float(average[strongest])))
        if any(a[0] == b[0] for a, b in itertools.pairwise(told)):
            continue
        if min(mean for _, _, mean in told) < _TELLING:
            continue
        if not best or score - gained >= _WORTH * (count - len(best)):
            best, gained = [(emotion, until) for emotion, until, _ in told], score
    return best


def _cut(means: FloatArray, weights: FloatArray, count: int) -> tuple[list[int], float]:
    """The cuts that make ``count`` stretches best described by one emotion each, and how well: mean points."""
    n = len(means)
    total = np.vstack([np.zeros(means.shape[1]), np.cumsum(means * weights[:, None], axis=0)])
    gains = (total[None, :, :] - total[:, None, :]).max(axis=2)
    gains[np.tril_indices(n + 1)] = -np.inf
    score = gains[0]
    back = []
    for _ in range(1, count):
        through = score[:, None] + gains
        back.append(np.argmax(through, axis=0))
        score = through.max(axis=0)
    cuts: list[int] = []
    at = n
    for choice in reversed(back):
        at = int(choice[at])
        cuts.append(at)
    return cuts[::-1], float(score[n] / weights.sum())
