from __future__ import annotations

import asyncio
import json
from uuid import UUID

import pytest
import sqlalchemy as sa

from mien.store import deletion, tables
from mien.store.database import Store
from mien.store.errors import NotFoundError, StoreError
from mien.store.records import DeletionProof
from mien.store.scope import Scope
from mien.store.work import Work
from tests.store.support import VirtualClock, add_respondent, draft, step
from tests.store.test_tenants import MOMENT, samples, spooling

COUNTS = {
    "snapshots": 3,
    "metric_samples": 1,
    "moments": 1,
    "reports": 1,
    "report_files": 1,
    "spooled_files": 1,
    "jobs": 1,
    "deliveries": 1,
    "sessions": 1,
}


async def fill(work: Work, session_id: UUID) -> None:
    await work.snapshots.ingest([step(session_id, i * 0.5) for i in range(3)])
    await work.samples.append(session_id, samples())
    await work.moments.add(session_id, [MOMENT])
    report = await work.reports.add("report", {"fear": 12.5}, session_id=session_id)
    await work.report_files.add(report.id, session_id, "report.html", "text/html", b"<p>")
    await work.spooled_files.begin(spooling(session_id))
    await work.jobs.enqueue("analyze", {}, session_id=session_id)
    await work.webhooks.add("https://studio.example/hook", b"s" * 16, ["session.ended"])
    await work.deliveries.publish("session.ended", {}, session_id=session_id)


async def rows(store: Store) -> dict[str, int]:
    async with store._engine.connect() as connection:
        counted = {
            t.name: (await connection.execute(sa.select(sa.func.count()).select_from(t))).scalar_one()
            for t in tables.metadata.sorted_tables
        }
    return {name: count for name, count in counted.items() if count}


async def ended_session(store: Store, organisation: UUID, *, days: int, filled: bool = True) -> UUID:
    async with store.begin(organisation) as work:
        session = await work.sessions.begin(draft(retention_days=days))
        if filled:
            await fill(work, session.id)
        await work.sessions.end(session.id)
    return session.id


def test_whatever_names_a_session_is_deleted_with_it() -> None:
    assert {table.name for table in deletion.belonging()} == COUNTS.keys() - {"sessions"} | {"timelines"}


