"""Users of the caller's organisation."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request

from mien.service.dependencies import Parts, Reading, RequireAdmin, writing
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.principal import Caller
from mien.service.problems import ProblemError, responses
from mien.service.schemas.users import NewPassword, NewUser, User, UserChange
from mien.store import records
from mien.store.records import Role
from mien.store.work import Work

router = APIRouter(prefix="/api/v1/users", tags=["users"])


@router.get("", operation_id="list_users")
async def list_users(_admin: RequireAdmin, work: Reading, paging: PageQuery) -> PageOf[User]:
    """Everybody who can sign in, and who could."""
    return page_of(await work.users.list(after=paging.after, limit=paging.limit), User.of)


@router.post("", operation_id="add_user", status_code=201, responses=responses(409))
async def add_user(request: Request, admin: RequireAdmin, parts: Parts, asked: NewUser) -> User:
    """A new user."""
    # Reckoned before the transaction begins: a hash takes its time, and SQLite has one writer.
    hashed = await parts.passwords.hashed(asked.password.get_secret_value())
    async with writing(request) as work:
        user = await work.users.add(asked.name, hashed, asked.role)
        await work.audit.record(admin.actor, "user.added", "user", user.id, {"role": user.role.value})
    return User.of(user)


@router.get("/{user_id}", operation_id="get_user", responses=responses(404))
async def get_user(_admin: RequireAdmin, work: Reading, user_id: UUID) -> User:
    """One user."""
    return User.of(await work.users.get(user_id))


@router.patch("/{user_id}", operation_id="change_user", responses=responses(404, 409))
async def change_user(request: Request, admin: RequireAdmin, parts: Parts, user_id: UUID, asked: UserChange) -> User:
    """Another role, or whether somebody may sign in. The last active admin stays one.

    Either ends the user's access tokens, and what they have open with them.
    """
    async with writing(request) as work:
        user, changed = await _change(admin, work, user_id, asked)
    if changed:
        await parts.standing.changed()
    return User.of(user)


async def _change(admin: Caller, work: Work, user_id: UUID, asked: UserChange) -> tuple[records.User, bool]:
    before = user = await work.users.get(user_id)
    ends = (asked.role is not None and asked.role is not Role.ADMIN) or asked.active is False
    if ends and user.role is Role.ADMIN and user.active and not await _other_admin(work, user_id):
        raise ProblemError(409, "conflict", "This is the last admin: make somebody else one first.")
    if asked.role is not None and asked.role is not user.role:
        user = await work.users.change_role(user_id, asked.role)
        await work.audit.record(admin.actor, "user.role_changed", "user", user_id, {"role": asked.role.value})
    if asked.active is not None and asked.active is not user.active:
        user = await work.users.set_active(user_id, asked.active)
        await work.sign_ins.end_all(user_id)
        action = "user.let_in" if asked.active else "user.shut_out"
        await work.audit.record(admin.actor, action, "user", user_id)
    return user, user != before


@router.put("/{user_id}/password", operation_id="set_password", status_code=204, responses=responses(404))
async def set_password(admin: RequireAdmin, parts: Parts, user_id: UUID, asked: NewPassword) -> None:
    """Another password for somebody who lost theirs. Every sign-in and token of theirs ends."""
    hashed = await parts.passwords.hashed(asked.password.get_secret_value())
    async with parts.store.begin(admin.organisation_id) as work:
        await work.users.change_password(user_id, hashed)
        await work.sign_ins.end_all(user_id)
        await work.audit.record(admin.actor, "user.password_set", "user", user_id)
    await parts.standing.changed()


async def _other_admin(work: Work, user_id: UUID) -> bool:
    admins = await work.users.list(limit=2, role=Role.ADMIN, active=True)
    return any(admin.id != user_id for admin in admins.items)
