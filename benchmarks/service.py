"""How fast the service takes snapshots in, tells followers, and answers timelines, over real sockets.

``python -m benchmarks.service [--json] [--seconds 10] [--redis]``

It starts a private PostgreSQL with its default durability, one process of the service (two where that is said), and a
process that makes the load; the latter's processor time is told apart. With ``--redis`` the bus is a private Redis with
``appendfsync always``. Snapshots are whole ones of a hall, with intervals, a view and a covariance, one a session in a
batch; there are 100,000 sessions. It takes about two minutes where nothing else runs. The service's other bars are
tests: docs/reference/service.md says which.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import numpy as np

from benchmarks import wrk
from benchmarks.rows import Row, print_rows
from benchmarks.store import begin_sessions, server_seconds, template
from mien.core.audience import EmotionPercents
from mien.service.parts import ServiceParts
from mien.service.security.passwords import Passwords
from mien.service.settings import ServiceSettings
from mien.store.database import Store
from mien.store.records import Role
from mien.streams.opening import open_bus
from tests.postgres import Server
from tests.redis_server import RedisServer, free_port

SECRET = base64.b64encode(bytes(range(64))).decode()
SESSIONS = 100_000
CONNECTIONS = 8
READERS = 8
READS = 40
FOLLOWERS = 500
EVENTS = 60
EVENTS_PER_SECOND = 4.0
TIMELINE_STEPS = 21_600
MOST_GAINED_MIB = 32.0
"""Of memory, in one run of ingest after the first: what is more would be growth."""
_APART_SECONDS = 1_000.0
"""Of media time between one load and the next: more than any of them sends."""


def settings(database: str, redis: str | None) -> ServiceSettings:
    """Of the service that is measured."""
    told = {"database_url": database, "security_secret": SECRET, "data_folder": tempfile.gettempdir(), "workers": 0}
    limits = {"requests_per_minute": 10_000_000, "public_per_minute": 10_000_000}
    return ServiceSettings.model_validate({**told, **limits, **({"redis_url": redis} if redis else {})})


class Connection:
    """One kept-alive connection, with as little between it and the socket as can be."""

    def __init__(self, address: str, token: str) -> None:
        self._host = urlsplit(address).hostname or ""
        self._port = urlsplit(address).port or 0
        self._head = f"Host: {self._host}\r\nAuthorization: Bearer {token}\r\nAccept-Encoding: gzip\r\n"

    async def open(self) -> Connection:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=1 << 26)
        return self

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body."""
        told = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Type: application/json\r\nContent-Length: {len(body)}"
        self._writer.write(told.encode() + b"\r\n\r\n" + body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0])
        return int(head.split(" ", 2)[1]), await self._reader.readexactly(length)

    async def events(self, path: str) -> asyncio.StreamReader:
        """Server-sent events, from the first on."""
        self._writer.write(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())
        await self._reader.readuntil(b"retry: 1000")
        return self._reader

    def close(self) -> None:
        """Let go."""
        self._writer.close()


def pieces() -> tuple[str, str, str]:
    """A snapshot's JSON around its session and its media time."""
    text = template().model_dump_json(exclude_none=True)
    told = json.loads(text)
    told["session_id"], told["media_time"] = "SESSION", 12345.5
    left, right = json.dumps(told, separators=(",", ":")).split("12345.5")
    head, middle = left.split("SESSION")
    return head, middle, right


async def load(
    addresses: list[str], token: str, sessions: list[str], batch: int, start: float, seconds: float
) -> dict[str, float]:
    """Send batches for a while, media time from ``start`` on; run in a process of its own."""
    head, middle, tail = (piece.encode() for piece in pieces())
    names = [key.encode() for key in sessions]
    count, waits = 0, list[float]()
    until = time.perf_counter() + seconds
    places = iter(range(10**12))

    async def client(number: int) -> None:
        nonlocal count
        connection = await Connection(addresses[number % len(addresses)], token).open()
        while time.perf_counter() < until:
            first = next(places) * batch
            after = middle + b"%.1f" % (start + first // len(names) * 0.5) + tail
            body = b"[" + b",".join([head + names[(first + i) % len(names)] + after for i in range(batch)]) + b"]"
            began = time.perf_counter()
            status, answer = await connection.ask("POST", "/api/v1/snapshots", body)
            waits.append(time.perf_counter() - began)
            if status != 200 or f'"accepted":{batch},' not in answer.decode():
                raise RuntimeError(f"{status}: {answer[:300]!r}")
            count += batch
        connection.close()

    processor, began = time.process_time(), time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(CONNECTIONS)))
    taken = time.perf_counter() - began
    used = time.process_time() - processor
    return {
        "count": count,
        "seconds": taken,
        "processor": used,
        "p95": float(np.percentile(waits, 95)),
    }


