"""One message to a real receiver on the loopback interface, which the guard is told to allow."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mien.service.webhooks.addresses import Address
from mien.service.webhooks.destinations import DestinationError, Guard, GuardOptions, Resolver
from mien.service.webhooks.sending import Answer, Sender, SendError, SendOptions
from tests.service.webhooks.receiver import Received, Receiver, Reply, certify

BODY = b'{"type":"webhook.ping"}'
QUICK = SendOptions(connect_seconds=1.0, total_seconds=1.0)


def sender(
    *allowed: str, resolver: Resolver | None = None, options: SendOptions | None = None, tls: object = None
) -> Sender:
    networks = tuple(ipaddress.ip_network(network) for network in allowed or ("127.0.0.1/32",))
    guard = Guard(GuardOptions(allow_http=True, allowed_networks=networks), resolver)
    return Sender(guard, options or QUICK, tls=tls)  # type: ignore[arg-type]


def always(*addresses: str) -> Resolver:
    async def tell(host: str) -> Sequence[Address]:
        return [ipaddress.ip_address(text) for text in addresses]

    return tell


async def test_a_message_arrives_whole_with_nothing_added_but_who_sends() -> None:
    async with Receiver() as receiver:
        answer = await sender().post(receiver.url, [("webhook-id", "msg_1")], BODY)
    assert answer == Answer(204, None)
    [got] = receiver.received
    assert (got.target, got.body) == ("/hook?from=mien", BODY)
    assert got.headers.keys() == {"host", "user-agent", "accept", "connection", "content-length", "webhook-id"}
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["user-agent"].startswith("mien/")


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.2:1")
    async with Receiver() as receiver:
        assert (await sender().post(receiver.url, [], BODY)).status == 204


async def test_the_receiver_is_named_and_verified_as_in_the_url_though_its_address_is_connected_to(
    tmp_path: Path,
) -> None:
    server, client = certify(tmp_path, "hooks.studio.example")
    async with Receiver(tls=server) as receiver:
        resolver = always("127.0.0.1")
        sending = sender(resolver=resolver, tls=client)
        answer = await sending.post(f"https://Hooks.Studio.example.:{receiver.port}/x", [], BODY)
        assert answer.status == 204
        [got] = receiver.received
        assert got.server_name == "hooks.studio.example"
        assert got.headers["host"] == f"hooks.studio.example:{receiver.port}"
        with pytest.raises(SendError, match="certificate is not valid"):
            await sending.post(f"https://other.example:{receiver.port}/x", [], BODY)
        with pytest.raises(SendError, match="certificate is not valid"):
            await sender(resolver=resolver).post(f"https://hooks.studio.example:{receiver.port}/x", [], BODY)
    assert len(receiver.received) == 1


async def test_a_name_that_changes_its_address_is_asked_once_and_judged_each_time() -> None:
    """Rebinding: the name leads to a permitted address while it is judged and to another right after."""
    asked: list[str] = []

    async def rebinding(host: str) -> Sequence[Address]:
        asked.append(host)
        return [ipaddress.ip_address("127.0.0.1" if len(asked) == 1 else "127.0.0.2")]

    async with Receiver() as permitted, Receiver(host="127.0.0.2") as inside:
        url = f"http://studio.example:{permitted.port}/"
        sending = sender("127.0.0.1/32", resolver=rebinding)
        assert (await sending.post(url, [], BODY)).status == 204
        assert asked == ["studio.example"]
        with pytest.raises(DestinationError, match="none of the internet's"):
            await sending.post(f"http://studio.example:{inside.port}/", [], BODY)
        assert len(asked) == 2
        assert (permitted.connections, inside.connections) == (1, 0)


async def test_no_forbidden_address_is_connected_to_even_beside_a_permitted_one() -> None:
    async with Receiver() as permitted, Receiver(host="127.0.0.2") as inside:
        for addresses in (("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "127.0.0.1"), ("::ffff:127.0.0.2",)):
            with pytest.raises(DestinationError):
                await sender("127.0.0.1/32", resolver=always(*addresses)).post(
                    f"http://studio.example:{inside.port}/", [], BODY
                )
        assert (permitted.connections, inside.connections) == (0, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_answers_and_not_followed(status: int) -> None:
    async with Receiver() as elsewhere:

        def redirect(_: Received) -> Reply:
            return status, {"location": elsewhere.url}

        async with Receiver(redirect) as receiver:
            assert (await sender().post(receiver.url, [], BODY)).status == status
    assert elsewhere.connections == 0


async def test_the_next_address_is_tried_where_one_is_closed() -> None:
    async with Receiver(host="127.0.0.2") as receiver:
        both = sender("127.0.0.0/8", resolver=always("127.0.0.1", "127.0.0.2"))
        assert (await both.post(f"http://studio.example:{receiver.port}/", [], BODY)).status == 204


async def test_a_closed_port_is_told() -> None:
    async with Receiver() as receiver:
        url = receiver.url
    with pytest.raises(SendError, match="refused the connection"):
        await sender().post(url, [], BODY)


@asynccontextmanager
async def talking(told: bytes, *, then_hang: bool = False) -> AsyncIterator[str]:
    """Somebody who says this to whoever posts; the address."""
    handlers: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            # Whoever closes with something unread resets the connection, and what was written may be lost.
            await reader.readuntil(BODY)
            writer.write(told)
            await writer.drain()
            if then_hang:
                await reader.read()
            writer.close()
            await writer.wait_closed()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        # An aborted transport closes its socket in the loop's next turn.
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("told", "hang", "why"),
    [
        (b"", False, "without an answer|connection broke"),
        (b"", True, "no answer within 1 seconds"),
        (b"HTTP/1.1 200 OK\r\nX: ", True, "no answer within 1 seconds"),
        (b"220 mail.example ESMTP\r\n\r\n", False, "does not answer HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, False, "does not answer HTTP|more than a status"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, False, "more than a status|without an answer|broke"),
    ],
)
async def test_what_is_no_answer_is_told_in_words_and_time(told: bytes, hang: bool, why: str) -> None:
    began = time.monotonic()
    async with talking(told, then_hang=hang) as url:
        with pytest.raises(SendError, match=why):
            await sender().post(url, [], BODY)
    assert time.monotonic() - began < 3.0


async def test_of_a_long_answer_only_the_status_is_read() -> None:
    endless = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n" + b"a" * 1000
    async with talking(endless, then_hang=True) as url:
        assert (await sender().post(url, [], BODY)).status == 200


NOW = datetime(2026, 11, 21, 20, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Sat, 21 Nov 2026 20:16:00 GMT", 60),
        ("Sat, 21 Nov 2026 21:16:00 +0100", 60),
        ("Sat, 21 Nov 2026 20:14:00 GMT", -60),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("9" * 30, None),
        ("²", None),
    ],
)
def test_when_a_receiver_wants_to_be_asked_again(told: str | None, seconds: float | None) -> None:
    at = Answer(503, told).retry_at(NOW)
    assert (None if at is None else (at - NOW).total_seconds()) == seconds
