"""A comparison from what was asked to its document, for requests that wait and for jobs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from mien.service.schemas.studies import NewComparison
from mien.service.studies.asking import Asking, ask
from mien.service.studies.comparing import compare_versions
from mien.service.studies.slices import Asked
from mien.store.records import ReportRecord
from mien.store.work import Work

KIND: Final = "comparison"


async def compared(
    asking: Asking,
    study_id: UUID,
    asked: NewComparison,
    created: datetime,
    on_progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """The document of `comparison.schema.json`.

    Args:
        asking: who asks, and how it is reckoned.
        study_id: of whose sessions.
        asked: what.
        created: when.
        on_progress: as for :func:`~mien.service.studies.comparing.compare_versions`; a request that waits has none.

    Raises:
        MienError: as :func:`~mien.service.studies.asking.ask` and ``compare_versions`` raise.
    """
    plan = asked.plan()
    segments = {name: frozenset(values) for name, values in asked.segments.items()}
    whole, picked = {}, {}
    not_counted: dict[tuple[str, str], int] = {}
    for series in asked.series:
        wanted = Asked(series, segments)
        answers = [await ask(asking, study_id, one.version_id, wanted, stays=True) for one in asked.versions]
        whole[series] = tuple(audience for _, audience, _ in answers)
        picked[series] = tuple(answer.audience for *_, answer in answers)
        not_counted |= {(version.name, series): answer.left_out for version, _, answer in answers}
    at = created.replace(microsecond=0)
    return await asking.reckon(lambda: compare_versions(whole, picked, plan, at, on_progress, not_counted=not_counted))


async def keep(work: Work, study_id: UUID, actor: str, document: dict[str, Any]) -> ReportRecord:
    """Store a comparison with its study."""
    report = await work.reports.add(KIND, document, study_id=study_id)
    await work.audit.record(actor, "comparison.made", "report", report.id)
    return report
