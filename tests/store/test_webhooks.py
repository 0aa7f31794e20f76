from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from mien.store.database import Store
from mien.store.errors import ConflictError, InvalidError
from mien.store.records import Delivery, DeliveryState
from mien.store.repositories.webhooks import FIRST_RETRY_SECONDS, MOST_ATTEMPTS
from tests.store.support import NOW, VirtualClock

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


async def test_a_message_of_what_did_not_happen_is_not_sent(store: Store, organisation: UUID) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with store.begin(organisation) as work:
            await work.webhooks.add(URL, b"s" * 32, ["*"])
            await work.deliveries.publish("scare", {})
            1 / 0  # noqa: B018
    async with store.begin(organisation) as work:
        assert await work.deliveries.due() == ()
        assert await work.deliveries.next_due() is None


async def test_a_message_is_tried_again_at_growing_distances_and_given_up(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    delivery = await pending(store, organisation)
    for attempt in range(1, MOST_ATTEMPTS):
        async with store.begin(organisation) as work:
            assert [d.id for d in await work.deliveries.due()] == [delivery.id]
            failed = await work.deliveries.failed(delivery.id, "connection refused", status=None)
            assert (failed.state, failed.attempts) == (DeliveryState.PENDING, attempt)
            wait = timedelta(seconds=FIRST_RETRY_SECONDS * 2 ** (attempt - 1))
            assert await work.deliveries.next_due() == clock.now() + wait
            clock.advance(seconds=wait.total_seconds() - 1)
            assert await work.deliveries.due() == ()
            clock.advance(seconds=1)
    assert clock.now() - NOW == timedelta(seconds=1270)
    async with store.begin(organisation) as work:
        dead = await work.deliveries.failed(delivery.id, "server error", status=503)
        assert (dead.state, dead.last_status, dead.next_attempt_at) == (DeliveryState.DEAD, 503, None)
        with pytest.raises(ConflictError, match="is dead: replay it first"):
            await work.deliveries.failed(delivery.id, "again")
        replayed = await work.deliveries.replay(delivery.id)
        assert (replayed.state, replayed.attempts) == (DeliveryState.PENDING, 0)
        assert [d.id for d in await work.deliveries.due()] == [delivery.id]


async def test_a_message_that_arrived_is_not_sent_again(store: Store, organisation: UUID) -> None:
    delivery = await pending(store, organisation)
    async with store.begin(organisation) as work:
        arrived = await work.deliveries.delivered(delivery.id, 204)
        assert (arrived.state, arrived.attempts, arrived.last_status) == (DeliveryState.DELIVERED, 1, 204)
        assert await work.deliveries.due() == ()
        with pytest.raises(ConflictError):
            await work.deliveries.delivered(delivery.id, 204)


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
