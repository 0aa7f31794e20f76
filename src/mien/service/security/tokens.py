"""Access tokens: signed JSON (RFC 7519) in the shape that clients of earlier systems know.

``{"sub": name, "userId": number, "roles": "USER", "iss": …, "iat": …, "exp": …}``, and in those made here
``org``, whose user it is, and ``gen``, the generation of the user's tokens: one of an earlier generation opens nothing.
The operator fixes algorithm, key and issuer; nothing that a token's header says (``alg``, ``kid``, ``jwk``, ``jku``,
``x5u``) chooses any of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import jwt

from mien.service.settings import ServiceSettings
from mien.store.records import Role, User

LONGEST: Final = 4096
"""Characters of a token that are looked at."""
MOST_READ: Final = 4096
"""Good tokens whose signature is not reckoned again."""
_REQUIRED: Final = ["sub", "iss", "iat", "exp"]
_ROLES: Final = {Role.VIEWER: "USER", Role.ANALYST: "ANALYST", Role.ADMIN: "ADMIN"}
_MOST_NUMBER: Final = 2**63 - 1


class TokenError(Exception):
    """A token opens nothing. Its text says why, and is for tests and logs: callers are not told."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says.

    Attributes:
        subject: name of the user.
        user_number: ``userId``; None where it was not said.
        organisation_id: whose user it is; None for tokens of another issuer with the same key.
        generation: of the user's tokens; 0 where it was not said.
        issued_at, expires_at: seconds since 1970.
    """

    subject: str
    user_number: int | None
    organisation_id: UUID | None
    generation: int
    issued_at: float
    expires_at: float


class Tokens:
    """Makes tokens and checks them.

    A signature that was good stays good, so what a good token says is remembered by its digest. What may change is
    asked every time: its times here, and whether its user may still come in by :mod:`.known`.

    Args:
        settings: with a secret.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._key = settings.signing_key
        self._algorithm = settings.security_algorithm
        self._issuer = settings.security_issuer
        self._seconds = settings.access_token_seconds
        self._skew = settings.clock_skew_seconds
        self._read: dict[bytes, Claims] = {}

    def issue(self, user: User, organisation_id: UUID, now: datetime) -> str:
        """A token for a user who has just proved who they are."""
        issued = int(now.timestamp())
        claims = {
            "sub": user.name,
            "userId": user.number,
            "roles": _ROLES[user.role],
            "iss": self._issuer,
            "iat": issued,
            "exp": issued + self._seconds,
            "org": str(organisation_id),
            "gen": user.token_generation,
        }
        return jwt.encode(claims, self._key, algorithm=self._algorithm)

    def check(self, token: str, now: datetime) -> Claims:
        """What a token says, if it is to be believed at a time.

        Raises:
            TokenError: it is not.
        """
        if len(token) > LONGEST:
            raise TokenError("too long")
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        claims = self._read.get(digest)
        if claims is None:
            claims = self._verified(token)
            if len(self._read) >= MOST_READ:
                self._read.clear()
            self._read[digest] = claims
        at = now.timestamp()
        if claims.issued_at > at + self._skew:
            raise TokenError("issued in the future")
        if claims.expires_at <= at:
            raise TokenError("expired")
        return claims

    def _verified(self, token: str) -> Claims:
        try:
            header = jwt.get_unverified_header(token)
            # Times are checked by the caller: against the clock that was handed in, and more strictly.
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[self._algorithm],
                issuer=self._issuer,
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_aud": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise TokenError(type(error).__name__) from error
        if header.get("crit") is not None or header.get("b64") is not None:
            raise TokenError("critical header")
        issued, expires = _time(claims, "iat"), _time(claims, "exp")
        generation = _number(claims, "gen") or 0
        return Claims(_subject(claims), _number(claims), _organisation(claims), generation, issued, expires)


def _time(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise TokenError(f"{name} is no time")
    return float(value)


def _subject(claims: dict[str, Any]) -> str:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 1 <= len(subject) <= 200 or "\0" in subject:
        raise TokenError("sub is no name")
    return subject


def _number(claims: dict[str, Any], name: str = "userId") -> int | None:
    number = claims.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= _MOST_NUMBER:
        raise TokenError(f"{name} is no number")
    return number


def _organisation(claims: dict[str, Any]) -> UUID | None:
    told = claims.get("org")
    if told is None:
        return None
    try:
        return UUID(told)
    except (ValueError, TypeError, AttributeError) as error:
        raise TokenError("org is no organisation") from error
