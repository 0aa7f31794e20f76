"""Keys of the caller's organisation's programs."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request

from mien.service.dependencies import Parts, Reading, RequireAdmin, Writing, writing
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.problems import responses
from mien.service.schemas.api_keys import ApiKey, MintedApiKey, NewApiKey

router = APIRouter(prefix="/api/v1/api_keys", tags=["api keys"])


@router.get("", operation_id="list_api_keys")
async def list_api_keys(_admin: RequireAdmin, work: Reading, paging: PageQuery) -> PageOf[ApiKey]:
    """Every key, those that open nothing any more too."""
    return page_of(await work.api_keys.list(after=paging.after, limit=paging.limit), ApiKey.of)


@router.post("", operation_id="mint_api_key", status_code=201)
async def mint_api_key(admin: RequireAdmin, work: Writing, asked: NewApiKey) -> MintedApiKey:
    """A new key; its secret is told in this answer and never again."""
    minted = await work.api_keys.mint(asked.name, asked.role, expires_at=asked.expires_at)
    await work.audit.record(admin.actor, "api_key.minted", "api_key", minted.key.id, {"role": asked.role.value})
    return MintedApiKey(key=ApiKey.of(minted.key), secret=minted.secret)


@router.get("/{key_id}", operation_id="get_api_key", responses=responses(404))
async def get_api_key(_admin: RequireAdmin, work: Reading, key_id: UUID) -> ApiKey:
    """One key."""
    return ApiKey.of(await work.api_keys.get(key_id))


@router.delete("/{key_id}", operation_id="revoke_api_key", responses=responses(404))
async def revoke_api_key(request: Request, admin: RequireAdmin, parts: Parts, key_id: UUID) -> ApiKey:
    """Let a key open nothing from now on, and end what it has open.

    It stays in the list; asking again changes nothing.
    """
    async with writing(request) as work:
        before = await work.api_keys.get(key_id)
        key = await work.api_keys.revoke(key_id)
        if before.revoked_at is None:
            await work.audit.record(admin.actor, "api_key.revoked", "api_key", key_id)
    await parts.standing.changed()
    return ApiKey.of(key)
