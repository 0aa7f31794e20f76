from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from mien.core.errors import PolicyError
from mien.core.policy import Basis, Purpose
from mien.store import partitions
from mien.store.database import Store
from mien.store.errors import ConflictError, InvalidError, JobCancelledError, NotFoundError
from mien.store.records import JobState, SessionState, Withdrawn
from mien.store.repositories.sessions import LONGEST_OPEN
from tests.store.support import NOW, WORDING, VirtualClock, add_respondent, draft, grant, step


async def test_a_session_keeps_what_the_policy_gate_permitted(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        begun = await work.sessions.begin(draft())
        kept = await work.sessions.get(begun.id)
    assert kept == begun
    assert (kept.purpose, kept.basis, kept.profile, kept.min_group) == (
        Purpose.AUDIENCE_RESEARCH,
        Basis.NOTICE,
        "cinema",
        5,
    )
    assert kept.notices == grant().notices
    assert (kept.state, kept.started_at, kept.ended_at) == (SessionState.OPEN, NOW, None)


async def test_the_time_until_deletion_runs_from_the_end(store: Store, organisation: UUID, clock: VirtualClock) -> None:
    async with store.begin(organisation) as work:
        session = await work.sessions.begin(draft(retention_days=30))
        assert session.delete_after == NOW + LONGEST_OPEN + timedelta(days=30)
        clock.advance(hours=2)
        ended = await work.sessions.end(session.id)
        assert ended.delete_after == NOW + timedelta(hours=2, days=30)
        clock.advance(hours=2)
        assert await work.sessions.end(session.id) == ended


async def test_an_ephemeral_session_is_due_when_it_ends(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        session = await work.sessions.begin(draft(retention_days=0))
        assert (await work.sessions.end(session.id)).delete_after == NOW


async def test_a_session_is_kept_for_less_than_was_said_but_never_for_more(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        session = await work.sessions.begin(draft(retention_days=30))
        await work.sessions.end(session.id)
        assert (await work.sessions.shorten_retention(session.id, 7)).delete_after == NOW + timedelta(days=7)
        with pytest.raises(ConflictError, match="kept for 7 days: it cannot be kept longer"):
            await work.sessions.shorten_retention(session.id, 8)


@pytest.mark.parametrize("changes", [{"retention_days": -1}, {"retention_days": 3651}, {"step_seconds": -0.5}])
async def test_a_draft_out_of_range_is_refused(store: Store, organisation: UUID, changes: dict[str, object]) -> None:
    async with store.begin(organisation) as work:
        with pytest.raises(InvalidError):
            await work.sessions.begin(draft(**changes))


async def test_a_respondents_session_rests_on_their_own_living_consent(store: Store, organisation: UUID) -> None:
    permitted = grant(profile="interview", basis=Basis.CONSENT)
    async with store.begin(organisation) as work:
        anna, bert = await work.respondents.add(), await work.respondents.add()
        consent = await work.consents.give(anna.id, WORDING, ["measure"])
        with pytest.raises(InvalidError, match="needs their consent"):
            await work.sessions.begin(draft(grant=permitted, respondent_id=anna.id))
        with pytest.raises(InvalidError, match="declare the basis 'consent'"):
            await work.sessions.begin(draft(respondent_id=anna.id, consent_id=consent.id))
        with pytest.raises(NotFoundError, match="not this respondent's"):
            await work.sessions.begin(draft(grant=permitted, respondent_id=bert.id, consent_id=consent.id))
        assert await work.consents.live(anna.id) == consent
        await work.consents.withdraw(consent.id)
        assert await work.consents.live(anna.id) is None
        with pytest.raises(NotFoundError, match="was withdrawn"):
            await work.sessions.begin(draft(grant=permitted, respondent_id=anna.id, consent_id=consent.id))


async def test_withdrawing_a_consent_ends_what_runs_under_it(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        respondent, session = await add_respondent(work)
        hall = await work.sessions.begin(draft())
        consent = await work.consents.live(respondent.id)
        assert consent is not None
        withdrawn = (await work.consents.withdraw(consent.id)).consent
        assert withdrawn.withdrawn_at == NOW
        assert await work.consents.withdraw(consent.id) == Withdrawn(withdrawn)
        ended = await work.sessions.get(session.id)
        assert (ended.state, ended.delete_after) == (SessionState.ENDED, NOW + timedelta(days=30))
        assert (await work.sessions.get(hall.id)).state is SessionState.OPEN
        assert (await work.snapshots.ingest([step(session, 0.0)])).stored == 0


async def test_a_basis_of_consent_needs_one_to_being_measured(store: Store, organisation: UUID) -> None:
    permitted = grant(profile="interview", basis=Basis.CONSENT)
    async with store.begin(organisation) as work:
        with pytest.raises(PolicyError, match="name respondent_id and consent_id"):
            await work.sessions.begin(draft(grant=permitted))
        anna = await work.respondents.add()
        other = await work.consents.give(anna.id, WORDING, ["segments"])
        with pytest.raises(PolicyError, match="scope 'measure'"):
            await work.sessions.begin(draft(grant=permitted, respondent_id=anna.id, consent_id=other.id))


async def test_a_session_that_is_just_begun_ends_with_its_consent(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        anna = await work.respondents.add()
        consent = await work.consents.give(anna.id, WORDING, ["measure"])
    permitted, begun = grant(profile="interview", basis=Basis.CONSENT), asyncio.Event()

    async def begin() -> None:
        async with store.begin(organisation) as work:
            await work.sessions.begin(draft(grant=permitted, respondent_id=anna.id, consent_id=consent.id))
            begun.set()
            await asyncio.sleep(0.3)

    async def withdraw() -> None:
        await begun.wait()
        async with store.begin(organisation) as work:
            assert len((await work.consents.withdraw(consent.id)).sessions_ended) == 1

    await asyncio.wait_for(asyncio.gather(begin(), withdraw()), 20)


async def test_nothing_of_a_session_is_kept_once_its_consent_was_withdrawn(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        _, session = await add_respondent(work)
        _, untouched = await add_respondent(work)
        running = await work.jobs.enqueue("analysis", {}, session_id=session.id)
    async with store.begin_system() as system:
        [lease] = await system.queue.claim("worker", ["analysis"])
    async with store.begin(organisation) as work:
        waiting = await work.jobs.enqueue("analysis", {}, session_id=session.id)
        other = await work.jobs.enqueue("analysis", {}, session_id=untouched.id)
        assert session.consent_id is not None
        withdrawn = await work.consents.withdraw(session.consent_id)
        states = {job.id: (job.state, job.cancel_requested) for job in withdrawn.jobs_cancelled}
        assert states == {running.id: (JobState.RUNNING, True), waiting.id: (JobState.CANCELLED, True)}
        assert (await work.jobs.get(other.id)).state is JobState.QUEUED
        with pytest.raises(ConflictError, match=r"consent that session .* rests on was withdrawn"):
            await work.jobs.retry(waiting.id)
    with pytest.raises(JobCancelledError):
        async with store.finishing(lease) as work:
            await work.reports.add("report", {"a": 1}, session_id=session.id)
    async with store.begin(organisation) as work:
        assert (await work.reports.list()).items == ()


async def test_a_withdrawal_waits_for_a_job_that_is_just_completed(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        _, session = await add_respondent(work)
        await work.jobs.enqueue("analysis", {}, session_id=session.id)
    async with store.begin_system() as system:
        [lease] = await system.queue.claim("worker", ["analysis"])
    order: list[str] = []
    writing = asyncio.Event()

    async def finish() -> None:
        async with store.finishing(lease) as work:
            writing.set()
            await asyncio.sleep(0.3)
            await work.sessions.end(session.id)
        order.append("kept")

    async def withdraw() -> None:
        await writing.wait()
        async with store.begin(organisation) as work:
            assert session.consent_id is not None
            found = await work.consents.withdraw(session.consent_id)
        order.append(f"withdrawn, {len(found.jobs_cancelled)} cancelled")

    await asyncio.wait_for(asyncio.gather(finish(), withdraw()), 20)
    assert order == ["kept", "withdrawn, 0 cancelled"]


@pytest.mark.parametrize(
    "segments",
    [
        {"Age": "30"},
        {"age band": "30"},
        {"age_band": ""},
        {"age_band": "x" * 81},
        {f"a{i}": "x" for i in range(21)},
    ],
)
async def test_segments_are_few_and_short(store: Store, organisation: UUID, segments: dict[str, str]) -> None:
    async with store.begin(organisation) as work:
        with pytest.raises(InvalidError):
            await work.respondents.add(segments)


async def test_segments_are_what_a_respondent_says_now(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        respondent = await work.respondents.add({"age_band": "25-34"})
        await work.respondents.declare(respondent.id, {"genre": "horror"})
        assert dict((await work.respondents.get(respondent.id)).segments) == {"genre": "horror"}
        with pytest.raises(InvalidError, match="SHA-256"):
            await work.consents.give(respondent.id, b"short", ["measure"])


async def test_snapshots_lie_in_a_partition_a_month(
    store: Store, database: str, organisation: UUID, clock: VirtualClock
) -> None:
    async with store.begin(organisation) as work:
        first = await work.sessions.begin(draft(retention_days=1))
        await work.snapshots.ingest([step(first, 0.0)])
        await work.sessions.end(first.id)
    clock.advance(days=40)
    async with store.begin(organisation) as work:
        await work.sessions.begin(draft())
    async with store._engine.begin() as connection:
        assert await partitions.drop_empty(connection, clock.now().date()) == ()
    await store.sweep()
    async with store._engine.begin() as connection:
        if database == "postgresql":
            names = await connection.exec_driver_sql("SELECT inhrelid::regclass::text FROM pg_inherits ORDER BY 1")
            held = [name for name in names.scalars() if partitions.NAME.fullmatch(name)]
            assert held == ["snapshots_y2026m12"]
