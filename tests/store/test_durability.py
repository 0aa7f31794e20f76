"""What was acknowledged survives the database's death, and the store goes on with the one that comes after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mien.store.database import Store
from mien.store.packing import packed
from tests.postgres import Server
from tests.store.support import add_organisation, draft, step


@pytest.fixture
def durable() -> Iterator[Server]:
    server = Server(durable=True)
    yield server
    server.stop()


async def test_what_was_acknowledged_survives_a_killed_server_and_the_store_goes_on(durable: Server) -> None:
    store = await Store.open(durable.url("postgres"))
    try:
        organisation = await add_organisation(store, "Cinema North")
        async with store.begin(organisation) as work:
            session = await work.sessions.begin(draft())
        for batch in range(20):
            async with store.begin(organisation) as work:
                await work.snapshots.ingest([step(session, batch * 50 + i * 0.5) for i in range(100)])
        durable.restart_after_kill()
        async with store.begin(organisation) as work:
            assert len(await work.snapshots.timeline(session.id)) == 2000
            again = await work.snapshots.ingest([step(session, 0.0), step(session, 1e5)])
            assert (again.stored, again.repeated) == (1, 1)
        taken = await store.take(organisation, [packed(step(session, 2e5 + i)) for i in range(100)])
        assert taken.stored == 100
        durable.restart_after_kill()
        async with store.begin(organisation) as work:
            assert len(await work.snapshots.timeline(session.id)) == 2101
    finally:
        await store.close()