async def read(address: str, token: str, session: str, clients: int) -> list[float]:
    """Seconds of each reading of a timeline."""
    waits: list[float] = []

    async def client() -> None:
        connection = await Connection(address, token).open()
        for _ in range(READS):
            began = time.perf_counter()
            status, answer = await connection.ask("GET", f"/api/v1/sessions/{session}/timeline")
            waits.append(time.perf_counter() - began)
            if status != 200 or len(answer) < 10_000:
                raise RuntimeError(f"{status}: {answer[:300]!r}")
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return waits


async def follow(address: str, token: str, session: str) -> dict[str, Any]:
    """Seconds from sending each snapshot to each follower's hearing of it, and whether order held."""
    waits: list[float] = []
    sent: dict[float, float] = {}
    in_order = True
    ready = asyncio.Semaphore(0)

    async def follower() -> None:
        nonlocal in_order
        connection = await Connection(address, token).open()
        reader = await connection.events(f"/api/v1/sessions/{session}/events")
        ready.release()
        expected = 0.0
        while expected < EVENTS * 0.5:
            line = await reader.readline()
            if line.startswith(b"data: "):
                heard = time.perf_counter()
                at = float(line.split(b'"media_time":', 1)[1].split(b",", 1)[0])
                in_order = in_order and at == expected
                waits.append(heard - sent[at])
                expected += 0.5
        connection.close()

    followers = []
    for _ in range(FOLLOWERS):
        followers.append(asyncio.create_task(follower()))
        await ready.acquire()
    sender = await Connection(address, token).open()
    like = template().model_copy(update={"session_id": session})
    for number in range(EVENTS):
        at = number * 0.5
        body = like.model_copy(update={"media_time": at}).model_dump_json(exclude_none=True).encode()
        sent[at] = time.perf_counter()
        await sender.ask("POST", "/api/v1/snapshots", body)
        await asyncio.sleep(max(0.0, 1 / EVENTS_PER_SECOND - (time.perf_counter() - sent[at])))
    await asyncio.wait_for(asyncio.gather(*followers), 60)
    return {"waits": len(waits), "p95": float(np.percentile(waits, 95)), "worst": max(waits), "in_order": in_order}


async def prepared(database: str) -> tuple[str, list[str], str, str, str]:
    """A token, sessions to write to, one with a long timeline that has ended, one that runs, and one to follow."""
    store = await Store.open(database)
    async with store.begin_system() as system:
        organisation = (await system.directory.add_organisation("Benchmark")).id
    hashed = await Passwords().hashed("correct horse battery staple")
    async with store.begin(organisation) as work:
        user = await work.users.add("benchmark", hashed, Role.ANALYST)
    sessions = [str(key) for key in await begin_sessions(store, database, organisation, SESSIONS)]
    ended, running, followed = [str(key) for key in await begin_sessions(store, database, organisation, 3)]
    like = template().model_copy(update={"session_id": ended})
    rng = np.random.default_rng(1)
    shares = 100 * rng.dirichlet(np.full(8, 2.0), TIMELINE_STEPS)
    steps = [
        like.model_copy(update={"media_time": i * 0.5, "emotions": EmotionPercents.of(shares[i])})
        for i in range(TIMELINE_STEPS)
    ]
    for start in range(0, TIMELINE_STEPS, 5_400):
        some = steps[start : start + 5_400]
        async with store.begin(organisation) as work:
            await work.snapshots.ingest(some)
            await work.snapshots.ingest([step.model_copy(update={"session_id": running}) for step in some])
    async with store.begin(organisation) as work:
        await work.sessions.end(UUID(ended))
    parts = ServiceParts(settings(database, None), store, await open_bus(None))
    token = parts.tokens.issue(user, organisation, parts.clock.now())
    await store.close()
    return token, sessions, ended, running, followed


