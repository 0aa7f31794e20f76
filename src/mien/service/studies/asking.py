"""From a question about a version's audience to its answer, kept in mind before it is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar
from uuid import UUID

from mien.analysis.people import one_each
from mien.analysis.sessions import SessionSet
from mien.analysis.standing import step_of
from mien.core.policy import LEAST_GROUP_WITHOUT_BASIS
from mien.service.bench import BusyError
from mien.service.parts import ServiceParts
from mien.service.permissions import PERSONAL
from mien.service.principal import Caller
from mien.service.problems import ProblemError
from mien.service.studies.audience import audience_of, crowd_of, gather, quantity_of
from mien.service.studies.slices import Answer, Asked, answer, everybody, remember, remembered
from mien.store.database import Store
from mien.store.errors import ConflictError
from mien.store.records import Role, Version

Result = TypeVar("Result")

_TRIES: Final = 5


class Reckon(Protocol):
    """Does a job away from the event loop."""

    def __call__(self, job: Callable[[], Result], /) -> Awaitable[Result]:
        """What the job gives."""
        ...


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks about whose studies, and how answers are reckoned.

    Attributes:
        actor: who, in the audit.
        role: theirs; lesser ones are told of larger groups.
    """

    store: Store
    organisation_id: UUID
    actor: str
    role: Role
    reckon: Reckon


def asking_of(parts: ServiceParts, caller: Caller) -> Asking:
    """What a request asks while it waits."""

    def reckon(job: Callable[[], Result]) -> Awaitable[Result]:
        return reckoned(parts, job)

    return Asking(parts.store, caller.organisation_id, caller.actor, caller.role, reckon)


async def ask(
    asking: Asking, study_id: UUID, version_id: UUID, asked: Asked, *, stays: bool = False
) -> tuple[Version, SessionSet, Answer]:
    """The version, its whole audience, and the part that was asked for.

    Everybody is told of as parts are, to whoever may not read the sessions one by one, wherever some of them may be
    read by analysts only.

    Args:
        asking: who asks.
        study_id, version_id: about whose audience.
        asked: what.
        stays: whether what is made of it stays where others read it, whoever asks.

    Raises:
        MienError: as :func:`~mien.service.studies.audience.gather` and
            :func:`~mien.service.studies.slices.answer` raise.
        ProblemError: 503 where too much is waiting.
        ConflictError: others kept asking about the same.
    """
    place = (study_id, version_id, asked.series)
    lesser = stays or not asking.role.includes(PERSONAL)
    for _ in range(_TRIES):
        async with asking.store.begin(asking.organisation_id, read_only=True) as work:
            gathered = await gather(work, *place)
            gated = lesser and any(rows.min_group < LEAST_GROUP_WITHOUT_BASIS for rows in gathered.rows)
            minds = gated or not asked.is_of_everybody
            earlier = await remembered(work, study_id, version_id) if minds else ()

        def found() -> tuple[SessionSet, Answer]:
            if minds:  # noqa: B023
                crowd = crowd_of(gathered, asked.series, step_of(earlier, quantity_of(asked.series)))  # noqa: B023
                return one_each(crowd.sessions, crowd.persons), answer(crowd, asked, earlier)  # noqa: B023
            audience = audience_of(gathered, asked.series)  # noqa: B023
            if lesser:
                audience = replace(audience, min_group=max(audience.min_group, LEAST_GROUP_WITHOUT_BASIS))
            return audience, everybody(audience, asked)

        audience, told = await asking.reckon(found)
        if told.standing is None:
            return gathered.version, audience, told
        async with asking.store.begin(asking.organisation_id) as work:
            kept = await remember(work, asking.actor, place, told.standing, earlier)
        if kept:
            return gathered.version, audience, told
    raise ConflictError("others are asking about the same audience: try again.")


async def reckoned(parts: ServiceParts, job: Callable[[], Result]) -> Result:
    """What a job gives that is reckoned away from the event loop.

    Raises:
        ProblemError: 503, too much is waiting.
    """
    try:
        return await parts.analyses.run(lambda _: job())
    except BusyError as error:
        raise ProblemError(503, "busy", str(error), headers={"Retry-After": "5"}) from error
