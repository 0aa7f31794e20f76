"""Questions about parts of a study's audience, so that no answers of any days tell of fewer than ten people.

What was told is remembered in the audit, which is never changed, under the study and the version: for questions about
parts the partition in force, whichever part was asked about, of whatever quantity (:mod:`mien.analysis.standing`).
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
from mien.analysis.standing import Crowd, Told, answering
from mien.core.errors import InputError
from mien.service.studies.audience import quantity_of
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
        left_out: sessions that are there and not counted yet: too few came with them, or their steps are longer.
        standing: what is to be remembered before this is told; None for nothing.
    """

    audience: SessionSet
    withheld_steps: int
    left_out: int = 0
    standing: Told | None = None


async def remembered(work: Work, study_id: UUID, version_id: UUID) -> tuple[Told, ...]:
    """Everything that was told of a version's audience, in order."""
    found: list[Told] = []
    after: UUID | None = None
    while True:
        page = await work.audit.list(after=after, limit=1000, action=ACTION, subject=_subject(study_id, version_id))
        # Entries from before quantities were kept have their series alone.
        details = ({"quantity": quantity_of(entry.detail["series"]), **entry.detail} for entry in page.items)
        found += [Told.from_document(detail) for detail in details]
        if page.after is None:
            return tuple(found)
        after = page.after


async def remember(
    work: Work, actor: str, place: tuple[UUID, UUID, str], standing: Told, earlier: tuple[Told, ...]
) -> bool:
    """Keep what is about to be told; the answer may be given once this unit of work has ended well.

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
    if await remembered(work, study_id, version_id) != earlier:
        return False
    detail = {"series": series, **standing.document()}
    await work.audit.record(actor, ACTION, SUBJECT, _subject(study_id, version_id), detail)
    return True


def answer(crowd: Crowd, asked: Asked, earlier: tuple[Told, ...]) -> Answer:
    """A part of an audience, or all of it, beside what was told of it before.

    Args:
        crowd: everybody who is there.
        asked: which part.
        earlier: what was told before.

    Raises:
        PolicyError: it would tell of too few people, alone or together with what was told before.
        InputError: nobody was asked about an attribute.
        SettingsError: no step lies in the stretch.
    """
    sessions = crowd.sessions
    unknown = [name for name in asked.segments if name not in sessions.attributes]
    if unknown:
        raise InputError(f"nobody in version '{sessions.version}' declared '{unknown[0]}' and agreed to its use.")
    over = answering(crowd, asked.series, earlier, in_parts=not asked.is_of_everybody)
    if not asked.is_of_everybody:
        told = over.ask(Filter(asked.series, asked.segments, asked.from_seconds, asked.to_seconds))
        return Answer(told.audience, told.withheld_steps, over.left_out, over.standing)
    whole, told_of = _inside(over.audience, asked), _inside(over.everybody(asked.series), asked)
    withheld = (whole.people(asked.series) > 0) & np.isnan(told_of.mean(asked.series))
    return Answer(told_of, int(withheld.sum()), over.left_out, over.standing)


def everybody(audience: SessionSet, asked: Asked) -> Answer:
    """All of an audience, to who may read each session by itself: under the sessions' own smallest groups."""
    whole = _inside(audience, asked)
    read = whole.people(asked.series) > 0
    return Answer(whole, int((read & np.isnan(whole.mean(asked.series))).sum()))


def _inside(audience: SessionSet, asked: Asked) -> SessionSet:
    if asked.from_seconds > 0 or not math.isinf(asked.to_seconds):
        return audience.between(asked.from_seconds, asked.to_seconds)
    return audience


def _subject(study_id: UUID, version_id: UUID) -> str:
    return f"{study_id}:{version_id}"