@contextmanager
def service(database: str, redis: str | None) -> Iterator[tuple[str, int]]:
    """A process of the service as an operator starts it, its log written to nowhere; its address and number."""
    port = free_port()
    told = {**os.environ, **settings(database, redis).environment(), "MIEN_PORT": str(port)}
    with Path(os.devnull).open("wb") as nowhere:
        process = subprocess.Popen([sys.executable, "-m", "mien", "serve"], env=told, stdout=nowhere, stderr=nowhere)
        try:
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()
            process.wait(60)


async def _up(address: str, token: str) -> None:
    for _ in range(300):
        try:
            connection = await Connection(address, token).open()
            if (await connection.ask("GET", "/api/health"))[0] == 200:
                return
        except OSError:
            await asyncio.sleep(0.1)
    raise RuntimeError("the service did not start")


def _memory_kib(running: list[tuple[str, int]]) -> int:
    told = [Path(f"/proc/{process}/status").read_text() for _, process in running]
    return sum(int(status.split("VmRSS:", 1)[1].split()[0]) for status in told)


class Ingest:
    """Loads processes of the service, each time with media times that were not sent before.

    Args:
        token, sessions: to send with, and of.
        seconds: how long.
        postgres: processor seconds of the database so far.
        folder: for what the generator is told.
    """

    def __init__(
        self, token: str, sessions: list[str], seconds: float, postgres: Callable[[], float], folder: Path
    ) -> None:
        self._token, self._sessions, self._seconds, self._postgres = token, sessions, seconds, postgres
        self._told = folder / "load.json"
        self._told.write_text(json.dumps({"token": token, "sessions": sessions}))
        self._start = 0.0

    def rows(self, running: list[tuple[str, int]], batch: int, *, bar: bool) -> list[Row]:
        """Figures of sending batches of a size."""
        owns = [server_seconds(process) for _, process in running]
        before = sum(own() for own in owns), self._postgres(), _memory_kib(running)
        told = self.send([address for address, _ in running], batch)
        used, server = sum(own() for own in owns) - before[0], self._postgres() - before[1]
        count, rate = told["count"], told["count"] / told["seconds"]
        name = f"batches of {batch}" + (f", {len(running)} processes" if len(running) > 1 else "")
        each, gained = 1e6 / count, (_memory_kib(running) - before[2]) / 1024
        alone = 2 * count / (used + server)
        return [
            Row(f"ingest through HTTP, {name}", rate, "snapshots/s", 20_000 if bar else None, at_most=False),
            Row(f"ingest: answer p95, {name}", told["p95"] * 1e3, "ms"),
            Row(f"ingest: processor time of the service, {name}", used * each, "µs/snapshot"),
            Row(f"ingest: processor time of PostgreSQL, {name}", server * each, "µs/snapshot"),
            Row(f"ingest: processor time of the generator, {name}", told["processor"] * each, "µs/snapshot"),
            Row(f"ingest: by processor time, two cores without the generator, {name}", alone, "snapshots/s"),
            Row(f"ingest: memory gained, {name}", gained, "MiB", MOST_GAINED_MIB),
        ]

    def send(self, addresses: list[str], batch: int) -> dict[str, float]:
        """What a generator in a process of its own says."""
        self._start += _APART_SECONDS
        command = [sys.executable, "-m", "benchmarks.service", "--load", str(self._told)]
        command += ["--address", ",".join(addresses), "--batch", str(batch), "--start", str(self._start)]
        done = subprocess.run([*command, "--seconds", str(self._seconds)], check=True, capture_output=True)
        found: dict[str, float] = json.loads(done.stdout)
        return found

    def by_wrk(self, address: str, batch: int) -> list[Row]:
        """The same by wrk."""
        self._start += _APART_SECONDS
        send = wrk.Snapshots(pieces(), batch, self._start, self._sessions)
        told = wrk.run(f"{address}/api/v1/snapshots", self._token, CONNECTIONS, self._seconds, send)
        count = told.requests * batch
        rate = count / told.seconds
        return [
            Row(f"wrk: ingest, batches of {batch}", rate, "snapshots/s", 20_000, at_most=False),
            Row("wrk: ingest, batches of 100: answer p95", told.p95_ms, "ms"),
            Row(
                "wrk: ingest, batches of 100: processor time of wrk",
                told.processor_seconds / count * 1e6,
                "µs/snapshot",
            ),
            Row("wrk: ingest, batches of 100: answers that were no success", told.bad, "answers", 0),
        ]


