"""Webhooks over HTTP: made, changed, rotated, pinged, removed; their messages listed and sent again."""

from __future__ import annotations

import asyncio
import json
import re
import runpy
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mien.core.clock import SystemClock
from mien.service.app import create_app
from mien.service.duties import duties
from mien.service.parts import ServiceParts
from mien.service.settings import ServiceSettings
from mien.service.webhooks import signing
from mien.service.webhooks.backoff import BackoffOptions
from mien.service.webhooks.dispatcher import DispatchOptions
from mien.service.webhooks.events import CHOICES, Event
from mien.store.database import Store
from mien.streams.opening import open_bus
from tests.service.support import Service, populated
from tests.service.webhooks.receiver import Receiver

HOOKS = "/api/v1/webhooks"
MADE = {"url": "https://studio.example/hook", "events": ["scare.detected", "job.done"]}


async def made(service: Service, **changes: Any) -> dict[str, Any]:
    async with service.client("admin") as client:
        answer = await client.post(HOOKS, json={**MADE, **changes})
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told


async def test_a_secret_is_told_once_and_kept_sealed(service: Service) -> None:
    told = await made(service)
    secret, key = told["secret"], told["webhook"]["id"]
    signing.key_of(secret)
    async with service.client("admin") as client:
        [listed] = (await client.get(HOOKS)).json()["items"]
        one = (await client.get(f"{HOOKS}/{key}")).json()
    assert listed == one == told["webhook"]
    assert secret not in json.dumps([listed, one])
    async with service.parts.store.begin(service.organisation) as work:
        [hook] = (await work.webhooks.list()).items
        assert secret.encode() not in hook.secret
        [entry] = [e for e in (await work.audit.list()).items if e.action == "webhook.created"]
        assert secret not in json.dumps(dict(entry.detail))


@pytest.mark.parametrize("who", ["analyst", "viewer"])
async def test_webhooks_are_for_admins(service: Service, who: str) -> None:
    key = (await made(service))["webhook"]["id"]
    async with service.client(who) as client:
        for method, path in (
            ("GET", HOOKS), ("POST", HOOKS), ("GET", f"{HOOKS}/{key}"), ("PATCH", f"{HOOKS}/{key}"),
            ("DELETE", f"{HOOKS}/{key}"), ("POST", f"{HOOKS}/{key}/rotate"), ("POST", f"{HOOKS}/{key}/ping"),
            ("POST", f"{HOOKS}/{key}/replay_dead"), ("GET", "/api/v1/deliveries"),
        ):  # fmt: skip
            answer = await client.request(method, path, json=MADE if method in ("POST", "PATCH") else None)
            assert answer.status_code == 403, (method, path)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://studio.example/"},
        {"url": "https://127.0.0.1/"},
        {"url": "https://169.254.169.254/latest/meta-data/"},
        {"url": "https://[::ffff:10.0.0.1]/"},
        {"url": "https://user:secret@studio.example/"},
        {"url": "https://localhost:8000/"},
        {"url": "https://studio.example:22/"},
        {"url": ""},
        {"url": "https://studio.example/" + "a" * 3000},
        {"events": []},
        {"events": ["scare"]},
        {"events": ["webhook.ping"]},
        {"secret": "mine"},
    ],
)
async def test_what_makes_no_webhook(service: Service, changes: dict[str, Any]) -> None:
    async with service.client("admin") as client:
        answer = await client.post(HOOKS, json={**MADE, **changes})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        key = (await made(service))["webhook"]["id"]
        if "secret" not in changes:
            assert (await client.patch(f"{HOOKS}/{key}", json=changes)).status_code == 422


async def test_a_webhook_is_changed_turned_off_and_removed(service: Service) -> None:
    key = (await made(service))["webhook"]["id"]
    async with service.client("admin") as client:
        change = {"url": "https://other.example/", "events": ["*"], "active": False}
        told = (await client.patch(f"{HOOKS}/{key}", json=change)).json()
        assert {name: told[name] for name in change} == change
        assert (await client.post(f"{HOOKS}/{key}/ping")).status_code == 409
        assert (await client.patch(f"{HOOKS}/{key}", json={"active": True})).json()["events"] == ["*"]
        assert (await client.delete(f"{HOOKS}/{key}")).status_code == 204
        for answer in (await client.get(f"{HOOKS}/{key}"), await client.delete(f"{HOOKS}/{key}")):
            assert answer.status_code == 404


