"""Where an audience was lost or startled, and which sentence came before.

That a sentence came before says when, not why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np

from mien.analysis.series import FloatArray, Series
from mien.core.findings import Moment, MomentKind, SampleLog


class TurnKind(StrEnum):
    """What kind of turn a timeline takes."""

    SCARE = "scare"
    ENGAGEMENT_DROP = "engagement_drop"
    ATTENTION_DROP = "attention_drop"


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """What a drop is, and which sentence came before a turn.

    Attributes:
        least_fall: of each series, in its unit: from the mean before to the mean after.
        before_seconds, after_seconds: what the means reach over.
        least_known_share: of either, 0–1, that must have a value.
        apart_seconds: least time between two drops of one series; the deeper one stays.
        reacts_seconds: a sentence that began later than this before a turn is not what came before it.
        look_back_seconds: nor one that ended earlier than this.
    """

    least_fall: Mapping[TurnKind, float] = field(
        default_factory=lambda: MappingProxyType({TurnKind.ENGAGEMENT_DROP: 0.5, TurnKind.ATTENTION_DROP: 20.0})
    )
    before_seconds: float = 5.0
    after_seconds: float = 2.0
    least_known_share: float = 0.5
    apart_seconds: float = 5.0
    reacts_seconds: float = 0.3
    look_back_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Turn:
    """A scare or a drop.

    Attributes:
        kind: which.
        at_seconds: when it began, recorded time.
        before, after: level before and after, in the series' unit: points 0–100, or 1–5 for engagement.
        sentence: number of the sentence that came before it, from 0, or None where nothing was said.
    """

    kind: TurnKind
    at_seconds: float
    before: float
    after: float
    sentence: int | None


SERIES: Final[Mapping[TurnKind, str]] = MappingProxyType(
    {TurnKind.ENGAGEMENT_DROP: "engagement", TurnKind.ATTENTION_DROP: "attention"}
)
"""Slug of the series that each kind of drop is looked for in."""


def find_turns(
    series: Series,
    logs: Mapping[str, SampleLog],
    moments: Sequence[Moment],
    sentences: Sequence[tuple[float, float]],
    options: TurnOptions | None = None,
) -> tuple[Turn, ...]:
    """Every scare and drop in order of time, each with the sentence before.

    Args:
        series: the timeline.
        logs: samples by slug, one a step.
        moments: what metrics found; scares are taken from it.
        sentences: start and end of each, recorded seconds, in order.
        options: how.
    """
    options = options or TurnOptions()
    found = [
        Turn(TurnKind.SCARE, m.start, m.value - m.rise, m.value, sentence_before(sentences, m.start, options))
        for m in moments
        if m.kind is MomentKind.SCARE
    ]
    for kind, slug in SERIES.items():
        if slug in logs:
            for at, before, after in drops(series, logs[slug], options.least_fall[kind], options):
                found.append(Turn(kind, at, before, after, sentence_before(sentences, at, options)))
    return tuple(sorted(found, key=lambda turn: (turn.at_seconds, turn.kind)))


def sentence_before(
    sentences: Sequence[tuple[float, float]], at: float, options: TurnOptions | None = None
) -> int | None:
    """Number of the sentence that was being said, or was last said, when something began; None where there is none.

    Args:
        sentences: start and end of each, seconds, in order.
        at: when it began.
        options: how long before.
    """
    options = options or TurnOptions()
    begun = [number for number, (start, _) in enumerate(sentences) if start <= at - options.reacts_seconds]
    if not begun or sentences[begun[-1]][1] < at - options.look_back_seconds:
        return None
    return begun[-1]


def drops(
    series: Series, log: SampleLog, least_fall: float, options: TurnOptions | None = None
) -> tuple[tuple[float, float, float], ...]:
    """Where a series falls: when, from which mean before to which after; in order of time.

    A fall is none that the intervals over people on both sides could make: where they are known, it has to be larger
    than the root of the sum of their squared half-widths.

    Args:
        series: the timeline.
        log: a sample a step.
        least_fall: in the series' unit.
        options: how.
    """
    options = options or TurnOptions()
    steps = min(len(series), len(log))
    samples = list(log[:steps])
    start, until = series.start[:steps], series.until[:steps]
    values = np.array([np.nan if s.value is None else s.value for s in samples], np.float64)
    half = np.array([np.nan if s.low is None or s.high is None else (s.high - s.low) / 2 for s in samples], np.float64)
    if not steps:
        return ()
    before, before_half = _means(start, until, values, half, -options.before_seconds, options.least_known_share)
    after, after_half = _means(start, until, values, half, options.after_seconds, options.least_known_share)
    falls = before - after
    doubt = np.sqrt(np.nan_to_num(before_half) ** 2 + np.nan_to_num(after_half) ** 2)
    falls = np.where(np.isnan(falls) | (falls < least_fall) | (falls <= doubt), -np.inf, falls)
    kept: list[int] = []
    for step in np.argsort(-falls, kind="stable").tolist():
        if not np.isfinite(falls[step]):
            break
        if all(abs(start[step] - start[other]) >= options.apart_seconds for other in kept):
            kept.append(step)
    return tuple((float(start[s]), float(before[s]), float(after[s])) for s in sorted(kept))


def _means(
    start: FloatArray, until: FloatArray, values: FloatArray, half: FloatArray, seconds: float, least: float
) -> tuple[FloatArray, FloatArray]:
    """Means of values and half-widths over so many seconds from each step's start on, or before it where negative.

    float64 N each; NaN where less than the least share of that time has a value.
    """
    length = until - start
    known = ~np.isnan(values)
    behind = np.concatenate([[0.0], np.cumsum(np.where(known, length, 0.0))])
    total = np.concatenate([[0.0], np.cumsum(np.where(known, length * values, 0.0))])
    doubt = np.concatenate([[0.0], np.cumsum(np.where(known, length * np.nan_to_num(half), 0.0))])
    here = np.arange(len(start))
    there = np.searchsorted(start, start + seconds - 1e-6, "left")
    first, last = (there, here) if seconds < 0 else (here, there)
    share = behind[last] - behind[first]
    enough = share >= least * abs(seconds) - 1e-6
    found = (np.divide(sums[last] - sums[first], share, out=np.full(len(start), np.nan), where=enough & (share > 0))
             for sums in (total, doubt))  # fmt: skip
    mean, wide = found
    return mean, wide
