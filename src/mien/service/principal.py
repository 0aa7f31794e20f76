"""Who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from mien.store.records import Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who proved who they are.

    Attributes:
        organisation_id: whose things they see; no others.
        actor: who they are in the audit: ``user:NUMBER`` or ``key:ID``.
        name: as a person reads it. Personal: neither logged nor audited.
        role: what they may do.
        user_number: of a user; None for an API key.
        generation: of the token of a user known here; None for anybody else.
    """

    organisation_id: UUID
    actor: str
    name: str
    role: Role
    user_number: int | None = None
    generation: int | None = None