async def test_what_is_due_is_deleted_and_the_proof_says_what(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    session = await ended_session(store, organisation, days=7)
    kept = await ended_session(store, organisation, days=8, filled=False)
    clock.advance(days=7, seconds=-1)
    assert await store.sweep() == ()
    clock.advance(seconds=1)
    [proof] = await store.sweep()
    assert (proof.organisation_id, proof.subjects, dict(proof.counts)) == (
        organisation,
        (session,),
        {**COUNTS, "timelines": 1},
    )
    assert proof.deleted_at == clock.now()
    assert await rows(store) == {"organisations": 1, "sessions": 1, "webhooks": 1, "audit_entries": 1}
    async with store.begin(organisation) as work:
        assert (await work.sessions.get(kept)).retention_days == 8
        await assert_told(work, proof, "session.expired")
    assert await store.sweep() == ()


async def assert_told(work: Work, proof: DeletionProof, action: str) -> None:
    entry = await work.audit.get(proof.audit_id)
    assert (entry.action, entry.at) == (action, proof.deleted_at)
    assert entry.detail["rows_deleted"] == dict(proof.counts)


async def test_an_ephemeral_session_is_gone_with_the_next_sweep(store: Store, organisation: UUID) -> None:
    session = await ended_session(store, organisation, days=0)
    [proof] = await store.sweep()
    assert proof.subjects == (session,)


async def test_a_session_that_nobody_ended_is_deleted_all_the_same(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    async with store.begin(organisation) as work:
        session = await work.sessions.begin(draft(retention_days=1))
        await work.snapshots.ingest([step(session, 0.0)])
    clock.advance(days=3)
    [proof] = await store.sweep()
    assert proof.counts["snapshots"] == 1


async def test_a_sweep_goes_through_every_organisation_in_small_transactions(
    store: Store, organisation: UUID, other: UUID
) -> None:
    for owner in (organisation, other):
        for _ in range(5):
            await ended_session(store, owner, days=0, filled=False)
    proofs = await store.sweep(batch=2)
    assert sorted(len(proof.subjects) for proof in proofs if proof.organisation_id == other) == [1, 2, 2]
    assert sum(len(proof.subjects) for proof in proofs) == 10
    for owner in (organisation, other):
        async with store.begin(owner) as work:
            told = (await work.audit.list(action="session.expired")).items
            assert sum(len(entry.detail["sessions"]) for entry in told) == 5


async def test_nothing_is_deleted_when_something_would_be_left(
    store: Store, organisation: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ended_session(store, organisation, days=0)
    before = await rows(store)
    plain = Scope.delete

    def delete(self: Scope, table: sa.Table) -> sa.Delete:
        statement = plain(self, table)
        return statement.where(sa.false()) if table is tables.snapshots else statement

    monkeypatch.setattr(Scope, "delete", delete)
    with pytest.raises(StoreError, match="3 rows of snapshots would be left"):
        await store.sweep()
    monkeypatch.undo()
    assert await rows(store) == before


async def test_old_jobs_messages_and_audit_entries_go_too(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    async with store.begin(organisation) as work:
        job = await work.jobs.enqueue("analyze", {})
        await work.jobs.cancel(job.id)
        waiting = await work.jobs.enqueue("analyze", {})
        await work.webhooks.add("https://studio.example/hook", b"s" * 16, ["*"])
        [delivery] = await work.deliveries.publish("job.done", {})
        await work.audit.record("test", "made", "job", job.id)
    async with store.begin_system() as system:
        [claim] = await system.outbox.claim(lease_seconds=60.0)
        assert claim.delivery.id == delivery.id
        await system.outbox.delivered(claim, 200)
    clock.advance(days=30)
    await store.sweep()
    async with store.begin(organisation) as work:
        assert [job.id for job in (await work.jobs.list()).items] == [waiting.id]
        assert (await work.deliveries.list()).items == ()
        assert len((await work.audit.list()).items) == 1
    clock.advance(days=700)
    await store.sweep()
    async with store.begin(organisation) as work:
        assert (await work.audit.list()).items == ()


async def test_a_session_is_deleted_on_request(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        session = await work.sessions.begin(draft())
        await fill(work, session.id)
        proof = await work.sessions.delete(session.id, "user:anna")
        assert dict(proof.counts) == {**COUNTS, "timelines": 0}
        await assert_told(work, proof, "session.deleted")
        with pytest.raises(NotFoundError):
            await work.sessions.delete(session.id, "user:anna")


async def test_a_respondent_gets_everything_that_is_held_about_them(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        respondent, session = await add_respondent(work, age_band="25-34")
        await fill(work, session.id)
        await work.sessions.begin(draft())
        told = await work.erasure.export(respondent.id)
    told = json.loads(json.dumps(told, allow_nan=False))
    assert told["respondent"]["segments"] == {"age_band": "25-34"}
    assert [consent["scopes"] for consent in told["consents"]] == [["measure"]]
    [held] = told["sessions"]
    assert held["session"]["id"] == str(session.id)
    assert [s["media_time"] for s in held["snapshots"]] == [0.0, 0.5, 1.0]
    assert held["samples"]["shock_score"][0]["value"] == 12.0
    assert held["moments"][0]["kind"] == "scare"
    assert held["reports"] == [{"fear": 12.5}]


async def test_a_respondent_is_erased_with_everything_and_others_stay(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        anna, hers = await add_respondent(work, age_band="25-34")
        bert, his = await add_respondent(work)
        await fill(work, hers.id)
        await work.snapshots.ingest([step(his, 0.0)])
        proof = await work.erasure.erase(anna.id, "user:anna")
        await assert_told(work, proof, "respondent.erased")
    assert proof.subjects == (anna.id, hers.id)
    assert dict(proof.counts) == {**COUNTS, "timelines": 0, "consents": 1, "respondents": 1}
    async with store.begin(organisation) as work:
        with pytest.raises(NotFoundError):
            await work.erasure.export(anna.id)
        assert len((await work.erasure.export(bert.id))["sessions"][0]["snapshots"]) == 1
    left = await rows(store)
    assert (left["respondents"], left["sessions"], left["snapshots"]) == (1, 1, 1)


async def test_no_batch_writes_into_a_session_that_is_being_deleted(store: Store, organisation: UUID) -> None:
    sessions = [await _open(store, organisation) for _ in range(4)]

    async def send(shift: int) -> None:
        async with store.begin(organisation) as work:
            await work.snapshots.ingest([step(s, shift + i * 0.5) for s in sessions for i in range(50)])

    async def delete(session: UUID) -> None:
        async with store.begin(organisation) as work:
            await work.sessions.delete(session, "test")

    await asyncio.gather(*(send(100 * i) for i in range(4)), *(delete(s) for s in sessions))
    assert "snapshots" not in await rows(store)


async def _open(store: Store, organisation: UUID) -> UUID:
    async with store.begin(organisation) as work:
        return (await work.sessions.begin(draft())).id
