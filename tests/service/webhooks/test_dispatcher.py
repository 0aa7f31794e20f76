"""Messages from the store to real receivers, by one dispatcher and by several, on both databases."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from mien.core.clock import SystemClock
from mien.service.webhooks import signing
from mien.service.webhooks.backoff import BackoffOptions
from mien.service.webhooks.destinations import Guard, GuardOptions
from mien.service.webhooks.dispatcher import Dispatcher, DispatchOptions
from mien.service.webhooks.keyring import Keys, Seal
from mien.service.webhooks.sending import Sender, SendOptions
from mien.store.database import Store
from mien.store.errors import LeaseLostError
from mien.store.outbox import Outbox
from mien.store.records import Delivery, DeliveryState, Webhook
from tests.service.webhooks.receiver import Received, Receiver, Reply
from tests.store.support import add_organisation

SEAL = Seal(b"s" * 64)
KEYS = Keys(signing.mint_secret())
FAST = DispatchOptions(
    poll_seconds=0.02, rest_seconds=0.01, longest_rest_seconds=0.05, lease_margin_seconds=0.5, grace_seconds=1.0,
    backoff=BackoffOptions(most_attempts=4, first_seconds=0.02, factor=1.5, longest_seconds=0.1),
)  # fmt: skip


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """With the real clock: what is due is due now."""
    opened = await Store.open(url)
    yield opened
    await opened.close()


@pytest.fixture
async def organisation(store: Store) -> UUID:
    return await add_organisation(store, "Cinema North")


def dispatcher(store: Store, options: DispatchOptions = FAST, *, total_seconds: float = 1.0) -> Dispatcher:
    guard = Guard(GuardOptions(allow_http=True, allowed_networks=(ipaddress.ip_network("127.0.0.0/8"),)))
    sender = Sender(guard, SendOptions(connect_seconds=1.0, total_seconds=total_seconds))
    return Dispatcher(store, SEAL, sender, random=Random(1), options=options)


@asynccontextmanager
async def running(*dispatchers: Dispatcher) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(d.run(stop)) for d in dispatchers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that in time"
        await asyncio.sleep(0.01)


async def hook(store: Store, organisation: UUID, url: str, keys: Keys = KEYS) -> Webhook:
    async with store.begin(organisation) as work:
        return await work.webhooks.add(url, SEAL.close(organisation, keys), ["*"])


async def publish(store: Store, organisation: UUID, count: int = 1) -> None:
    async with store.begin(organisation) as work:
        for number in range(count):
            await work.deliveries.publish("job.done", {"number": number})


async def deliveries(store: Store, organisation: UUID) -> tuple[Delivery, ...]:
    async with store.begin(organisation, read_only=True) as work:
        return (await work.deliveries.list(limit=1000)).items


async def settled(store: Store, organisation: UUID, seconds: float = 10.0) -> tuple[Delivery, ...]:
    """Once nothing is pending any more."""
    end = time.monotonic() + seconds
    while True:
        found = await deliveries(store, organisation)
        if all(d.state is not DeliveryState.PENDING for d in found):
            return found
        assert time.monotonic() < end, [(d.state, d.attempts, d.last_error) for d in found]
        await asyncio.sleep(0.02)


async def test_a_message_arrives_signed_as_its_receiver_checks_it(store: Store, organisation: UUID) -> None:
    async with Receiver() as receiver:
        await hook(store, organisation, receiver.url)
        await publish(store, organisation)
        async with running(dispatcher(store)):
            [delivery] = await settled(store, organisation)
    [got] = receiver.received
    assert signing.verify(got.headers, got.body, KEYS.current, time.time()) == f"msg_{delivery.id.hex}"
    told = json.loads(got.body)
    assert told["type"] == "job.done"
    assert told["data"] == {"number": 0}
    assert told["timestamp"] == delivery.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert (delivery.state, delivery.attempts, delivery.last_status) == (DeliveryState.DELIVERED, 1, 204)


async def test_while_a_secret_is_rotated_messages_carry_both_signatures(store: Store, organisation: UUID) -> None:
    rotated = KEYS.rotated(SystemClock().now(), timedelta(hours=1))
    async with Receiver() as receiver:
        await hook(store, organisation, receiver.url, rotated)
        await publish(store, organisation)
        async with running(dispatcher(store)):
            await settled(store, organisation)
    [got] = receiver.received
    for secret in (rotated.current, KEYS.current):
        signing.verify(got.headers, got.body, secret, time.time())


async def test_a_receiver_that_fails_for_a_while_gets_the_message_under_the_same_id(
    store: Store, organisation: UUID
) -> None:
    def third_time(_: Received) -> Reply:
        return (200 if len(receiver.received) == 3 else 503), {}

    async with Receiver(third_time) as receiver:
        await hook(store, organisation, receiver.url)
        await publish(store, organisation)
        async with running(dispatcher(store)):
            [delivery] = await settled(store, organisation)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 3)
    assert len({got.headers[signing.ID] for got in receiver.received}) == 1
    assert len({got.body for got in receiver.received}) == 1


@pytest.mark.parametrize("status", [302, 400, 404, 500])
async def test_a_message_that_never_arrives_is_dead_and_arrives_when_it_is_replayed(
    store: Store, organisation: UUID, status: int
) -> None:
    async with Receiver(lambda _: (status, {"location": "http://127.0.0.1:1/"})) as receiver:
        webhook = await hook(store, organisation, receiver.url)
        await publish(store, organisation, 2)
        async with running(dispatcher(store)):
            dead = await settled(store, organisation)
            assert {(d.state, d.attempts, d.last_status) for d in dead} == {(DeliveryState.DEAD, 4, status)}
            assert all(str(status) in (d.last_error or "") for d in dead)
            assert len(receiver.received) == 8
            receiver.behaviour = lambda _: (200, {})
            async with store.begin(organisation) as work:
                assert await work.deliveries.replay_dead(webhook.id) == 2
            again = await settled(store, organisation)
    assert {(d.state, d.attempts, d.last_status) for d in again} == {(DeliveryState.DELIVERED, 1, 200)}


async def test_a_receiver_that_is_gone_is_asked_no_more(store: Store, organisation: UUID) -> None:
    async with Receiver(lambda _: (410, {})) as receiver:
        webhook = await hook(store, organisation, receiver.url)
        await publish(store, organisation, 20)
        async with running(dispatcher(store, replace(FAST, each=1))):
            found = await settled(store, organisation)
        assert len(receiver.received) == 1
    assert {d.state for d in found} == {DeliveryState.DEAD}
    assert all("gone (410)" in (d.last_error or "") for d in found)
    async with store.begin(organisation) as work:
        assert not (await work.webhooks.get(webhook.id)).active
        assert await work.deliveries.publish("job.done", {}) == ()


async def test_a_receiver_says_when_it_wants_to_be_asked_again(store: Store, organisation: UUID) -> None:
    def later(_: Received) -> Reply:
        times.append(time.time())
        return (429 if len(times) == 1 else 200), {"retry-after": "1"}

    times: list[float] = []
    async with Receiver(later) as receiver:
        await hook(store, organisation, receiver.url)
        await publish(store, organisation)
        async with running(dispatcher(store)):
            await settled(store, organisation)
    assert 0.99 <= times[1] - times[0] < 2.0


async def test_an_address_that_may_not_be_reached_is_told_and_not_reached(store: Store, organisation: UUID) -> None:
    await hook(store, organisation, "http://10.1.2.3/hook")
    await publish(store, organisation)
    async with running(dispatcher(store)):
        [dead] = await settled(store, organisation)
    assert "its address is private" in (dead.last_error or "")
    assert dead.last_status is None


async def test_a_secret_sealed_under_another_secret_of_the_service_sends_nothing(
    store: Store, organisation: UUID
) -> None:
    async with Receiver() as receiver:
        async with store.begin(organisation) as work:
            await work.webhooks.add(receiver.url, Seal(b"t" * 64).close(organisation, KEYS), ["*"])
        await publish(store, organisation)
        async with running(dispatcher(store)):
            [dead] = await settled(store, organisation)
    assert receiver.received == []
    assert "sealed under another secret" in (dead.last_error or "")


async def test_two_dispatchers_send_each_message_once(store: Store, organisation: UUID) -> None:
    async def slow(_: Received) -> Reply:
        await asyncio.sleep(0.02)
        return 200, {}

    patient = replace(FAST, lease_margin_seconds=30.0)
    async with Receiver(slow) as one, Receiver(slow) as two:
        await hook(store, organisation, one.url)
        await hook(store, organisation, two.url)
        await publish(store, organisation, 60)
        async with running(*(dispatcher(store, patient) for _ in range(3))):
            await settled(store, organisation, 30.0)
    for receiver in (one, two):
        assert len(receiver.received) == len({got.headers[signing.ID] for got in receiver.received}) == 60


async def test_dead_receivers_do_not_hold_up_the_living(store: Store, organisation: UUID) -> None:
    """More silent receivers than there are places: the others' messages still arrive while those time out."""
    silence = asyncio.Event()

    async def silent(_: Received) -> Reply:
        await silence.wait()
        return 200, {}

    options = replace(FAST, at_once=4, each=2, lease_margin_seconds=5.0, rest_seconds=0.5, longest_rest_seconds=2.0)
    async with Receiver(silent) as dead, Receiver() as alive:
        for _ in range(6):
            await hook(store, organisation, dead.url)
        await publish(store, organisation, 10)
        async with running(dispatcher(store, options, total_seconds=0.5)):
            # All six are known to be dead by now.
            await until(lambda: dead.connections >= 8)
            await asyncio.sleep(2.0)
            await hook(store, organisation, alive.url)
            await publish(store, organisation, 10)
            # Sent in turn, the 120 to the dead would take four places 15 s.
            await until(lambda: len(alive.received) >= 10, 10.0)
        silence.set()


