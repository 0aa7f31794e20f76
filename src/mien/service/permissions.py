"""What callers may: declare a purpose, make an exception, read results of single people."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final
from uuid import UUID

from mien.core.errors import PolicyError
from mien.core.policy import Basis, Declaration, Grant, Purpose, authorise
from mien.core.settings import Profile
from mien.service.principal import Caller
from mien.service.problems import ProblemError
from mien.store.records import Role, SessionRecord
from mien.store.work import Work

PERSONAL: Final = Role.ANALYST
"""The least role that reads results of single people."""
LEAST_GROUP: Final = 2
"""Of sessions whose results anybody of the organisation reads."""
REASON = "the operator's reason"
_BASES: tuple[Basis | None, ...] = (None, *Basis)


def least_group(caller: Caller) -> int | None:
    """Of sessions whose results somebody finds in lists; None for all."""
    return None if caller.role.includes(PERSONAL) else LEAST_GROUP


def require_readable(caller: Caller, session: SessionRecord) -> SessionRecord:
    """A session whose results somebody may read.

    Raises:
        ProblemError: 403; it tells of single people, and the caller's role does not do.
    """
    if session.min_group < LEAST_GROUP and not caller.role.includes(PERSONAL):
        raise ProblemError(
            403,
            "role",
            f"This session tells of single people: its results need the role {PERSONAL.value}; yours is "
            f"{caller.role.value}.",
        )
    return session


async def readable(work: Work, caller: Caller, session_id: UUID) -> SessionRecord:
    """The same by its id.

    Raises:
        NotFoundError: there is no such session.
        ProblemError: as :func:`require_readable`.
    """
    return require_readable(caller, await work.sessions.get(session_id))


@dataclass(frozen=True, slots=True)
class Way:
    """One declaration that the gate lets through, and that says no more than it has to.

    Attributes:
        basis: to declare, or None.
        jurisdiction, exception: whether they must be declared.
        grant: what the gate then says.
    """

    basis: Basis | None
    jurisdiction: bool
    exception: bool
    grant: Grant


def permit(caller: Caller, declaration: Declaration, profile: Profile) -> Grant:
    """Permit a measurement that somebody asks for.

    Args:
        caller: who asks.
        declaration: what they declare.
        profile: what would run.

    Raises:
        PolicyError: the declaration does not permit it.
        ProblemError: 403; it makes an exception, which is for admins to make.
    """
    grant = authorise(declaration, profile)
    if declaration.exception is not None and not caller.role.includes(Role.ADMIN):
        raise ProblemError(403, "role", "An exception is an admin's to make: ask one to begin this, or leave it out.")
    return grant


async def note_exception(work: Work, caller: Caller, grant: Grant, subject_kind: str, subject: UUID) -> None:
    """Write into the audit that somebody made an exception, and why; nothing where none was made."""
    declared = grant.declaration
    if declared.exception is None:
        return
    detail = {"purpose": declared.purpose.value, "jurisdiction": declared.jurisdiction, "reason": declared.exception}
    await work.audit.record(caller.actor, "exception.made", subject_kind, subject, detail)


def ways(purpose: Purpose, jurisdiction: str | None, profile: Profile) -> tuple[Way, ...]:
    """Every way in which a session of this purpose, in this place, with this profile is permitted.

    Args:
        purpose: why.
        jurisdiction: where; None where that is not known.
        profile: what would be measured and told.
    """
    found: list[Way] = []
    for exception, place, basis in product((False, True), (False, True), _BASES):
        if place and jurisdiction is None:
            continue
        declared = Declaration(purpose, basis, jurisdiction if place else None, REASON if exception else None)
        try:
            grant = authorise(declared, profile)
        except PolicyError:
            continue
        if not any(_is_less(way, basis, place, exception) for way in found):
            found.append(Way(basis, place, exception, grant))
    return tuple(found)


def refusal(purpose: Purpose, jurisdiction: str | None, profile: Profile) -> str | None:
    """What the gate says where nothing more than purpose and place is declared; None where it is permitted."""
    try:
        authorise(Declaration(purpose, None, jurisdiction), profile)
    except PolicyError as error:
        return str(error)
    return None


def _is_less(way: Way, basis: Basis | None, place: bool, exception: bool) -> bool:
    """Whether a way asks for nothing that this one does not."""
    return way.basis in (None, basis) and way.jurisdiction <= place and way.exception <= exception
