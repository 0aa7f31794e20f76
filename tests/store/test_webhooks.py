from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from mien.store.database import Store
from mien.store.errors import ConflictError, InvalidError, LeaseLostError
from mien.store.records import Claim, Delivery, DeliveryState
from tests.store.support import VirtualClock, draft

URL = "https://studio.example/hook"


async def pending(store: Store, organisation: UUID) -> Delivery:
    async with store.begin(organisation) as work:
        await work.webhooks.add(URL, b"s" * 32, ["scare"])
        [delivery] = await work.deliveries.publish("scare", {"at_seconds": 754.5})
        return delivery


async def test_a_message_goes_to_active_webhooks_that_asked_for_it(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        scares = await work.webhooks.add(URL, b"s" * 32, ["scare", "job.done"])
        every = await work.webhooks.add(URL, b"s" * 32, ["*"])
        silent = await work.webhooks.add(URL, b"s" * 32, ["*"])
        await work.webhooks.set_active(silent.id, False)
        await work.webhooks.add(URL, b"s" * 32, ["session.ended"])
        sent = await work.deliveries.publish("scare", {"at_seconds": 754.5})
    assert {delivery.webhook_id for delivery in sent} == {scares.id, every.id}
    assert "ssss" not in repr(scares)


async def claimed(store: Store, *, lease_seconds: float = 60.0, **how: Any) -> tuple[Claim, ...]:
    async with store.begin_system() as work:
        return await work.outbox.claim(lease_seconds=lease_seconds, **how)


async def read(store: Store, organisation: UUID, key: UUID) -> Delivery:
    async with store.begin(organisation) as work:
        return await work.deliveries.get(key)


async def test_a_message_of_what_did_not_happen_is_not_sent(store: Store, organisation: UUID) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with store.begin(organisation) as work:
            await work.webhooks.add(URL, b"s" * 32, ["*"])
            await work.deliveries.publish("scare", {})
            1 / 0  # noqa: B018
    assert await claimed(store) == ()
    async with store.begin_system(read_only=True) as work:
        assert await work.outbox.next_due() is None


async def test_an_occurrence_that_is_told_twice_makes_one_message(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        session = await work.sessions.begin(draft())
        await work.webhooks.add(URL, b"s" * 32, ["*"])
    for expected in (1, 0):
        async with store.begin(organisation) as work:
            made = await work.deliveries.publish("scare", {}, session_id=session.id, once="scare 12.5")
            assert len(made) == expected
    async with store.begin(organisation) as work:
        await work.webhooks.add(URL, b"s" * 32, ["*"])
        assert len(await work.deliveries.publish("scare", {}, session_id=session.id, once="scare 12.5")) == 1
        assert len(await work.deliveries.publish("scare", {}, session_id=session.id, once="scare 13.5")) == 2
        assert len(await work.deliveries.publish("scare", {})) == 2


async def test_a_message_is_tried_again_when_it_is_said_to_and_given_up(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    delivery = await pending(store, organisation)
    [claim] = await claimed(store)
    assert (claim.delivery.id, claim.delivery.attempts, claim.webhook.url) == (delivery.id, 1, URL)
    async with store.begin_system() as work:
        await work.outbox.failed(claim, "connection refused", retry_at=clock.now() + timedelta(seconds=10))
        assert await work.outbox.next_due() == clock.now() + timedelta(seconds=10)
    clock.advance(seconds=9)
    assert await claimed(store) == ()
    clock.advance(seconds=1)
    [claim] = await claimed(store)
    assert claim.delivery.attempts == 2
    async with store.begin_system() as work:
        await work.outbox.failed(claim, "server error", status=503)
    dead = await read(store, organisation, delivery.id)
    assert (dead.state, dead.last_status, dead.next_attempt_at) == (DeliveryState.DEAD, 503, None)
    assert dead.finished_at == clock.now()
    clock.advance(days=1)
    assert await claimed(store) == ()
    async with store.begin(organisation) as work:
        replayed = await work.deliveries.replay(delivery.id)
        assert (replayed.state, replayed.attempts) == (DeliveryState.PENDING, 0)
    assert [c.delivery.id for c in await claimed(store)] == [delivery.id]


async def test_every_dead_message_of_a_webhook_is_replayed_at_once(store: Store, organisation: UUID) -> None:
    delivery = await pending(store, organisation)
    async with store.begin(organisation) as work:
        await work.deliveries.publish("scare", {})
    first, second = await claimed(store)
    async with store.begin_system() as system:
        await system.outbox.failed(first, "no")
        await system.outbox.delivered(second, 200)
    async with store.begin(organisation) as work:
        assert await work.deliveries.replay_dead(delivery.webhook_id) == 1
    assert [c.delivery.id for c in await claimed(store)] == [first.delivery.id]


async def test_a_message_that_arrived_is_not_sent_again(store: Store, organisation: UUID) -> None:
    delivery = await pending(store, organisation)
    [claim] = await claimed(store)
    async with store.begin_system() as work:
        await work.outbox.delivered(claim, 204)
        with pytest.raises(LeaseLostError):
            await work.outbox.delivered(claim, 204)
    arrived = await read(store, organisation, delivery.id)
    assert (arrived.state, arrived.attempts, arrived.last_status) == (DeliveryState.DELIVERED, 1, 204)
    assert await claimed(store) == ()


async def test_a_claimed_message_is_nobody_elses_until_the_claim_lapses(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    delivery = await pending(store, organisation)
    [first] = await claimed(store, lease_seconds=45.0)
    assert await claimed(store) == ()
    clock.advance(seconds=45)
    [second] = await claimed(store)
    assert (second.delivery.attempts, second.fence) == (2, first.fence + 1)
    async with store.begin_system() as work:
        for late in (
            work.outbox.delivered(first, 200),
            work.outbox.failed(first, "no"),
            work.outbox.release(first),
            work.outbox.close(first, "gone", status=410),
        ):
            with pytest.raises(LeaseLostError):
                await late
    async with store.begin_system() as work:
        await work.outbox.release(second)
    handed_back = await read(store, organisation, delivery.id)
    assert (handed_back.state, handed_back.attempts) == (DeliveryState.PENDING, 1)
    [third] = await claimed(store)
    async with store.begin(organisation) as work:
        await work.deliveries.replay(delivery.id)
    async with store.begin_system() as work:
        with pytest.raises(LeaseLostError):
            await work.outbox.delivered(third, 200)


async def test_a_claim_takes_a_few_of_each_webhook(store: Store, organisation: UUID, clock: VirtualClock) -> None:
    async with store.begin(organisation) as work:
        busy = await work.webhooks.add(URL, b"s" * 32, ["scare"])
        for _ in range(20):
            await work.deliveries.publish("scare", {})
    clock.advance(seconds=1)
    async with store.begin(organisation) as work:
        calm = await work.webhooks.add(URL, b"s" * 32, ["job.done"])
        asleep = await work.webhooks.add(URL, b"s" * 32, ["job.done"])
        await work.deliveries.publish("job.done", {})
        await work.webhooks.set_active(asleep.id, False)
    taken = Counter(c.webhook.id for c in await claimed(store, each=3, limit=10))
    assert taken == {busy.id: 3, calm.id: 1}
    assert Counter(c.webhook.id for c in await claimed(store, each=100, limit=5)) == {busy.id: 5}
    assert await claimed(store, leave_out=[busy.id]) == ()
    assert len(await claimed(store, each=2, among=[busy.id])) == 2
    assert await claimed(store, among=[]) == ()


async def test_a_receiver_that_wants_no_more_is_left_alone(store: Store, organisation: UUID) -> None:
    delivery = await pending(store, organisation)
    async with store.begin(organisation) as work:
        for _ in range(3):
            await work.deliveries.publish("scare", {})
    [claim] = await claimed(store, limit=1)
    async with store.begin_system() as system:
        assert await system.outbox.close(claim, "gone", status=410) == 4
    async with store.begin(organisation) as work:
        assert not (await work.webhooks.get(delivery.webhook_id)).active
        assert {d.state for d in (await work.deliveries.list()).items} == {DeliveryState.DEAD}
        with pytest.raises(ConflictError, match="is turned off"):
            await work.deliveries.send(delivery.webhook_id, "webhook.ping", {})


async def test_a_ping_goes_to_one_webhook_whatever_it_asked_for(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        asked = await work.webhooks.add(URL, b"s" * 32, ["scare"])
        await work.webhooks.add(URL, b"s" * 32, ["*"])
        await work.deliveries.send(asked.id, "webhook.ping", {})
        assert await work.deliveries.wants("scare")
        assert await work.deliveries.wants("anything")
    [claim] = await claimed(store)
    assert (claim.webhook.id, claim.delivery.event) == (asked.id, "webhook.ping")


async def test_a_webhook_is_changed(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        hook = await work.webhooks.add(URL, b"s" * 32, ["scare"])
        assert await work.webhooks.change(hook.id) == hook
        changed = await work.webhooks.change(hook.id, url=URL + "/2", secret=b"t" * 32, events=["job.done"])
        assert (changed.url, changed.secret, changed.events) == (URL + "/2", b"t" * 32, ("job.done",))
        assert not await work.deliveries.wants("scare")
        with pytest.raises(InvalidError):
            await work.webhooks.change(hook.id, events=[])


async def test_removing_a_webhook_removes_its_messages(store: Store, organisation: UUID) -> None:
    delivery = await pending(store, organisation)
    async with store.begin(organisation) as work:
        await work.webhooks.remove(delivery.webhook_id)
        assert (await work.deliveries.list()).items == ()
        assert (await work.webhooks.list()).items == ()


async def test_short_secrets_no_events_and_personal_messages_are_refused(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        with pytest.raises(InvalidError, match="at least 16 bytes"):
            await work.webhooks.add(URL, b"short", ["*"])
        with pytest.raises(InvalidError, match="at least one event"):
            await work.webhooks.add(URL, b"s" * 32, [])
        with pytest.raises(InvalidError, match="a message cannot be stored"):
            await work.deliveries.publish("scare", {"person_id": 4})
