"""Steps of an audience, as the gate would hand them to a metric."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import NormalDist

import numpy as np

from mien.core.audience import AudienceSnapshot, AudienceStep, EmotionPercents, Replicates
from mien.core.labels import EMOTIONS

STEP = 0.5
MODEL = "ab" * 32
REPLICATES = 200
EVEN_NORMAL = np.array([NormalDist().inv_cdf((i + 0.5) / REPLICATES) for i in range(REPLICATES)])
"""Quantiles of the standard normal distribution: replicates without the luck of a draw."""


def percents(**points: float) -> EmotionPercents:
    """Points of some emotions; the rest of 100 is neutral."""
    told = {e: points.get(e, 0.0) for e in EMOTIONS}
    told["neutral"] = points.get("neutral", 100.0 - sum(points.values()))
    return EmotionPercents(**told)


def read(at: float, *, people: int = 1, spread: float = 0.0, **points: float) -> AudienceStep:
    """A step of ``people`` faces; with a spread (points) it has replicates whose fear and neutral differ by it."""
    emotions = percents(**points)
    replicates = None
    if people > 1:
        draws = spread * EVEN_NORMAL
        means = np.tile(np.array(emotions.values(), np.float32), (REPLICATES, 1))
        means[:, EMOTIONS.index("fear")] += draws.astype(np.float32)
        means[:, EMOTIONS.index("neutral")] -= draws.astype(np.float32)
        replicates = Replicates(means)
    snapshot = AudienceSnapshot(
        session_id="test", media_time=at, duration_seconds=STEP, suppressed=False, frames=12, present=people,
        readable=people, tracks=people, coverage=1.0, emotions=emotions, facing_share=1.0, model=MODEL,
        synchrony=0.5 if people > 2 else None,
    )  # fmt: skip
    return AudienceStep(snapshot, replicates)


def empty(at: float) -> AudienceStep:
    """Frames, but no face in them."""
    snapshot = AudienceSnapshot(
        session_id="test", media_time=at, duration_seconds=STEP, suppressed=False, frames=12, present=0, readable=0,
        tracks=0, coverage=0.0, model=MODEL,
    )  # fmt: skip
    return AudienceStep(snapshot, None)


def gap(at: float) -> AudienceStep:
    """No frame at all."""
    snapshot = AudienceSnapshot(
        session_id="test", media_time=at, duration_seconds=STEP, suppressed=False, frames=0, model=MODEL
    )
    return AudienceStep(snapshot, None)


def suppressed(at: float) -> AudienceStep:
    """Fewer people than may be told about."""
    return AudienceStep(
        AudienceSnapshot(session_id="test", media_time=at, duration_seconds=STEP, suppressed=True), None
    )


def fear_curve(levels: Iterable[float], start: float = 0.0, **others: float) -> list[AudienceStep]:
    """One step after another, each with a level of fear."""
    return [read(start + STEP * i, people=1, spread=0.0, fear=level, **others) for i, level in enumerate(levels)]


CALM = 60
"""Steps in the half minute of a baseline."""
