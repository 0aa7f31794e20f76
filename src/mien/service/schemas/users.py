"""People with a password."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from mien.service.schemas.fields import Name, Time
from mien.service.security.passwords import LONGEST, SHORTEST
from mien.store import records
from mien.store.records import Role


class User(BaseModel):
    """Somebody who can sign in."""

    id: UUID
    number: int = Field(description="`userId` of their tokens.")
    name: str
    role: Role
    active: bool
    created_at: Time

    @classmethod
    def of(cls, user: records.User) -> User:
        """As it is answered."""
        return cls(
            id=user.id,
            number=user.number,
            name=user.name,
            role=user.role,
            active=user.active,
            created_at=user.created_at,
        )


class NewPassword(BaseModel):
    """A password to be."""

    model_config = ConfigDict(extra="forbid")

    password: SecretStr = Field(min_length=SHORTEST, max_length=LONGEST)


class NewUser(NewPassword):
    """A user to be."""

    name: Name = Field(description="To sign in with; nobody else has it, in any organisation.")
    role: Role


class UserChange(BaseModel):
    """What is to be different about a user; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    active: bool | None = None


class PasswordChange(NewPassword):
    """One's own password, changed."""

    current_password: SecretStr = Field(min_length=1, max_length=LONGEST)
