"""How fast the service takes snapshots in, tells followers, and answers timelines, over real sockets.

``python -m benchmarks.service [--json] [--seconds 10] [--redis]``

It starts a private PostgreSQL with its default durability, one process of the service, and a process that makes the
load; the latter's processor time is told apart. With ``--redis`` the bus is a private Redis with ``appendfsync
always``. Snapshots are whole ones of a hall, with intervals, a view and a covariance, one a session in a batch of many
sessions.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import numpy as np

from benchmarks.store import Row, begin_sessions, server_seconds, template
from mien.core.audience import EmotionPercents
from mien.service.app import create_app
from mien.service.parts import ServiceParts
from mien.service.security.passwords import Passwords
from mien.service.settings import ServiceSettings
from mien.store.database import Store
from mien.store.engine import StoreOptions
from mien.store.records import Role
from mien.streams.opening import open_bus
from tests.postgres import Server
from tests.redis_server import RedisServer, free_port

SECRET = base64.b64encode(bytes(range(64))).decode()
SESSIONS = 10_000
CONNECTIONS = 8
READERS = 8
READS = 40
FOLLOWERS = 500
EVENTS = 60
EVENTS_PER_SECOND = 4.0
TIMELINE_STEPS = 21_600


def settings(database: str, redis: str | None) -> ServiceSettings:
    """Of the service that is measured."""
    told = {"database_url": database, "security_secret": SECRET, "data_folder": tempfile.gettempdir(), "workers": 0}
    limits = {"requests_per_minute": 10_000_000}
    return ServiceSettings.model_validate({**told, **limits, **({"redis_url": redis} if redis else {})})


async def serve(database: str, redis: str | None, port: int) -> None:
    """The process that is measured."""
    import uvicorn

    told = settings(database, redis)
    store = await Store.open(database, options=StoreOptions(connections=told.database_connections))
    bus = await open_bus(redis)
    app = create_app(ServiceParts(told, store, bus))
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=2)
    await uvicorn.Server(config).serve()
    await bus.close()
    await store.close()


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


async def load(address: str, token: str, sessions: list[str], batch: int, seconds: float) -> dict[str, float]:
    """Send batches for a while; run in a process of its own."""
    text = template().model_dump_json(exclude_none=True)
    told = json.loads(text)
    told["session_id"], told["media_time"] = "SESSION", 12345.5
    before, after = json.dumps(told, separators=(",", ":")).split("12345.5")
    heads = [before.replace("SESSION", key).encode() for key in sessions]
    tail = after.encode()
    count, waits = 0, list[float]()
    until = time.perf_counter() + seconds
    places = iter(range(10**12))

    async def client() -> None:
        nonlocal count
        connection = await Connection(address, token).open()
        while time.perf_counter() < until:
            first = next(places) * batch
            at = b"%.1f" % (first // len(heads) * 0.5)
            body = b"[" + b",".join([heads[(first + i) % len(heads)] + at + tail for i in range(batch)]) + b"]"
            began = time.perf_counter()
            status, answer = await connection.ask("POST", "/api/v1/snapshots", body)
            waits.append(time.perf_counter() - began)
            if status != 200 or f'"accepted":{batch},' not in answer.decode():
                raise RuntimeError(f"{status}: {answer[:300]!r}")
            count += batch
        connection.close()

    processor, began = time.process_time(), time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    taken = time.perf_counter() - began
    used = time.process_time() - processor
    return {
        "count": count,
        "seconds": taken,
        "processor": used,
        "p95": float(np.percentile(waits, 95)),
        "bytes": len(text),
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


async def prepared(database: str) -> tuple[str, list[str], str, str]:
    """A token, sessions to write to, one with a long timeline that has ended, and one to follow."""
    store = await Store.open(database)
    async with store.begin_system() as system:
        organisation = (await system.directory.add_organisation("Benchmark")).id
    hashed = await Passwords().hashed("correct horse battery staple")
    async with store.begin(organisation) as work:
        user = await work.users.add("benchmark", hashed, Role.ANALYST)
    sessions = [str(key) for key in await begin_sessions(store, organisation, SESSIONS)]
    [ended, followed] = [str(key) for key in await begin_sessions(store, organisation, 2)]
    like = template().model_copy(update={"session_id": ended})
    rng = np.random.default_rng(1)
    shares = 100 * rng.dirichlet(np.full(8, 2.0), TIMELINE_STEPS)
    steps = [
        like.model_copy(update={"media_time": i * 0.5, "emotions": EmotionPercents.of(shares[i])})
        for i in range(TIMELINE_STEPS)
    ]
    for start in range(0, TIMELINE_STEPS, 5_400):
        async with store.begin(organisation) as work:
            await work.snapshots.ingest(steps[start : start + 5_400])
    async with store.begin(organisation) as work:
        await work.sessions.end(UUID(ended))
    parts = ServiceParts(settings(database, None), store, await open_bus(None))
    token = parts.tokens.issue(user, organisation, parts.clock.now())
    await store.close()
    return token, sessions, ended, followed


@contextmanager
def service(database: str, redis: str | None) -> Iterator[tuple[str, int]]:
    """A process of the service; its address and number."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.service", "--serve", database, "--port", str(port)]
    process = subprocess.Popen(command + (["--redis-url", redis] if redis else []))
    try:
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(30)


