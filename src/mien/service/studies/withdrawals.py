"""Nothing is kept of a reckoning during which a consent was taken back that it may rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from mien.store.errors import ConflictError
from mien.store.work import Work


@dataclass(frozen=True, slots=True)
class Consented:
    """What versions' sessions in a study rested on before anything of them was read.

    Attributes:
        study_id, versions: whose sessions.
        standing: by consent, whether it stood.
    """

    study_id: UUID
    versions: tuple[UUID, ...]
    standing: Mapping[UUID, bool]


async def consented(work: Work, study_id: UUID, versions: Sequence[UUID]) -> Consented:
    """What a reckoning over a study's sessions of some versions is about to rest on."""
    return Consented(study_id, tuple(versions), await work.consents.of_study(study_id, versions))


async def require_still_consented(work: Work, before: Consented) -> None:
    """Make sure that what was reckoned since may be kept, in the unit of work that keeps it.

    Whoever takes a consent back waits for that unit of work, or comes before it.

    Raises:
        ConflictError: a consent was taken back, or erased with its respondent: reckon again.
    """
    now = await work.consents.of_study(before.study_id, before.versions, hold=True)
    stood = {key for key, stands in before.standing.items() if stands}
    # Also of those whose sessions are gone by now, by retention or with their respondent.
    standing = {key for key, found in (await work.consents.some(stood)).items() if found.withdrawn_at is None}
    withdrawn = {key for key, stands in now.items() if not stands and before.standing.get(key, True)}
    if withdrawn or standing != stood:
        raise ConflictError("a consent was withdrawn while this was reckoned; nothing of it was kept: ask again.")
