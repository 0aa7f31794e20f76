"""Keys of programs."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mien.service.schemas.fields import Name, Time
from mien.store import records
from mien.store.records import Role


class ApiKey(BaseModel):
    """A key, without its secret."""

    id: UUID
    name: str
    hint: str = Field(description="How the secret begins, to tell keys apart.")
    role: Role
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None

    @classmethod
    def of(cls, key: records.ApiKey) -> ApiKey:
        """As it is answered."""
        return cls(
            id=key.id,
            name=key.name,
            hint=key.hint,
            role=key.role,
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
        )


class NewApiKey(BaseModel):
    """A key to be."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    role: Role
    expires_at: Time | None = Field(None, description="Opens nothing from then on; never ends where null.")


class MintedApiKey(BaseModel):
    """A new key with its secret, which nothing tells again."""

    key: ApiKey
    secret: str = Field(description="Send it as `Authorization: Bearer …` or `X-API-Key`. Kept nowhere: keep it now.")
