"""What must be declared for a purpose: asked of the gate itself, so that it cannot tell anything else."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from mien.core.errors import PolicyError
from mien.core.policy import Basis, Declaration, Grant, Purpose, authorise
from mien.core.settings import Profile

REASON = "the operator's reason"
_BASES: tuple[Basis | None, ...] = (None, *Basis)


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
