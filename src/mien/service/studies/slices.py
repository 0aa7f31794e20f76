"""Questions about parts of a study's audience, so that no answers of any days tell of fewer than ten people.

What parts were answered over is remembered in the audit, which is never changed, under the study and the version: the
partition in force (:mod:`mien.analysis.standing`), not what was asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import numpy as np

from mien.analysis.filters import Filter
from mien.analysis.sessions import SessionSet
from mien.analysis.standing import Standing, answering
from mien.core.errors import InputError
from mien.store.work import Work

ACTION: Final = "audience.partitioned"
SUBJECT: Final = "study_version"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of a version's audience, and when.

    Attributes:
        series: an emotion or a metric.
        segments: by attribute, the declared values that count; empty for everybody.
        from_seconds, to_seconds: steps that begin in this stretch of media time.
    """

    series: str
    segments: Mapping[str, frozenset[str]] = field(default_factory=dict)
    from_seconds: float = 0.0
    to_seconds: float = math.inf

    @property
    def is_of_everybody(self) -> bool:
        """Whether nobody is picked by what they declared."""
        return not self.segments


@dataclass(frozen=True, slots=True)
class Answer:
    """A part of an audience.

    Attributes:
        audience: the sessions and steps it is about; what is withheld is NaN and weighs nothing.
        withheld_steps: steps in which somebody was read but nothing is told.
        left_out: sessions that are there and not counted yet, because too few came since parts were last told about.
        standing: what is to be remembered before this is told; None for nothing.
    """

    audience: SessionSet
    withheld_steps: int
    left_out: int = 0
    standing: Standing | None = None


async def remembered(work: Work, study_id: UUID, version_id: UUID, series: str) -> tuple[Standing, ...]:
    """Everything that parts of a version's audience were answered over, in order."""
    found: list[Standing] = []
    after: UUID | None = None
    while True:
        page = await work.audit.list(after=after, limit=1000, action=ACTION, subject=_subject(study_id, version_id))
        found += [Standing.from_document(e.detail) for e in page.items if e.detail["series"] == series]
        if page.after is None:
            return tuple(found)
        after = page.after


async def remember(
    work: Work, actor: str, place: tuple[UUID, UUID, str], standing: Standing, earlier: tuple[Standing, ...]
) -> bool:
    """Keep what parts are about to be answered over; the answer may be given once this unit of work has ended well.

    Args:
        work: a unit of work that writes.
        actor: who asked.
        place: study, version and series.
        standing: what to keep.
        earlier: what was remembered when the answer was made.

    Returns:
        False where somebody else was answered meanwhile: nothing is kept, and the answer must be made anew.
    """
    study_id, version_id, series = place
    await work.audit.alone()
    if await remembered(work, study_id, version_id, series) != earlier:
        return False
    detail = {"series": series, **standing.document()}
    await work.audit.record(actor, ACTION, SUBJECT, _subject(study_id, version_id), detail)
    return True


def answer(audience: SessionSet, asked: Asked, earlier: tuple[Standing, ...]) -> Answer:
    """A part of an audience, or all of it.

    Args:
        audience: all of it.
        asked: which part.
        earlier: what parts were answered over before.

    Raises:
        PolicyError: it would tell of too few people, alone or together with what was answered before.
        InputError: nobody was asked about an attribute.
        SettingsError: no step lies in the stretch.
    """
    if asked.is_of_everybody:
        whole = audience
        if asked.from_seconds > 0 or not math.isinf(asked.to_seconds):
            whole = audience.between(asked.from_seconds, asked.to_seconds)
        read = whole.people(asked.series) > 0
        return Answer(whole, int((read & np.isnan(whole.mean(asked.series))).sum()))
    unknown = [name for name in asked.segments if name not in audience.attributes]
    if unknown:
        raise InputError(f"nobody in version '{audience.version}' declared '{unknown[0]}' and agreed to its use.")
    over = answering(audience, asked.series, earlier)
    told = over.ask(Filter(asked.series, asked.segments, asked.from_seconds, asked.to_seconds))
    return Answer(told.audience, told.withheld_steps, over.left_out, over.standing)


def _subject(study_id: UUID, version_id: UUID) -> str:
    return f"{study_id}:{version_id}"
