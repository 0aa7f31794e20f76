"""From a request's credentials to who is asking.

A header goes before a cookie, and what is sent must be good: a bad key is refused even where a good cookie lies beside
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from starlette.requests import HTTPConnection

from mien.service.parts import ServiceParts
from mien.service.principal import Caller
from mien.service.problems import unauthenticated
from mien.service.security import cookies
from mien.service.security.known import Found
from mien.service.security.tokens import Claims, TokenError
from mien.store.records import Role
from mien.store.repositories.api_keys import PREFIX, digest

KEY_HEADER: Final = "x-api-key"


class Means(StrEnum):
    """What somebody proved who they are with."""

    TOKEN = "token"
    KEY = "key"
    COOKIE = "cookie"


@dataclass(frozen=True, slots=True)
class Proof:
    """Who is asking, and how that is known."""

    caller: Caller
    means: Means


async def authenticate(connection: HTTPConnection, parts: ServiceParts, *, foreign: bool = False) -> Proof:
    """Who is asking.

    Args:
        connection: a request or a socket's opening.
        parts: of the service.
        foreign: whether a token counts whose user is not known here: another issuer's with the same key. Such a caller
            is a viewer of the operator's own organisation.

    Raises:
        ProblemError: 401; what was wrong with what was sent is not told.
    """
    credential, means = _credential(connection)
    if means is Means.KEY:
        return Proof(await _by_key(credential, parts), means)
    try:
        claims = parts.tokens.check(credential, parts.clock.now())
    except TokenError as error:
        raise unauthenticated() from error
    return Proof(await _by_claims(claims, parts, foreign=foreign), means)


def _credential(connection: HTTPConnection) -> tuple[str, Means]:
    headers = connection.headers
    if len(headers.getlist("authorization")) > 1 or len(headers.getlist(KEY_HEADER)) > 1:
        raise unauthenticated()
    if (authorization := headers.get("authorization")) is not None:
        scheme, _, value = authorization.partition(" ")
        value = value.strip()
        if scheme.lower() != "bearer" or not value:
            raise unauthenticated()
        return value, Means.KEY if value.startswith(PREFIX) else Means.TOKEN
    if (key := headers.get(KEY_HEADER)) is not None:
        return key, Means.KEY
    if (token := cookies.access_token(connection)) is not None:
        return token, Means.COOKIE
    raise unauthenticated()


async def _by_key(secret: str, parts: ServiceParts) -> Caller:
    async def look_up() -> Found | None:
        async with parts.store.begin_system(read_only=True) as work:
            found = await work.directory.api_key(secret)
        if found is None:
            return None
        organisation_id, key = found
        return Caller(organisation_id, f"key:{key.id}", key.name, key.role), key.expires_at

    return _let_in(await parts.known.get(("key", digest(secret)), parts.clock.now(), look_up))


async def _by_claims(claims: Claims, parts: ServiceParts, *, foreign: bool) -> Caller:
    if claims.organisation_id is None:
        if not foreign:
            raise unauthenticated()
        return await _foreign(claims, parts)

    async def look_up() -> Found | None:
        if claims.user_number is None:
            return None
        async with parts.store.begin_system(read_only=True) as work:
            found = await work.directory.user(claims.user_number)
        if found is None or found[0] != claims.organisation_id or found[1].name != claims.subject:
            return None
        organisation_id, user = found
        if user.token_generation != claims.generation:
            return None
        actor = f"user:{user.number}"
        return Caller(organisation_id, actor, user.name, user.role, user.number, user.token_generation), None

    who = ("user", claims.organisation_id, claims.user_number, claims.subject, claims.generation)
    return _let_in(await parts.known.get(who, parts.clock.now(), look_up))


def _let_in(caller: Caller | None) -> Caller:
    if caller is None:
        raise unauthenticated()
    return caller


async def _foreign(claims: Claims, parts: ServiceParts) -> Caller:
    async def look_up() -> Found | None:
        async with parts.store.begin_system(read_only=True) as work:
            named, directory = parts.settings.organisation, work.directory
            own = await (directory.first_organisation() if named is None else directory.organisation_named(named))
        number = claims.user_number
        actor = "user:foreign" if number is None else f"user:foreign:{number}"
        return None if own is None else (Caller(own.id, actor, claims.subject, Role.VIEWER, number), None)

    who = ("foreign", claims.user_number, claims.subject)
    return _let_in(await parts.known.get(who, parts.clock.now(), look_up))