async def test_a_secret_is_rotated_with_an_overlap_or_at_once(service: Service) -> None:
    told = await made(service)
    key = told["webhook"]["id"]
    async with service.client("admin") as client:
        rotated = (await client.post(f"{HOOKS}/{key}/rotate", json={"overlap_hours": 2})).json()
        assert rotated["secret"] != told["secret"]
        until = datetime.fromisoformat(rotated["webhook"]["previous_secret_until"])
        assert (until - service.clock.now()).total_seconds() == 7200
        assert (await client.get(f"{HOOKS}/{key}")).json() == rotated["webhook"]
        service.clock.advance(hours=2)
    async with service.client("admin") as client:
        assert (await client.get(f"{HOOKS}/{key}")).json()["previous_secret_until"] is None
        at_once = (await client.post(f"{HOOKS}/{key}/rotate", json={"overlap_hours": 0})).json()
        assert at_once["webhook"]["previous_secret_until"] is None
        assert (await client.post(f"{HOOKS}/{key}/rotate", json={"overlap_hours": -1})).status_code == 422


async def test_no_more_webhooks_than_somebody_can_look_after(service: Service) -> None:
    async with service.parts.store.begin(service.organisation) as work:
        for _ in range(100):
            await work.webhooks.add("https://studio.example/", b"s" * 32, ["*"])
    async with service.client("admin") as client:
        assert (await client.post(HOOKS, json=MADE)).status_code == 409
        # Sealed by nobody, as after a change of the service's secret: still listed, and put right by rotating.
        [one, *_] = (await client.get(HOOKS)).json()["items"]
        rotated = (await client.post(f"{HOOKS}/{one['id']}/rotate", json={})).json()
        signing.key_of(rotated["secret"])


async def test_messages_are_listed_by_what_they_are_and_read_one_by_one(service: Service) -> None:
    key = (await made(service, events=["*"]))["webhook"]["id"]
    async with service.parts.store.begin(service.organisation) as work:
        for number in range(3):
            await work.deliveries.publish("job.done", {"number": number})
        await work.deliveries.publish("scare.detected", {"at_seconds": 50.0})
    async with service.client("admin") as client:
        every = (await client.get("/api/v1/deliveries", params={"limit": 3})).json()
        rest = (await client.get("/api/v1/deliveries", params={"limit": 3, "after": every["after"]})).json()
        assert [d["event"] for d in every["items"] + rest["items"]] == ["job.done"] * 3 + ["scare.detected"]
        assert "data" not in every["items"][0]
        for params, count in (
            ({"event": "scare.detected"}, 1), ({"state": "pending"}, 4), ({"state": "dead"}, 0),
            ({"webhook_id": key}, 4), ({"webhook_id": str(service.organisation)}, 0),
        ):  # fmt: skip
            assert len((await client.get("/api/v1/deliveries", params=params)).json()["items"]) == count, params
        assert (await client.get("/api/v1/deliveries", params={"state": "lost"})).status_code == 422
        one = rest["items"][0]
        assert (await client.get(f"/api/v1/deliveries/{one['id']}")).json()["data"] == {"at_seconds": 50.0}
        assert one["message_id"] == f"msg_{one['id'].replace('-', '')}"
    async with service.parts.store.begin(service.organisation) as work:
        read = [e for e in (await work.audit.list()).items if e.action == "delivery.read"]
        assert [(e.actor, e.subject) for e in read] == [(f"user:{service.people['admin'].number}", one["id"])]


QUICK = DispatchOptions(
    poll_seconds=0.02, rest_seconds=0.01, longest_rest_seconds=0.05,
    backoff=BackoffOptions(most_attempts=2, first_seconds=0.02),
)  # fmt: skip


