"""Signing in and out."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from mien.service.schemas.users import User
from mien.service.security.passwords import LONGEST
from mien.store.records import Role


class SignIn(BaseModel):
    """Who signs in."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    password: SecretStr = Field(min_length=1, max_length=LONGEST)


class SignedIn(BaseModel):
    """What a signed-in client needs. Browsers need none of it but ``csrf_token``: their cookies are set."""

    access_token: str = Field(description="Send it as `Authorization: Bearer …`.")
    token_type: Literal["bearer"] = "bearer"
    expires_in_seconds: int
    refresh_token: str = Field(description="Renews access once, at `/api/v1/auth/refresh`; the answer holds the next.")
    refresh_expires_in_seconds: int
    csrf_token: str = Field(description="Send it as `X-CSRF-Token` with writes that cookies authorise.")
    user: User


class Refresh(BaseModel):
    """A sign-in that is to be renewed, or to end. Browsers send nothing: it is in a cookie."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: SecretStr | None = Field(None, max_length=LONGEST)


class Me(BaseModel):
    """Who is asking."""

    name: str
    role: Role
    kind: Literal["user", "key"]
