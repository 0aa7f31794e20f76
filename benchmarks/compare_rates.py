"""How often comparisons of versions are right, by simulation: false alarms, power, bands, false discoveries.

Sessions wander about a level of their own (steps 0.5 s apart correlate by 0.8). Prints JSON.

    python -m benchmarks.compare_rates [--comparisons 1000]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.analysis.compare import CompareOptions, Comparison, Control, compare
from mien.analysis.sessions import SessionSet

STEPS, STEP_SECONDS, MEMORY = 150, 0.5, 0.8
LEVEL_POINTS, BETWEEN_POINTS, WOBBLE_POINTS = 20.0, 3.0, 6.0


@dataclass(frozen=True, slots=True)
class Audiences:
    """What is drawn: sessions of each version, and how.

    Attributes:
        sessions: of each version.
        skewed: wobble by squares of normal draws, mostly small and sometimes large.
        unread: share of five-second stretches that are not read.
        scatter: B's wobble in multiples of A's.
        planted: float64 STEPS, points added to B; None for none.
    """

    sessions: int = 12
    skewed: bool = False
    unread: float = 0.0
    scatter: float = 1.0
    planted: npt.NDArray[np.float64] | None = None


def version(rng: np.random.Generator, how: Audiences, name: str) -> SessionSet:
    """Sessions of one version."""
    drawn = rng.normal(size=(how.sessions, STEPS))
    for k in range(1, STEPS):
        drawn[:, k] = MEMORY * drawn[:, k - 1] + np.sqrt(1 - MEMORY**2) * drawn[:, k]
    if how.skewed:
        drawn = (drawn**2 - 1) / np.sqrt(2)
    other = name == "B"
    own = BETWEEN_POINTS * rng.normal(size=(how.sessions, 1)) if how.scatter == 1 else 0.0
    values = LEVEL_POINTS + own + WOBBLE_POINTS * (how.scatter if other else 1.0) * drawn
    if other and how.planted is not None:
        values += how.planted
    values[np.repeat(rng.random((how.sessions, STEPS // 10)) < how.unread, 10, axis=1)] = np.nan
    return SessionSet.of(
        {"fear": values}, step_seconds=STEP_SECONDS, version=name, names=[f"{name}{i}" for i in range(how.sessions)]
    )


def compared(seed: int, count: int, how: Audiences, control: Control = "max_t") -> list[Comparison]:
    """Many comparisons of freshly drawn audiences."""
    rng = np.random.default_rng(seed)
    options = CompareOptions(shuffles=399, control=control)
    return [compare(version(rng, how, "A"), version(rng, how, "B"), "fear", rng, options) for _ in range(count)]


def false_alarms(found: Sequence[Comparison]) -> float:
    return float(np.mean([bool(c.verdict.shown) for c in found]))


def false_discovery_rate(found: Sequence[Comparison], planted: npt.NDArray[np.float64]) -> float:
    chosen = [c.curve.q <= c.options.level for c in found]
    return float(np.mean([(q & (planted == 0)).sum() / max(q.sum(), 1) for q in chosen]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", type=int, default=1000)
    count = parser.parse_args().comparisons
    stretch = np.where((np.arange(STEPS) >= 60) & (np.arange(STEPS) < 80), 12.0, 0.0)
    twenty = Audiences(sessions=20)
    told = float(np.mean([c.curve.detectable[75] for c in compared(10, 100, twenty)]))
    single = np.where(np.arange(STEPS) == 75, told, 0.0)
    powered = compared(11, count, Audiences(sessions=20, planted=single))
    held = compared(12, count, Audiences(planted=stretch))
    result = {
        "comparisons": count,
        "false_alarms": {
            "max_t": false_alarms(compared(1, count, Audiences())),
            "max_t, skewed": false_alarms(compared(2, count, Audiences(skewed=True))),
            "max_t, skewed, a fifth unread": false_alarms(compared(3, count, Audiences(skewed=True, unread=0.2))),
            "cluster": false_alarms(compared(4, count, Audiences(), "cluster")),
            "cluster, skewed, a fifth unread": false_alarms(
                compared(5, count, Audiences(skewed=True, unread=0.2), "cluster")
            ),
            "max_t, 4 sessions each": false_alarms(compared(6, count, Audiences(sessions=4))),
            "max_t, B scatters 1.5 times as much": false_alarms(compared(7, count, Audiences(scatter=1.5))),
            "max_t, B scatters twice as much": false_alarms(compared(8, count, Audiences(scatter=2.0))),
            "max_t, B scatters twice as much, 30 sessions each": false_alarms(
                compared(9, count, Audiences(sessions=30, scatter=2.0))
            ),
        },
        "power_told": 0.8,
        "power_measured": float(np.mean([c.curve.family_p[75] <= c.options.level for c in powered])),
        "simultaneous_band_holds": float(
            np.mean([((c.curve.family_low <= stretch) & (stretch <= c.curve.family_high)).all() for c in held])
        ),
        "pointwise_band_holds": float(
            np.mean([((c.curve.low <= stretch) & (stretch <= c.curve.high)).mean() for c in held])
        ),
        "false_discovery_rate": false_discovery_rate(held, stretch),
        "true_steps_discovered": float(np.mean([(c.curve.q <= c.options.level)[stretch > 0].mean() for c in held])),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
