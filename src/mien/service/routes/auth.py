"""Signing in and out."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response

from mien.service.dependencies import Caller, Parts, writing
from mien.service.parts import ServiceParts
from mien.service.problems import ProblemError, responses, unauthenticated
from mien.service.schemas import users as schemas
from mien.service.schemas.auth import Me, Refresh, SignedIn, SignIn
from mien.service.schemas.users import PasswordChange
from mien.service.security import cookies, csrf
from mien.service.security.gate import check_page
from mien.service.security.limits import address_of
from mien.store.records import Renewal, User

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post("/login", operation_id="sign_in")
async def sign_in(request: Request, response: Response, parts: Parts, asked: SignIn) -> SignedIn:
    """Sign in with name and password. Sets a browser's cookies, and answers with tokens for everybody else."""
    check_page(request, parts, strict=False)
    await parts.limits.sign_in(address_of(request), asked.name)
    async with parts.store.begin_system(read_only=True) as system:
        found = await system.directory.credentials(asked.name)
    stored = None if found is None else found.password_hash
    if not await parts.passwords.verify(asked.password.get_secret_value(), stored) or found is None:
        raise unauthenticated("Name or password is wrong.")
    async with parts.store.begin(found.organisation_id) as work:
        if await work.users.get(found.user.id) != found.user:
            # Shut out, or given another password, while this one was checked.
            raise unauthenticated("Name or password is wrong.")
        begun = await work.sign_ins.begin(found.user.id, parts.settings.refresh_token_seconds)
        await work.audit.record(f"user:{found.user.number}", "user.signed_in", "user", found.user.id)
    return _signed_in(response, parts, found.organisation_id, found.user, begun.secret)


@router.post("/refresh", operation_id="refresh_sign_in", responses=responses(409))
async def refresh_sign_in(request: Request, response: Response, parts: Parts, asked: Refresh) -> SignedIn:
    """Renew access. What renews is used up; where it is used again, all that came of it is ended."""
    check_page(request, parts, strict=False)
    told = _refresh_token(request, asked)
    if not told:
        raise unauthenticated()
    async with parts.store.begin_system() as system:
        renewed = await system.renewing.renew(told, parts.settings.refresh_token_seconds)
    if renewed.outcome is Renewal.JUST_USED:
        raise ProblemError(409, "just-renewed", "Another request has just renewed this: use what it was answered.")
    if renewed.organisation_id is None or renewed.user is None or renewed.next is None:
        if renewed.outcome is Renewal.STOLEN and renewed.organisation_id and renewed.user:
            await _tell_theft(parts, renewed.organisation_id, renewed.user)
        await parts.limits.refused(address_of(request))
        raise unauthenticated("This sign-in is over: sign in again.")
    return _signed_in(response, parts, renewed.organisation_id, renewed.user, renewed.next.secret)


@router.post("/logout", operation_id="sign_out", status_code=204)
async def sign_out(request: Request, response: Response, parts: Parts, asked: Refresh | None = None) -> None:
    """End the sign-in of the refresh token that is sent, and that of a browser, whose cookies are removed.

    One that is over already, or never was, is no error. The access token is good until its time is over:
    `logout_everywhere` ends it at once, with all others.
    """
    check_page(request, parts, strict=False)
    sent = {_refresh_token(request, asked), _refresh_token(request, None)}
    async with parts.store.begin_system() as system:
        for told in filter(None, sent):
            await system.renewing.end(told)
    cookies.clear(response)


@router.post("/logout_everywhere", operation_id="sign_out_everywhere", status_code=204, responses=responses(403))
async def sign_out_everywhere(request: Request, response: Response, parts: Parts, caller: Caller) -> None:
    """End every sign-in and every access token of one's own, and what is open with them, here and elsewhere."""
    if caller.user_number is None:
        raise ProblemError(403, "role", "A key has no sign-ins: an admin revokes it.")
    async with parts.store.begin_system(read_only=True) as system:
        found = await system.directory.user(caller.user_number)
    if found is None:
        raise unauthenticated()
    async with writing(request) as work:
        await work.users.end_tokens(found[1].id)
        await work.sign_ins.end_all(found[1].id)
        await work.audit.record(caller.actor, "user.signed_out_everywhere", "user", found[1].id)
    await parts.standing.changed()
    cookies.clear(response)


@router.get("/me", operation_id="get_me")
async def get_me(caller: Caller) -> Me:
    """Who is asking."""
    return Me(name=caller.name, role=caller.role, kind="key" if caller.user_number is None else "user")


@router.put("/password", operation_id="change_own_password", status_code=204, responses=responses(403))
async def change_own_password(request: Request, parts: Parts, caller: Caller, asked: PasswordChange) -> None:
    """Change one's own password; the current one must be told. Every sign-in and token of the user ends."""
    if caller.user_number is None:
        raise ProblemError(403, "role", "A key has no password.")
    # Guessing here is guessing there.
    await parts.limits.sign_in(address_of(request), caller.name)
    async with parts.store.begin_system(read_only=True) as system:
        found = await system.directory.credentials(caller.name)
    stored = None if found is None else found.password_hash
    if not await parts.passwords.verify(asked.current_password.get_secret_value(), stored) or found is None:
        raise ProblemError(403, "password", "The current password is wrong.")
    hashed = await parts.passwords.hashed(asked.password.get_secret_value())
    async with parts.store.begin(caller.organisation_id) as work:
        await work.users.change_password(found.user.id, hashed)
        await work.sign_ins.end_all(found.user.id)
        await work.audit.record(caller.actor, "user.password_changed", "user", found.user.id)
    await parts.standing.changed()


def _refresh_token(request: Request, asked: Refresh | None) -> str | None:
    """What was sent; of browsers, their cookie."""
    sent = None if asked is None else asked.refresh_token
    return request.cookies.get(cookies.REFRESH) if sent is None else sent.get_secret_value()


def _signed_in(response: Response, parts: ServiceParts, organisation_id: UUID, user: User, refresh: str) -> SignedIn:
    settings = parts.settings
    token = parts.tokens.issue(user, organisation_id, parts.clock.now())
    page_token = csrf.new_token(settings.signing_key, user.number)
    cookies.put(response, cookies.ACCESS, token, settings.access_token_seconds)
    cookies.put(response, cookies.REFRESH, refresh, settings.refresh_token_seconds)
    cookies.put(response, cookies.CSRF, page_token, settings.refresh_token_seconds, for_scripts=True)
    return SignedIn(
        access_token=token,
        expires_in_seconds=settings.access_token_seconds,
        refresh_token=refresh,
        refresh_expires_in_seconds=settings.refresh_token_seconds,
        csrf_token=page_token,
        user=schemas.User.of(user),
    )


async def _tell_theft(parts: ServiceParts, organisation_id: UUID, user: User) -> None:
    async with parts.store.begin(organisation_id) as work:
        await work.audit.record("sign-in", "user.sign_in_reused", "user", user.id)
