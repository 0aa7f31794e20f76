"""Synthetic sessions with known truth: each has its own level, its own wobble over time, and what is planted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.analysis.sessions import SessionSet

STEP = 0.5


def sessions(
    rng: np.random.Generator,
    count: int,
    steps: int,
    *,
    version: str = "A",
    planted: npt.ArrayLike = 0.0,
    level: float = 20.0,
    between: float = 3.0,
    wobble: float = 6.0,
    memory: float = 0.8,
    skewed: bool = False,
    unread: float = 0.0,
    min_group: int = 1,
    readable: float = 1.0,
) -> SessionSet:
    """Sessions of fear.

    Args:
        rng: draws them.
        count, steps: how many.
        version: their version.
        planted: points added to every session, a step each or one for all.
        level: mean, points.
        between: deviation of sessions' own levels, points.
        wobble: deviation over time about them, points.
        memory: correlation of neighbouring steps, 0–1.
        skewed: wobble by squares of normal draws, which are mostly small and sometimes large.
        unread: share of stretches of steps that are NaN.
        min_group, readable: see ``SessionSet``.
    """
    drawn = rng.normal(size=(count, steps))
    for k in range(1, steps):
        drawn[:, k] = memory * drawn[:, k - 1] + np.sqrt(1 - memory**2) * drawn[:, k]
    if skewed:
        drawn = (drawn**2 - 1) / np.sqrt(2)
    values = level + between * rng.normal(size=(count, 1)) + wobble * drawn + np.asarray(planted)
    if unread:
        gone = np.repeat(rng.random((count, steps // 10 + 1)) < unread, 10, axis=1)[:, :steps]
        values[gone] = np.nan
    weights = np.ones((count, steps)) if not unread else np.broadcast_to(rng.uniform(0.5, 1, (count, 1)), values.shape)
    return SessionSet.of(
        {"fear": values},
        step_seconds=STEP,
        version=version,
        weights=weights,
        readable=np.full(count, readable),
        min_group=min_group,
        names=[f"{version}-{i}" for i in range(count)],
    )