def read_rows(
    address: str, token: str, ended: str, running: str, seconds: float, own: Callable[[], float]
) -> list[Row]:
    """Figures of reading timelines."""
    rows = []
    for session, state in ((ended, "ended"), (running, "running")):
        asyncio.run(read(address, token, session, 1))
        for clients in (1, READERS):
            before = own()
            waits = asyncio.run(read(address, token, session, clients))
            p95 = float(np.percentile(waits, 95)) * 1e3
            rows.append(Row(f"3 h timeline over HTTP, {state}, {clients} at once, p95", p95, "ms", 50))
        each = (own() - before) / len(waits) * 1e3
        rows.append(Row(f"3 h timeline over HTTP: processor time of the service, {state}", each, "ms/reading"))
    if wrk.there():
        told = wrk.run(f"{address}/api/v1/sessions/{ended}/timeline", token, READERS, seconds)
        rows.append(Row(f"wrk: 3 h timeline, ended, {READERS} at once, p95", told.p95_ms, "ms", 50))
        rows.append(Row("wrk: 3 h timeline, ended, 8 at once: readings", told.requests / told.seconds, "readings/s"))
        rows.append(
            Row(
                "wrk: 3 h timeline, ended, 8 at once: answers that were no success",
                told.bad,
                "answers",
                0,
            )
        )
    return rows


def follow_rows(address: str, token: str, session: str, own: Callable[[], float]) -> list[Row]:
    """Figures of following."""
    before = own()
    heard = asyncio.run(follow(address, token, session))
    whole = heard["in_order"] and heard["waits"] == FOLLOWERS * EVENTS
    each = (own() - before) / heard["waits"] * 1e6
    return [
        Row(f"{FOLLOWERS} followers, p95", heard["p95"] * 1e3, "ms", 250),
        Row(f"{FOLLOWERS} followers: every event, in order", float(whole), "1 is yes", 1, at_most=False),
        Row("500 followers: the slowest", heard["worst"] * 1e3, "ms"),
        Row("500 followers: processor time of the service", each, "µs/event and follower"),
    ]


def measure(database: str, redis: str | None, seconds: float, postgres: Callable[[], float]) -> Iterator[Row]:
    """Every figure, as it is known."""
    token, sessions, ended, running, followed = asyncio.run(prepared(database))
    with service(database, redis) as first, tempfile.TemporaryDirectory() as folder:
        address, own = first[0], server_seconds(first[1])
        asyncio.run(_up(address, token))
        ingest = Ingest(token, sessions, seconds, postgres, Path(folder))
        # Every session is known then, as in a service that has run for more than a moment.
        ingest.send([address], 500)
        yield from ingest.rows([first], 100, bar=True)
        yield from ingest.rows([first], 10, bar=False)
        if wrk.there():
            yield from ingest.by_wrk(address, 100)
        else:
            yield Row("wrk is not installed: run 'make system-packages'", 0.0, "rows by wrk")
        yield from read_rows(address, token, ended, running, seconds, own)
        yield from follow_rows(address, token, followed, own)
        with service(database, redis) as second:
            asyncio.run(_up(second[0], token))
            ingest.send([second[0]], 500)
            yield from ingest.rows([first, second], 100, bar=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--redis", action="store_true")
    for name in ("load", "address"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--start", type=float, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.load:
        known = json.loads(Path(told.load).read_text())
        to = told.address.split(",")
        found = asyncio.run(load(to, known["token"], known["sessions"], told.batch, told.start, told.seconds))
        print(json.dumps(found))
        return
    server = Server(durable=True)
    redis = RedisServer() if told.redis else None
    try:
        database = server.url("postgres")
        rows = measure(database, redis.url if redis else None, told.seconds, server_seconds(server.pid))
        print_rows(rows, as_json=told.json)
    finally:
        server.stop()
        if redis:
            redis.stop()


if __name__ == "__main__":
    main()
