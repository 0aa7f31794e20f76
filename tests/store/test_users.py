from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from mien.store.database import Store
from mien.store.errors import ConflictError, InvalidError, NotFoundError
from mien.store.records import Role
from mien.store.repositories.api_keys import PREFIX
from tests.store.support import NOW, VirtualClock


async def test_a_user_is_found_by_name_before_the_organisation_is_known(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        user = await work.users.add("anna", "$argon2id$…", Role.ANALYST)
    async with store.begin_system() as system:
        found = await system.directory.credentials(" anna ")
        assert found is not None
        assert (found.organisation_id, found.user, found.password_hash) == (organisation, user, "$argon2id$…")
        assert "argon2" not in repr(found)
        assert await system.directory.credentials("bert") is None
    assert 1 <= user.number <= 2**52


async def test_who_was_shut_out_has_no_credentials(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        user = await work.users.add("anna", "hash", Role.ANALYST)
        assert (await work.users.change_role(user.id, Role.VIEWER)).role is Role.VIEWER
        await work.users.change_password(user.id, "other hash")
        await work.users.set_active(user.id, False)
    async with store.begin_system() as system:
        assert await system.directory.credentials("anna") is None


async def test_a_name_signs_in_to_one_organisation(store: Store, organisation: UUID, other: UUID) -> None:
    async with store.begin(organisation) as work:
        await work.users.add("anna", "hash", Role.ADMIN)
    async with store.begin(other) as work:
        with pytest.raises(ConflictError, match=r"this name is taken\.$"):
            await work.users.add("anna", "hash", Role.ADMIN)


def test_a_role_includes_those_before_it() -> None:
    assert Role.ADMIN.includes(Role.VIEWER)
    assert Role.ANALYST.includes(Role.ANALYST)
    assert not Role.VIEWER.includes(Role.ANALYST)


async def test_a_keys_secret_is_told_once_and_stored_nowhere(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        minted = await work.api_keys.mint("box in hall 3", Role.ANALYST)
        [listed] = (await work.api_keys.list()).items
    assert minted.secret.startswith(PREFIX)
    assert minted.secret.startswith(listed.hint)
    assert len(minted.secret) >= 48
    assert minted.secret not in repr(minted)
    async with store._engine.connect() as connection:
        rows = (await connection.exec_driver_sql("SELECT * FROM api_keys")).all()
    assert minted.secret not in repr(rows)
    async with store.begin_system() as system:
        assert await system.directory.api_key(minted.secret) == (organisation, listed)
        assert await system.directory.api_key(minted.secret + "x") is None
        assert await system.directory.api_key("") is None


async def test_a_key_that_expired_or_was_revoked_opens_nothing(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    async with store.begin(organisation) as work:
        short = await work.api_keys.mint("short", Role.VIEWER, expires_at=NOW + timedelta(hours=1))
        gone = await work.api_keys.mint("gone", Role.VIEWER)
        revoked = await work.api_keys.revoke(gone.key.id)
        assert await work.api_keys.revoke(gone.key.id) == revoked
        with pytest.raises(InvalidError, match="cannot expire in the past"):
            await work.api_keys.mint("past", Role.VIEWER, expires_at=NOW)
    async with store.begin_system() as system:
        assert await system.directory.api_key(gone.secret) is None
        assert await system.directory.api_key(short.secret) is not None
        clock.advance(hours=1)
        assert await system.directory.api_key(short.secret) is None


async def test_an_organisation_has_a_name_of_its_own(store: Store, organisation: UUID) -> None:
    async with store.begin_system() as system:
        with pytest.raises(ConflictError, match="'Cinema North' already"):
            await system.directory.add_organisation("Cinema North")
        assert (await system.directory.organisation(organisation)).name == "Cinema North"
        with pytest.raises(NotFoundError):
            await system.directory.organisation(UUID(int=7))
