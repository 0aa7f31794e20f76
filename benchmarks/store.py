"""How fast the store is on PostgreSQL, with processor time told apart.

``python -m benchmarks.store [--json] [--url postgresql+asyncpg://…] [--seconds 10]``

Without ``--url`` it starts a private server with its default durability and removes it afterwards. Snapshots are whole
ones of a hall, with intervals, a view and a covariance; they are made before the time runs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.rows import Row, print_rows
from mien.core.audience import AudienceSnapshot
from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.settings import PROFILES
from mien.store import tables
from mien.store.database import Store
from mien.store.engine import StoreOptions
from mien.store.repositories.sessions import SessionDraft
from tests.postgres import Server
from tests.report.factory import hall

CLIENTS = 8
TIMELINE_STEPS = 21_600
TICKS = os.sysconf("SC_CLK_TCK")


def template() -> AudienceSnapshot:
    """A step with everything a snapshot can hold."""
    told = next(s for s in hall().timeline.snapshots if s.emotions is not None)
    return told.model_copy(update={"covariance": tuple(float(i) for i in range(36))})


async def begin_sessions(store: Store, url: str, organisation: UUID, count: int) -> list[UUID]:
    """So many open sessions: one that was begun, and copies of it."""
    grant = authorise(Declaration(Purpose.AUDIENCE_RESEARCH, Basis.NOTICE), PROFILES["cinema"])
    async with store.begin(organisation) as work:
        begun = (await work.sessions.begin(SessionDraft(grant, "cinema7", 0.5, 30))).id
    same = ", ".join(f'"{column.name}"' for column in tables.sessions.c if column.name != "id")
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        copied = await connection.execute(
            sa.text(
                f"INSERT INTO sessions (id, {same}) SELECT gen_random_uuid(), {same} "
                "FROM sessions, generate_series(2, :count) WHERE id = :begun RETURNING id"
            ),
            {"count": count, "begun": begun},
        )
        found = [begun, *copied.scalars()]
    await engine.dispose()
    return found


async def ingest(
    store: Store, organisation: UUID, sessions: list[UUID], batch: int, seconds: float
) -> tuple[int, float]:
    """Snapshots stored and seconds taken, by concurrent clients whose batches hold one snapshot a session."""
    like = template()
    names = [str(key) for key in sessions]
    groups = [names[i : i + batch] for i in range(0, len(names), batch)]
    rounds = 0
    stored = 0
    began = time.perf_counter()
    queue: asyncio.Queue[list[AudienceSnapshot]] = asyncio.Queue(CLIENTS)

    async def client() -> None:
        nonlocal stored
        while snapshots := await queue.get():
            async with store.begin(organisation) as work:
                done = await work.snapshots.ingest(snapshots)
            stored += done.stored

    clients = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    base = time.time()
    while time.perf_counter() - began < seconds:
        for group in groups:
            at = base + rounds * 5.0
            await queue.put([like.model_copy(update={"session_id": name, "media_time": at}) for name in group])
        rounds += 1
    for _ in clients:
        await queue.put([])
    await asyncio.gather(*clients)
    return stored, time.perf_counter() - began


async def reading(store: Store, organisation: UUID, session: UUID, clients: int, reads: int) -> list[float]:
    """Seconds of each read of the timeline."""
    taken: list[float] = []

    async def client() -> None:
        for _ in range(reads):
            began = time.perf_counter()
            async with store.begin(organisation, read_only=True) as work:
                timeline = await work.snapshots.timeline(session)
            assert len(timeline) == TIMELINE_STEPS
            taken.append(time.perf_counter() - began)

    await asyncio.gather(*(client() for _ in range(clients)))
    return taken


def server_seconds(pid: int) -> Callable[[], float]:
    """Processor seconds of a server and its children, also those that ended."""

    def measure() -> float:
        total = 0.0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                words = stat.read_text().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue
            if int(words[1]) == pid or stat.parent.name == str(pid):
                total += (int(words[11]) + int(words[12])) / TICKS
            if stat.parent.name == str(pid):
                total += (int(words[13]) + int(words[14])) / TICKS
        return total

    return measure


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[Store, UUID]]:
    """The store and a new organisation in it."""
    store = await Store.open(url, options=StoreOptions(connections=CLIENTS + 2))
    try:
        async with store.begin_system() as work:
            organisation = await work.directory.add_organisation(f"benchmark {time.time_ns()}")
        yield store, organisation.id
    finally:
        await store.close()


async def measure(url: str, seconds: float, server: Callable[[], float] | None) -> list[Row]:
    """Every figure."""
    rows = []
    async with opened(url) as (store, organisation):
        sessions = await begin_sessions(store, url, organisation, 2_000)
        for batch in (10, 100, 1000):
            before, server_before = time.process_time(), server() if server else 0.0
            stored, taken = await ingest(store, organisation, sessions, batch, seconds)
            client = time.process_time() - before
            rows.append(Row(f"ingest, batches of {batch}", stored / taken, "snapshots/s", 20_000, at_most=False))
            rows.append(
                Row(f"ingest: processor time of the client, batches of {batch}", client / stored * 1e6, "µs/snapshot")
            )
            if server:
                used = server() - server_before
                rows.append(
                    Row(f"ingest: processor time of PostgreSQL, batches of {batch}", used / stored * 1e6, "µs/snapshot")
                )
                both = 2 / ((client + used) / stored)
                rows.append(
                    Row(f"ingest: what two cores of their own would do, batches of {batch}", both, "snapshots/s")
                )
        [session] = await begin_sessions(store, url, organisation, 1)
        like = template().model_copy(update={"session_id": str(session)})
        steps = [like.model_copy(update={"media_time": i * 0.5}) for i in range(TIMELINE_STEPS)]
        for start in range(0, TIMELINE_STEPS, 5_400):
            async with store.begin(organisation) as work:
                await work.snapshots.ingest(steps[start : start + 5_400])
        await reading(store, organisation, session, 1, 5)
        for clients, state in ((1, "open"), (CLIENTS, "open"), (1, "ended"), (CLIENTS, "ended")):
            if state == "ended":
                async with store.begin(organisation) as work:
                    await work.sessions.end(session)
            before, server_before = time.process_time(), server() if server else 0.0
            taken_each = await reading(store, organisation, session, clients, 20)
            used = time.process_time() - before + (server() - server_before if server else 0.0)
            p95 = float(np.percentile(taken_each, 95)) * 1e3
            rows.append(Row(f"3 h timeline, {state}, {clients} at once, p95", p95, "ms", 50))
            rows.append(
                Row(f"timeline: processor time a read, {state}, {clients} at once", used / len(taken_each) * 1e3, "ms")
            )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    server = None if told.url else Server(durable=True)
    try:
        url = told.url or (server.url("postgres") if server else "")
        rows = asyncio.run(measure(url, told.seconds, server_seconds(server.pid) if server else None))
    finally:
        if server:
            server.stop()
    print_rows(rows, as_json=told.json)


if __name__ == "__main__":
    main()