@pytest.fixture
async def live(settings: ServiceSettings) -> AsyncIterator[Service]:
    """A service whose time passes, that may reach the loopback, with its duties running."""
    open_settings = settings.model_copy(
        update={"webhook_allowed_networks": ("127.0.0.0/8",), "webhook_allow_http": True}
    )
    store, bus = await Store.open(open_settings.database), await open_bus(None)
    parts = ServiceParts(open_settings, store, bus, SystemClock())
    app = create_app(parts)
    async with app.router.lifespan_context(app), duties(open_settings, store, options=QUICK):
        yield await populated(app, parts)
    await bus.close()
    await store.close()


async def until_it_is(client: Any, path: str, state: str) -> dict[str, Any]:
    end = time.monotonic() + 10
    while True:
        told: dict[str, Any] = (await client.get(path)).json()
        if told["state"] == state:
            return told
        assert time.monotonic() < end, told
        await asyncio.sleep(0.02)


async def test_a_ping_arrives_signed_and_a_dead_message_is_sent_again(live: Service) -> None:
    async with Receiver() as receiver, live.client("admin") as client:
        told = await made(live, url=receiver.url)
        key = told["webhook"]["id"]
        sent = await client.post(f"{HOOKS}/{key}/ping")
        assert sent.status_code == 202
        path = f"/api/v1/deliveries/{sent.json()['id']}"
        delivered = await until_it_is(client, path, "delivered")
        assert delivered["last_status"] == 204
        [got] = receiver.received
        assert signing.verify(got.headers, got.body, told["secret"], time.time()) == delivered["message_id"]
        body = json.loads(got.body)
        assert body["type"] == "webhook.ping"
        assert datetime.fromisoformat(body["timestamp"]).tzinfo == UTC
        receiver.behaviour = lambda _: (500, {})
        assert (await client.post(f"{path}/replay")).status_code == 202
        dead = await until_it_is(client, path, "dead")
        assert (dead["attempts"], dead["last_status"]) == (2, 500)
        receiver.behaviour = lambda _: (200, {})
        assert (await client.post(f"{HOOKS}/{key}/replay_dead")).json() == {"replayed": 1}
        await until_it_is(client, path, "delivered")
        assert {r.headers["webhook-id"] for r in receiver.received} == {delivered["message_id"]}


def test_every_event_can_be_asked_for() -> None:
    assert set(CHOICES) == {"*"} | {event.value for event in Event} - {"webhook.ping"}


def test_the_reference_tells_of_every_event() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "service" / "webhooks.md"
    section = page.read_text(encoding="utf-8").split("\n## Events\n", 1)[1].split("\n## ", 1)[0]
    told = re.findall(r"^\| `([a-z.]+)` \|", section, re.MULTILINE)
    assert told == [event.value for event in Event]


async def test_the_example_that_receivers_copy_believes_what_is_sent_and_nothing_else(live: Service) -> None:
    example = runpy.run_path(str(Path(__file__).resolve().parents[2] / "examples" / "webhook_receiver.py"))
    async with Receiver() as receiver, live.client("admin") as client:
        told = await made(live, url=receiver.url)
        sent = (await client.post(f"{HOOKS}/{told['webhook']['id']}/ping")).json()
        await until_it_is(client, f"/api/v1/deliveries/{sent['id']}", "delivered")
    [got] = receiver.received
    assert example["checked"](got.headers, got.body, told["secret"]) == sent["message_id"]
    for headers, body, secret in (
        (got.headers, got.body + b" ", told["secret"]),
        (got.headers, got.body, signing.mint_secret()),
        ({**got.headers, "webhook-timestamp": str(int(time.time()) - 301)}, got.body, told["secret"]),
        ({**got.headers, "webhook-id": "msg_1"}, got.body, told["secret"]),
        ({}, got.body, told["secret"]),
    ):
        with pytest.raises(ValueError, match=r"fits|too long ago|missing"):
            example["checked"](headers, body, secret)
