"""Signing in and out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mien.service.dependencies import Caller, Parts
from mien.service.parts import ServiceParts
from mien.service.problems import ProblemError, responses, unauthenticated
from mien.service.schemas.auth import Me, SignedIn, SignIn
from mien.service.schemas.users import PasswordChange, User
from mien.service.security import cookies, csrf
from mien.service.security.gate import check_page
from mien.store.records import Credentials

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post("/login", operation_id="sign_in")
async def sign_in(request: Request, response: Response, parts: Parts, asked: SignIn) -> SignedIn:
    """Sign in with name and password. Sets a browser's cookies, and answers with a token for everybody else."""
    check_page(request, parts, strict=False)
    async with parts.store.begin_system(read_only=True) as system:
        found = await system.directory.credentials(asked.name)
    stored = None if found is None else found.password_hash
    if not await parts.passwords.verify(asked.password.get_secret_value(), stored) or found is None:
        raise unauthenticated("Name or password is wrong.")
    async with parts.store.begin(found.organisation_id) as work:
        await work.audit.record(f"user:{found.user.number}", "user.signed_in", "user", found.user.id)
    return _signed_in(response, parts, found)


@router.post("/logout", operation_id="sign_out", status_code=204)
async def sign_out(request: Request, response: Response, parts: Parts) -> None:
    """Remove a browser's cookies."""
    check_page(request, parts, strict=False)
    cookies.clear(response)


@router.get("/me", operation_id="get_me")
async def get_me(caller: Caller) -> Me:
    """Who is asking."""
    return Me(name=caller.name, role=caller.role, kind="key" if caller.user_number is None else "user")


@router.put("/password", operation_id="change_own_password", status_code=204, responses=responses(403))
async def change_own_password(parts: Parts, caller: Caller, asked: PasswordChange) -> None:
    """Change one's own password; the current one must be told."""
    if caller.user_number is None:
        raise ProblemError(403, "role", "A key has no password.")
    async with parts.store.begin_system(read_only=True) as system:
        found = await system.directory.credentials(caller.name)
    stored = None if found is None else found.password_hash
    if not await parts.passwords.verify(asked.current_password.get_secret_value(), stored) or found is None:
        raise ProblemError(403, "password", "The current password is wrong.")
    hashed = await parts.passwords.hashed(asked.password.get_secret_value())
    async with parts.store.begin(caller.organisation_id) as work:
        await work.users.change_password(found.user.id, hashed)
        await work.audit.record(caller.actor, "user.password_changed", "user", found.user.id)


def _signed_in(response: Response, parts: ServiceParts, who: Credentials) -> SignedIn:
    seconds = parts.settings.access_token_seconds
    token = parts.tokens.issue(who.user, who.organisation_id, parts.clock.now())
    page_token = csrf.new_token(parts.settings.signing_key, who.user.number)
    cookies.put(response, cookies.ACCESS, token, seconds)
    cookies.put(response, cookies.CSRF, page_token, seconds, for_scripts=True)
    return SignedIn(access_token=token, expires_in_seconds=seconds, csrf_token=page_token, user=User.of(who.user))