async def test_another_organisations_messages_are_sent_too(store: Store, organisation: UUID) -> None:
    other = await add_organisation(store, "Studio South")
    async with Receiver() as receiver:
        for owner in (organisation, other):
            await hook(store, owner, receiver.url)
            await publish(store, owner)
        async with running(dispatcher(store)):
            await settled(store, organisation)
            await settled(store, other)
    assert len(receiver.received) == 2


async def test_told_to_stop_it_finishes_what_is_on_its_way_and_claims_nothing_more(
    store: Store, organisation: UUID
) -> None:
    async def slow(_: Received) -> Reply:
        stop.set()
        await asyncio.sleep(0.3)
        return 200, {}

    stop = asyncio.Event()
    async with Receiver(slow) as receiver:
        await hook(store, organisation, receiver.url)
        await publish(store, organisation, 3)
        await dispatcher(store, replace(FAST, each=1)).run(stop)
        assert len(receiver.received) == 1
    states = sorted(d.state for d in await deliveries(store, organisation))
    assert states == [DeliveryState.DELIVERED, DeliveryState.PENDING, DeliveryState.PENDING]


async def test_told_to_stop_it_hands_back_what_does_not_arrive_in_time(store: Store, organisation: UUID) -> None:
    async def hanging(_: Received) -> Reply:
        stop.set()
        await asyncio.sleep(30)
        return 200, {}

    stop = asyncio.Event()
    async with Receiver(hanging) as receiver:
        await hook(store, organisation, receiver.url)
        await publish(store, organisation)
        began = time.monotonic()
        await dispatcher(store, replace(FAST, grace_seconds=0.1), total_seconds=20.0).run(stop)
        assert time.monotonic() - began < 5.0
        [delivery] = await deliveries(store, organisation)
        assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 0)
        receiver.behaviour = lambda _: (200, {})
        async with running(dispatcher(store)):
            [delivery] = await settled(store, organisation)
    assert delivery.state is DeliveryState.DELIVERED


