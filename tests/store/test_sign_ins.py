from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from mien.store.database import Store
from mien.store.errors import NotFoundError
from mien.store.records import Answer, NewSignIn, Renewal, Renewed, Role, User
from tests.store.support import VirtualClock

HOUR = 3600.0


@pytest.fixture
async def user(store: Store, organisation: UUID) -> User:
    async with store.begin(organisation) as work:
        return await work.users.add("anna", "hash", Role.ANALYST)


async def sign_in(store: Store, organisation: UUID, user: User) -> NewSignIn:
    async with store.begin(organisation) as work:
        return await work.sign_ins.begin(user.id, HOUR)


async def renew(store: Store, secret: str) -> Renewed:
    async with store.begin_system() as system:
        return await system.renewing.renew(secret, HOUR)


async def test_a_sign_in_renews_once_and_begins_the_next(
    store: Store, organisation: UUID, user: User, clock: VirtualClock
) -> None:
    first = await sign_in(store, organisation, user)
    clock.advance(seconds=HOUR - 1)
    renewed = await renew(store, first.secret)
    assert (renewed.outcome, renewed.organisation_id, renewed.user) == (Renewal.RENEWED, organisation, user)
    assert renewed.next is not None
    assert renewed.next.sign_in.family_id == first.sign_in.id
    assert renewed.next.secret not in repr(renewed)
    clock.advance(seconds=HOUR - 1)
    assert (await renew(store, renewed.next.secret)).outcome is Renewal.RENEWED


async def test_one_that_is_used_again_ends_all_that_came_of_it(
    store: Store, organisation: UUID, user: User, clock: VirtualClock
) -> None:
    first = await sign_in(store, organisation, user)
    elsewhere = await sign_in(store, organisation, user)
    second = (await renew(store, first.secret)).next
    assert second is not None
    clock.advance(seconds=4)
    assert (await renew(store, first.secret)).outcome is Renewal.JUST_USED
    clock.advance(seconds=2)
    stolen = await renew(store, first.secret)
    assert (stolen.outcome, stolen.user) == (Renewal.STOLEN, user)
    assert (await renew(store, second.secret)).outcome is Renewal.UNKNOWN
    assert (await renew(store, first.secret)).outcome is Renewal.UNKNOWN
    assert (await renew(store, elsewhere.secret)).outcome is Renewal.RENEWED


async def test_of_two_that_ask_at_once_one_is_renewed(store: Store, organisation: UUID, user: User) -> None:
    secret = (await sign_in(store, organisation, user)).secret
    outcomes = [r.outcome for r in await asyncio.gather(*(renew(store, secret) for _ in range(4)))]
    assert sorted(outcomes) == [Renewal.JUST_USED] * 3 + [Renewal.RENEWED]


async def test_what_is_over_ended_or_nobodys_renews_nothing(
    store: Store, organisation: UUID, user: User, clock: VirtualClock
) -> None:
    old, ended, all_ended, shut_out = [await sign_in(store, organisation, user) for _ in range(4)]
    async with store.begin_system() as system:
        await system.renewing.end(ended.secret)
        await system.renewing.end("nobody's")
    assert (await renew(store, ended.secret)).outcome is Renewal.UNKNOWN
    assert (await renew(store, "nobody's")).outcome is Renewal.UNKNOWN
    async with store.begin(organisation) as work:
        await work.users.set_active(user.id, False)
    assert (await renew(store, shut_out.secret)).outcome is Renewal.UNKNOWN
    async with store.begin(organisation) as work:
        await work.users.set_active(user.id, True)
    clock.advance(seconds=HOUR)
    assert (await renew(store, old.secret)).outcome is Renewal.UNKNOWN
    async with store.begin(organisation) as work:
        assert await work.sign_ins.end_all(user.id) == 3
    assert (await renew(store, all_ended.secret)).outcome is Renewal.UNKNOWN


async def test_a_request_with_a_key_is_carried_out_once(
    store: Store, organisation: UUID, other: UUID, clock: VirtualClock
) -> None:
    async def claim(actor: str = "user:1", sha: bytes = b"a" * 32, whose: UUID = organisation) -> tuple[UUID, bool]:
        async with store.begin(whose) as work:
            answer, new = await work.answers.claim(actor, "k1", sha, stale_seconds=60.0)
            return answer.id, new

    first, new = await claim()
    assert new
    assert await claim() == (first, False)
    assert (await claim(actor="user:2"))[1]
    assert (await claim(whose=other))[1]
    async with store.begin(organisation) as work:
        await work.answers.drop(first)
    second, new = await claim()
    assert new
    clock.advance(seconds=61)
    assert await claim(sha=b"b" * 32) == (second, False)
    taken_over, new = await claim()  # its process died before it changed anything
    assert new
    async with store.begin(organisation) as work:
        assert not await work.answers.hold(second)
        with pytest.raises(NotFoundError):
            await work.answers.carry_out(second)
    second = taken_over
    clock.advance(seconds=59)
    async with store.begin(organisation) as work:
        assert await work.answers.hold(second)
    clock.advance(seconds=59)
    assert await claim() == (second, False)  # it was held in between
    async with store.begin(organisation) as work:
        await work.answers.carry_out(second)
        await work.answers.drop(second)
    clock.advance(seconds=61)
    assert await claim() == (second, False)
    async with store.begin(organisation) as work:
        await work.answers.keep(second, b"sealed")
        answer, new = await work.answers.claim("user:1", "k1", b"a" * 32, stale_seconds=60.0)
    assert (answer.sealed, answer.carried_out, new) == (b"sealed", True, False)


async def test_answers_are_emptied_and_what_was_carried_out_stays_carried_out(
    store: Store, organisation: UUID, other: UUID
) -> None:
    async def claim(key: str, whose: UUID = organisation) -> tuple[Answer, bool]:
        async with store.begin(whose) as work:
            return await work.answers.claim("user:1", key, b"a" * 32, stale_seconds=60.0)

    claims = {key: (await claim(key))[0] for key in ("kept", "to be kept", "running")}
    theirs, _ = await claim("kept", other)
    async with store.begin(organisation) as work:
        await work.answers.keep(claims["kept"].id, b"sealed")
        await work.answers.carry_out(claims["to be kept"].id)
    async with store.begin(other) as work:
        await work.answers.keep(theirs.id, b"sealed")
    async with store.begin(organisation) as work:
        assert await work.answers.empty() == 1
    async with store.begin(organisation) as work:
        with pytest.raises(NotFoundError):
            await work.answers.keep(claims["to be kept"].id, b"of somebody who was erased")
    async with store.begin(organisation) as work:
        await work.answers.keep(claims["running"].id, b"sealed")
    for key, sealed in (("kept", None), ("to be kept", None), ("running", b"sealed")):
        answer, new = await claim(key)
        assert (answer.sealed, answer.carried_out, new) == (sealed, True, False), key
    assert (await claim("kept", other))[0].sealed == b"sealed"


async def test_what_is_over_is_swept(store: Store, organisation: UUID, user: User, clock: VirtualClock) -> None:
    await sign_in(store, organisation, user)
    async with store.begin(organisation) as work:
        await work.answers.claim("user:1", "k1", b"a" * 32, stale_seconds=60.0)
    clock.advance(days=1)
    await store.sweep()
    async with store.begin(organisation) as work:
        assert (await work.sign_ins.list()).items == ()
        assert (await work.answers.list()).items == ()