async def _up(address: str, token: str) -> None:
    for _ in range(300):
        try:
            connection = await Connection(address, token).open()
            if (await connection.ask("GET", "/api/health"))[0] == 200:
                return
        except OSError:
            await asyncio.sleep(0.1)
    raise RuntimeError("the service did not start")


def _memory_kib(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:", 1)[1].split()[0])


def measure(database: str, redis: str | None, seconds: float, postgres: Callable[[], float]) -> list[Row]:
    """Every figure."""
    rows = []
    token, sessions, ended, followed = asyncio.run(prepared(database))
    with service(database, redis) as (address, process), tempfile.TemporaryDirectory() as folder:
        asyncio.run(_up(address, token))
        own = server_seconds(process)
        names = Path(folder) / "sessions.json"
        for batch in (100, 10):
            names.write_text(json.dumps({"token": token, "sessions": sessions}))
            before = own(), postgres(), _memory_kib(process)
            command = [sys.executable, "-m", "benchmarks.service", "--load", str(names), "--address", address]
            command += ["--batch", str(batch), "--seconds", str(seconds)]
            told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            used, server = own() - before[0], postgres() - before[1]
            count, rate = told["count"], told["count"] / told["seconds"]
            bar = (20_000, rate >= 20_000) if batch == 100 else (None, None)
            each, generated = 1e6 / count, told["processor"]
            rows += [
                Row(f"ingest through HTTP, batches of {batch}", rate, "snapshots/s", *bar),
                Row(f"… answer p95, batches of {batch}", told["p95"] * 1e3, "ms"),
                Row(f"… processor time of the service, batches of {batch}", used * each, "µs/snapshot"),
                Row(f"… processor time of PostgreSQL, batches of {batch}", server * each, "µs/snapshot"),
                Row(f"… processor time of the generator, batches of {batch}", generated * each, "µs/snapshot"),
                Row(
                    f"… two cores without the generator, batches of {batch}", 2 * count / (used + server), "snapshots/s"
                ),
                Row(f"… memory gained, batches of {batch}", (_memory_kib(process) - before[2]) / 1024, "MiB"),
            ]
        for clients in (1, READERS):
            p95 = float(np.percentile(asyncio.run(read(address, token, ended, clients)), 95)) * 1e3
            rows.append(Row(f"3 h timeline over HTTP, ended, {clients} at once, p95", p95, "ms", 50, p95 <= 50))
        before_follow = own()
        heard = asyncio.run(follow(address, token, followed))
        holds = heard["in_order"] and heard["p95"] <= 0.25 and heard["waits"] == FOLLOWERS * EVENTS
        rows.append(Row(f"{FOLLOWERS} followers, every event in order, p95", heard["p95"] * 1e3, "ms", 250, holds))
        rows.append(Row("… the slowest", heard["worst"] * 1e3, "ms"))
        each = (own() - before_follow) / heard["waits"] * 1e6
        rows.append(Row("… processor time of the service", each, "µs/event and follower"))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--redis", action="store_true")
    for name in ("serve", "redis-url", "load", "address"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.serve:
        asyncio.run(serve(told.serve, told.redis_url, told.port))
        return
    if told.load:
        known = json.loads(Path(told.load).read_text())
        found = asyncio.run(load(told.address, known["token"], known["sessions"], told.batch, told.seconds))
        print(json.dumps(found))
        return
    server = Server(durable=True)
    redis = RedisServer() if told.redis else None
    try:
        database = server.url("postgres")
        rows = measure(database, redis.url if redis else None, told.seconds, server_seconds(server.pid))
    finally:
        server.stop()
        if redis:
            redis.stop()
    for row in rows:
        told_row = {**asdict(row), "value": round(row.value, 2)}
        verdict = "" if row.holds is None else f"  (bar {row.bar:g}: {'holds' if row.holds else 'MISSED'})"
        print(json.dumps(told_row) if told.json else f"{row.name:62} {row.value:10.1f} {row.unit}{verdict}")


if __name__ == "__main__":
    main()
