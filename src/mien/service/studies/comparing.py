"""Versions of a title against each other, as ``mien compare`` does it, over a study's sessions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np

from mien.analysis.alignment import OffsetTable, align
from mien.analysis.compare import CompareOptions, Comparison, compare
from mien.analysis.copies import refuse_copies
from mien.analysis.session_files import moved, on_common_steps
from mien.analysis.sessions import SessionSet, TimeBase
from mien.core.errors import MediaTooLargeError
from mien.core.labels import EMOTIONS
from mien.core.policy import LEAST_GROUP_WITHOUT_BASIS
from mien.report.comparison import build_comparison
from mien.service.studies.audience import check_cells

_IN_POINTS: Final = (*EMOTIONS, "shock", "reaction", "attention", "expressiveness", "sentiment")
MOST_CELLS: Final = 1e9
"""Sessions × steps × shuffles × series that are compared while somebody waits: some seconds."""
MOST_CELLS_OF_A_JOB: Final = 1e12
"""The same of a worker: some hours."""
TOO_MANY: Final = (
    "{cells:.1e} cells are too many to be compared while a request waits: begin a job at "
    "/api/v1/studies/{{study_id}}/comparison_jobs, or ask for a longer step, a shorter stretch, fewer series or fewer "
    "shuffles."
)
TOO_MANY_FOR_A_JOB: Final = (
    "{cells:.1e} cells are too many to be compared at once: ask for a longer step, a shorter stretch, fewer series or "
    "fewer shuffles."
)


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
    on_progress: Callable[[float], None] | None = None,
    *,
    not_counted: Mapping[tuple[str, str], int] | None = None,
) -> dict[str, Any]:
    """The comparison of the first version with each of the others, as ``comparison.json`` tells it.

    Args:
        whole: every version's audience by series, the reference first.
        picked: the parts of them to be compared.
        plan: how.
        created: when.
        on_progress: told the share that is done, 0–1, before each pair; what it raises ends the comparison. None where
            a request waits: much less is compared then.
        not_counted: sessions that are there and in none of the parts, by version and series.

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
        # The document stays with the study, where everybody of the organisation reads it.
        min_group=LEAST_GROUP_WITHOUT_BASIS,
    )
    rng = np.random.default_rng(plan.seed)
    found: list[Comparison] = []
    gaps = {}
    pairs = (len(first) - 1) * len(picked)
    most, why = (MOST_CELLS, TOO_MANY) if on_progress is None else (MOST_CELLS_OF_A_JOB, TOO_MANY_FOR_A_JOB)
    for series, sets in picked.items():
        _check_grid(sets, plan)
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
        if cells > most:
            raise MediaTooLargeError(why.format(cells=cells))
        for other in others:
            if on_progress is not None:
                on_progress(len(found) / pairs)
            found.append(compare(reference, other, series, rng, options, unit=unit_of(series)))
    document = build_comparison(
        first, found, created, seed=plan.seed, gaps=gaps, filtered=plan.filtered,
        units={series: unit_of(series) for series in picked}, not_counted=not_counted,
    )  # fmt: skip
    return document.model_dump(mode="json")


def unit_of(series: str) -> str:
    """``points``, or empty where a series has no such unit."""
    return "points" if series in _IN_POINTS else ""


def _check_grid(sets: Sequence[SessionSet], plan: Plan) -> None:
    """Before all versions are put on common steps."""
    step = plan.step_seconds or max(one.base.step_seconds for one in sets)
    seconds = max(one.base.end_seconds for one in sets) - min(one.base.start_seconds for one in sets)
    check_cells(seconds / step * sum(len(one) for one in sets))


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
