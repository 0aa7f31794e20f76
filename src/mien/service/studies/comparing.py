"""Versions of a title against each other, as ``mien compare`` does it, over a study's sessions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np

from mien.analysis.alignment import OffsetTable, align
from mien.analysis.compare import CompareOptions, compare
from mien.analysis.copies import refuse_copies
from mien.analysis.session_files import moved, on_common_steps
from mien.analysis.sessions import SessionSet, TimeBase
from mien.core.errors import MediaTooLargeError
from mien.core.labels import EMOTIONS
from mien.report.comparison import build_comparison

_IN_POINTS: Final = (*EMOTIONS, "shock", "reaction", "attention", "expressiveness", "sentiment")
MOST_CELLS: Final = 5e9
"""Sessions × steps × shuffles × comparisons: more takes minutes, and is a worker's business."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How versions are compared.

    Attributes:
        shuffles, level, power, control: see :class:`~mien.analysis.compare.CompareOptions`.
        seed: the same seed, the same result.
        step_seconds: of the common timeline; None for the longest of any session.
        from_seconds, to_seconds: stretch of the reference's time.
        offsets: how the time of each version after the reference maps to the reference's; None where it has its
            scenes.
        filtered: which part of the audiences is compared, in words; None for all.
    """

    shuffles: int = 1999
    level: float = 0.05
    power: float = 0.8
    control: Literal["max_t", "cluster"] = "max_t"
    seed: int = 0
    step_seconds: float | None = None
    from_seconds: float = 0.0
    to_seconds: float = math.inf
    offsets: tuple[OffsetTable | None, ...] = ()
    filtered: str | None = None


def compare_versions(
    whole: Mapping[str, Sequence[SessionSet]],
    picked: Mapping[str, Sequence[SessionSet]],
    plan: Plan,
    created: datetime,
) -> dict[str, Any]:
    """The comparison of the first version with each of the others, as ``comparison.json`` tells it.

    Args:
        whole: every version's audience by series, the reference first.
        picked: the parts of them to be compared.
        plan: how.
        created: when.

    Raises:
        InputError: one session is a copy of another.
        SettingsError: no step lies in the stretch, or an option is out of range.
        MediaTooLargeError: there is too much to be reckoned while somebody waits.
    """
    for sets in whole.values():
        refuse_copies(sets)
    first = next(iter(picked.values()))
    options = CompareOptions(
        shuffles=plan.shuffles,
        level=plan.level,
        power=plan.power,
        control=plan.control,
        family=(len(first) - 1) * len(picked),
    )
    rng = np.random.default_rng(plan.seed)
    found = []
    gaps = {}
    for series, sets in picked.items():
        aligned = _aligned(sets, plan)
        gaps = {
            other.version: (
                table.only_in_reference(sets[0].base.end_seconds),
                table.only_in_other(other.base.end_seconds),
            )
            for other, table in zip(sets[1:], plan.offsets or (None,) * (len(sets) - 1), strict=True)
            if table is not None
        }
        if plan.from_seconds > 0 or not math.isinf(plan.to_seconds):
            aligned = tuple(one.between(plan.from_seconds, plan.to_seconds) for one in aligned)
        reference, *others = aligned
        cells = sum((len(reference) + len(o)) * o.base.steps for o in others) * plan.shuffles * len(picked)
        if cells > MOST_CELLS:
            raise MediaTooLargeError(
                f"{cells:.1e} cells are too many to be compared at once: ask for a longer step, a shorter stretch, "
                "fewer series or fewer shuffles."
            )
        found += [compare(reference, other, series, rng, options, unit=unit_of(series)) for other in others]
    document = build_comparison(
        first, found, created, seed=plan.seed, gaps=gaps, filtered=plan.filtered,
        units={series: unit_of(series) for series in picked},
    )  # fmt: skip
    return document.model_dump(mode="json")


def unit_of(series: str) -> str:
    """``points``, or empty where a series has no such unit."""
    return "points" if series in _IN_POINTS else ""


def _aligned(sets: Sequence[SessionSet], plan: Plan) -> tuple[SessionSet, ...]:
    reference, *others = sets
    tables = plan.offsets or (None,) * len(others)
    if not any(tables):
        return on_common_steps(sets, plan.step_seconds)
    alike = [reference, *(s for s, table in zip(others, tables, strict=True) if table is None)]
    base = TimeBase.covering(
        min(s.base.start_seconds for s in alike),
        max(s.base.end_seconds for s in alike),
        plan.step_seconds or max(s.base.step_seconds for s in sets),
    )
    placed = [
        moved(s, base) if table is None else align(s.told(), table, base)
        for s, table in zip(others, tables, strict=True)
    ]
    return moved(reference, base), *placed
