"""What a report says in words: times, the headline, and what its numbers mean.

The headline is computed: a timeline is cut into at most three stretches, each told by the emotion that was strongest
in it, or called mixed where none describes it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from mien.analysis.distribution import Reach
from mien.analysis.series import FloatArray, Series, StepState
from mien.core.findings import Moment
from mien.core.labels import EMOTIONS

STOPPED_WORDS: Final = {
    "interrupted": "It was interrupted before the end.",
    "cut_off": "The power or the program was cut off; this was made of the lines it had written.",
    "forgotten": "Nobody ended it.",
    "truncated": "The media ended early or is damaged.",
}
MEANS: Final = (
    "A percentage is the mean probability that a classifier gave an emotion, over the faces it could read in that "
    "step. 40 % happiness in a hall may be four in ten people smiling broadly or everybody smiling faintly.",
    "Coverage says how much stands behind it: the share of the faces seen that could be read. A frame without a face "
    "counts as 0.",
    "An interval is 95 % over the tracks seen in that step: how far the mean would move if other people like these "
    "had sat there. One person may be followed as several tracks. One person has no interval over people.",
    "A strong moment is a rise above this session's own usual level, not above anybody else's.",
    "Faces too small, blurred, turned away or cut off were left unread and are counted; none was guessed.",
)
DOES_NOT_MEAN: Final = (
    "Suggestions, not truths. A classifier judged pictures of faces as crowd workers once did; it can be wrong.",
    "Expressions are not feelings. People smile out of politeness and watch in still delight.",
    "Expressions differ between cultures, ages and persons, and so do the labels people give them.",
    "No diagnosis, and no ground for a decision about a single person.",
    "Neutral is an expression that was read, not an absence of interest. Unread is neither.",
)
_SHORT_SECONDS: Final = 10.0
"""Sessions shorter than this are told in tenths of a second."""
_GONE: Final = 0.05
"""Share of a session without a face at its end that is worth a word."""
_STRETCHES: Final = 3
_BINS: Final = 200
MIXED: Final = "mixed"
"""What a stretch is called that no emotion describes."""
_WORTH: Final = 3.0
"""Points of mean description that one more stretch has to gain."""
_TELLING: Final = 40.0
"""Least mean, points, of an emotion that may describe a stretch; below it the stretch is mixed."""


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
    return f"{_course(series, moments)}; {_reading(series, extent)}."


def _reading(series: Series, extent: Reach) -> str:
    coverage = percent(extent.coverage or 0.0)
    if extent.present_most > 1:
        around = f"{extent.present_median} faces" if extent.present_median != 1 else "1 face"
        return f"typically {around} in view, {percent(extent.coverage_while_read or 0.0)} of them readable"
    empty = series.in_state(StepState.NO_FACE)
    last = int(np.flatnonzero(~empty)[-1])
    left = float(series.end[last])
    without = (series.end[-1] - left) / max(series.end[-1] - series.start[0], 1e-9)
    gone = f", no face after {_moment(series, left)}" if without >= _GONE else ""
    return f"read in {coverage} of frames{gone}"


def _moment(series: Series, seconds: float) -> str:
    """A time in a sentence: tenths of a second where whole ones would be too coarse."""
    return clock(seconds) if series.end[-1] - series.start[0] >= _SHORT_SECONDS else f"{seconds:.1f} s"


def _course(series: Series, moments: Sequence[Moment]) -> str:
    stretches = describe(series)
    if len(stretches) > 1:
        return _told_in_order([(emotion, _moment(series, until)) for emotion, until in stretches])
    lead = "No single emotion dominates" if stretches[0][0] == MIXED else f"Mostly {stretches[0][0]} throughout"
    if moments:
        first = moments[0]
        level = f"{first.value:.0f} %, {first.rise:+.0f} points"
        lead += f", with the strongest rise in {first.subject} at {_moment(series, first.peak)} ({level})"
    return lead


def _told_in_order(stretches: Sequence[tuple[str, str]]) -> str:
    told: list[str] = []
    mostly = True
    for position, (emotion, until) in enumerate(stretches):
        words = emotion
        if mostly and emotion != MIXED:
            words, mostly = f"mostly {emotion}", False
        if position == 2 and emotion == stretches[0][0]:
            words += " again"
        told.append(words + (f" until {until}" if position < len(stretches) - 1 else ""))
    sentence = ", then ".join(told)
    return sentence[0].upper() + sentence[1:]


def describe(series: Series) -> list[tuple[str, float]]:
    """A timeline in at most three stretches.

    Args:
        series: with at least one step that was read.

    Returns:
        Emotion (or :data:`MIXED`) and end (seconds) of each stretch, in order; neighbours differ.
    """
    weights = series.weights
    read = np.flatnonzero(weights > 0)
    bins = np.array_split(read, min(_BINS, len(read)))
    heft = np.array([weights[b].sum() for b in bins])
    means = np.stack([np.average(series.emotions[b], axis=0, weights=weights[b]) for b in bins])
    described = np.column_stack([means, np.full(len(bins), _TELLING)])
    best: list[tuple[str, float]] = []
    gained = 0.0
    for count in range(1, min(_STRETCHES, len(bins)) + 1):
        cuts, score = _cut(described, heft, count)
        told: list[tuple[str, float]] = []
        for first, last in zip([0, *cuts], [*cuts, len(bins)], strict=True):
            strongest = int(np.argmax(np.average(described[first:last], axis=0, weights=heft[first:last])))
            until = series.start[bins[last][0]] if last < len(bins) else series.end[read[-1]]
            told.append(((*EMOTIONS, MIXED)[strongest], float(until)))
        if any(a[0] == b[0] for a, b in itertools.pairwise(told)):
            continue
        if not best or score - gained >= _WORTH * (count - len(best)):
            best, gained = told, score
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


def why_stopped(reason: str | None) -> str:
    """A sentence on why a run ended early; ``reason`` is the report's ``stopped_because``."""
    return STOPPED_WORDS.get(reason or "", "It ended before the media did.")