async def test_what_a_dead_dispatcher_had_is_sent_by_another_when_its_claim_lapses(
    store: Store, organisation: UUID
) -> None:
    async with Receiver() as receiver:
        await hook(store, organisation, receiver.url)
        await publish(store, organisation)
        claimed = time.monotonic()
        async with store.begin_system() as work:
            [claim] = await work.outbox.claim(lease_seconds=0.5)
        async with running(dispatcher(store)):
            [delivery] = await settled(store, organisation)
            assert time.monotonic() - claimed >= 0.5, "sent before the claim lapsed"
    assert delivery.attempts == 2
    async with store.begin_system() as work:
        with pytest.raises(LeaseLostError):
            await work.outbox.failed(claim, "too late")


async def test_a_database_that_is_away_for_a_moment_is_told_afterwards_and_nothing_is_sent_twice(
    store: Store, organisation: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"claim": 0, "delivered": 0}
    plain = {name: getattr(Outbox, name) for name in calls}

    def away_twice(name: str) -> Any:
        async def call(self: Outbox, *args: Any, **how: Any) -> Any:
            calls[name] += 1
            if calls[name] <= 2:
                raise OSError("the database is away")
            return await plain[name](self, *args, **how)

        return call

    for name in calls:
        monkeypatch.setattr(Outbox, name, away_twice(name))
    async with Receiver() as receiver:
        await hook(store, organisation, receiver.url)
        await publish(store, organisation, 5)
        async with running(dispatcher(store, replace(FAST, lease_margin_seconds=30.0))):
            found = await settled(store, organisation)
    assert {d.state for d in found} == {DeliveryState.DELIVERED}
    assert len(receiver.received) == 5
    assert calls["delivered"] >= 3
