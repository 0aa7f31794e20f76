"""From a question about a version's audience to its answer, kept in mind before it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar
from uuid import UUID

from mien.analysis.sessions import SessionSet
from mien.service.bench import BusyError
from mien.service.parts import ServiceParts
from mien.service.principal import Caller
from mien.service.problems import ProblemError
from mien.service.studies.audience import audience_of, gather
from mien.service.studies.slices import Answer, Asked, answer, remember, remembered
from mien.store.records import Version

Result = TypeVar("Result")

_TRIES: Final = 5


async def ask(
    parts: ServiceParts, caller: Caller, study_id: UUID, version_id: UUID, asked: Asked
) -> tuple[Version, SessionSet, Answer]:
    """The version, its whole audience, and the part that was asked for.

    Raises:
        MienError: as :func:`~mien.service.studies.audience.gather` and
            :func:`~mien.service.studies.slices.answer` raise.
        ProblemError: 503 where too much is waiting, 409 where others kept asking about the same.
    """
    place = (study_id, version_id, asked.series)
    for _ in range(_TRIES):
        async with parts.store.begin(caller.organisation_id, read_only=True) as work:
            gathered = await gather(work, *place)
            earlier = () if asked.is_of_everybody else await remembered(work, *place)

        def found() -> tuple[SessionSet, Answer]:
            audience = audience_of(gathered, asked.series)  # noqa: B023
            return audience, answer(audience, asked, earlier)  # noqa: B023

        audience, told = await reckoned(parts, found)
        if told.standing is None:
            return gathered.version, audience, told
        async with parts.store.begin(caller.organisation_id) as work:
            kept = await remember(work, caller.actor, place, told.standing, earlier)
        if kept:
            return gathered.version, audience, told
    raise ProblemError(409, "conflict", "Others are asking about the same audience: try again.")


async def reckoned(parts: ServiceParts, job: Callable[[], Result]) -> Result:
    """What a job gives that is reckoned away from the event loop.

    Raises:
        ProblemError: 503, too much is waiting.
    """
    try:
        return await parts.analyses.run(lambda _: job())
    except BusyError as error:
        raise ProblemError(503, "busy", str(error), headers={"Retry-After": "5"}) from error
