from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest

from mien.core.audience import AudienceSnapshot
from mien.store import taking
from mien.store.database import Store
from mien.store.errors import InvalidError, NotFoundError
from mien.store.packing import packed
from mien.store.records import SessionRecord
from mien.store.repositories.sessions import LONGEST_OPEN
from mien.store.repositories.snapshots import MOST_AT_ONCE, Refusal
from tests.report.factory import gap_step, hall, percents
from tests.store.support import VirtualClock, add_organisation, draft, step, suppressed


async def begun(store: Store, organisation: UUID, **changes: object) -> SessionRecord:
    async with store.begin(organisation) as work:
        return await work.sessions.begin(draft(**changes))


def evening(session: SessionRecord) -> list[AudienceSnapshot]:
    """Six minutes with a black-out in which the group is suppressed, and a gap."""
    return [s.model_copy(update={"session_id": str(session.id)}) for s in hall().timeline.snapshots]


async def test_a_batch_is_stored_once_however_often_it_comes(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)
    batch = [step(session, i * 0.5) for i in range(10)]
    async with store.begin(organisation) as work:
        first = await work.snapshots.ingest(batch)
        again = await work.snapshots.ingest([*batch[5:], step(session, 5.0)])
    assert (first.stored, first.repeated, first.refused) == (10, 0, ())
    assert (again.stored, again.repeated) == (1, 5)
    async with store.begin(organisation) as work:
        assert len(await work.snapshots.timeline(session.id)) == 11


async def test_one_batch_that_says_a_thing_twice_stores_it_once(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)
    async with store.begin(organisation) as work:
        done = await work.snapshots.ingest([step(session, 1.0), step(session, 1.0)])
    assert (done.stored, done.repeated) == (1, 1)


async def test_what_came_first_stays(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)
    async with store.begin(organisation) as work:
        await work.snapshots.ingest([step(session, 1.0, emotions=percents(fear=40.0))])
        await work.snapshots.ingest([step(session, 1.0, emotions=percents(fear=90.0))])
        [kept] = await work.snapshots.read(session.id)
    assert kept.emotions is not None
    assert kept.emotions.fear == 40.0


async def test_sources_and_zones_are_lanes_of_their_own(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)
    left = [step(session, i * 0.5, zone="left") for i in range(3)]
    second = [step(session, 0.25, source="camera-2")]
    async with store.begin(organisation) as work:
        await work.snapshots.ingest([step(session, 0.0), *left, *second])
        lanes = await work.snapshots.lanes(session.id)
        assert [(lane.source, lane.zone, lane.count, lane.first_time, lane.last_time) for lane in lanes] == [
            ("camera-2", "all", 1, 0.25, 0.25),
            ("main", "all", 1, 0.0, 0.0),
            ("main", "left", 3, 0.0, 1.0),
        ]
        assert len(await work.snapshots.timeline(session.id, zone="left")) == 3
        assert len(await work.snapshots.timeline(session.id, zone="right")) == 0


async def test_snapshots_come_back_as_they_went_in_single_precision(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)
    went_in = evening(session)
    async with store.begin(organisation) as work:
        await work.snapshots.ingest(list(reversed(went_in)))
        came_back = await work.snapshots.read(session.id, limit=10_000)
    assert len(came_back) == len(went_in)
    for before, after in zip(went_in, came_back, strict=True):
        assert after.suppressed == before.suppressed
        assert after.model_dump(exclude={"emotions", "intervals", "view", "coverage", "facing_share"}) == (
            before.model_dump(exclude={"emotions", "intervals", "view", "coverage", "facing_share"})
        )
        if before.emotions is not None:
            assert after.emotions is not None
            assert np.array_equal(after.emotions.values(), np.array(before.emotions.values(), np.float32).astype(float))


async def test_a_timeline_is_columns_in_order_of_media_time(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)
    went_in = evening(session)
    async with store.begin(organisation) as work:
        await work.snapshots.ingest(list(reversed(went_in)))
        timeline = await work.snapshots.timeline(session.id)
        part = await work.snapshots.timeline(session.id, start_seconds=10.0, end_seconds=12.0)
    assert timeline["media_time"].tolist() == [s.media_time for s in went_in]
    assert timeline["suppressed"].tolist() == [s.suppressed for s in went_in]
    fear = [np.nan if s.emotions is None else s.emotions.fear for s in went_in]
    assert np.array_equal(timeline["emotions"][:, 6], np.array(fear, np.float32), equal_nan=True)
    assert part["media_time"].tolist() == [10.0, 10.5, 11.0, 11.5]


async def test_a_session_that_ended_has_the_timeline_it_had(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)
    async with store.begin(organisation) as work:
        await work.snapshots.ingest([*evening(session), step(session, 7.0, zone="left")])
        before = await work.snapshots.timeline(session.id)
        await work.sessions.end(session.id)
    async with store.begin(organisation, read_only=True) as work:
        for zone, count in (("all", len(before)), ("left", 1), ("right", 0)):
            assert len(await work.snapshots.timeline(session.id, zone=zone)) == count
        after = await work.snapshots.timeline(session.id)
        assert after.rows.tobytes() == before.rows.tobytes()
        assert len(await work.snapshots.timeline(session.id, start_seconds=10.0, end_seconds=12.0)) == 4


async def test_a_suppressed_step_holds_time_and_nothing_else(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)
    async with store.begin(organisation) as work:
        await work.snapshots.ingest([suppressed(session, 3.0)])
        await work.snapshots.ingest([step(session, 3.0)])
        [kept] = await work.snapshots.read(session.id)
        row = (await work.snapshots.timeline(session.id)).rows[0]
    assert kept == suppressed(session, 3.0)
    assert row["readable"] == row["present"] == row["tracks"] == row["frames"] == -1
    assert all(np.isnan(row[name]).all() for name in ("emotions", "low", "high", "coverage", "facing_share"))


async def test_a_group_below_the_sessions_smallest_is_refused(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)
    async with store.begin(organisation) as work:
        done = await work.snapshots.ingest([step(session, 0.0), step(session, 0.5, readable=session.min_group - 1)])
        assert done.stored == 1
        [refusal] = done.refused
        assert refusal.position == 1
        assert "tells of 4 where the session's smallest group is 5" in refusal.reason
        gap = gap_step(1.0).model_copy(update={"session_id": str(session.id)})
        assert (await work.snapshots.ingest([gap])).stored == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"readable": None}, "without saying how many were readable"),
        ({"readable": None, "present": None, "tracks": None}, "without saying how many were readable"),
        ({"readable": 9, "present": 1, "tracks": 9}, "it tells of 1 "),
        ({"readable": 9, "present": 9, "tracks": 1}, "it tells of 1 "),
        ({"readable": 9, "present": 8, "tracks": 9}, "9 readable among 8 present"),
    ],
)
async def test_counts_that_would_hide_a_small_group_are_refused(
    store: Store, organisation: UUID, changes: dict[str, int | None], reason: str
) -> None:
    session = await begun(store, organisation)
    async with store.begin(organisation) as work:
        bare = step(session, 0.5).model_copy(update=changes)
        [refusal] = (await work.snapshots.ingest([bare])).refused
    assert reason in refusal.reason


async def test_unknown_and_ended_sessions_take_nothing_and_the_rest_of_a_batch_is_kept(
    store: Store, organisation: UUID
) -> None:
    session, ended = await begun(store, organisation), await begun(store, organisation)
    async with store.begin(organisation) as work:
        await work.sessions.end(ended.id)
        nowhere = step(session, 0.0).model_copy(update={"session_id": "lobby"})
        done = await work.snapshots.ingest([nowhere, step(ended, 0.0), step(session, 0.0), step(organisation, 0.0)])
    assert done.stored == 1
    assert done.refused == (
        Refusal(0, "there is no such session."),
        Refusal(1, "the session has ended."),
        Refusal(3, "there is no such session."),
    )


async def test_nothing_but_a_plain_snapshot_is_stored(store: Store, organisation: UUID) -> None:
    class Richer(AudienceSnapshot):
        box: str = "10,20,30,40"

    session = await begun(store, organisation)
    richer = Richer(**step(session, 0.0).model_dump())
    async with store.begin(organisation) as work:
        with pytest.raises(InvalidError, match="only an AudienceSnapshot can be stored, not a Richer"):
            await work.snapshots.ingest([richer])


async def test_a_batch_has_an_upper_bound(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)
    async with store.begin(organisation) as work:
        assert (await work.snapshots.ingest([])).stored == 0
        with pytest.raises(InvalidError, match="send smaller batches"):
            await work.snapshots.ingest([step(session, 0.0)] * (MOST_AT_ONCE + 1))


async def test_a_session_over_midnight_and_the_end_of_a_month_is_one_timeline(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    clock.time = clock.time.replace(month=12, day=31, hour=23)
    session = await begun(store, organisation)
    async with store.begin(organisation) as work:
        await work.snapshots.ingest([step(session, 0.0)])
    clock.advance(hours=2)
    other = await begun(store, organisation)
    async with store.begin(organisation) as work:
        again = await work.snapshots.ingest([step(session, 0.0), step(session, 0.5), step(other, 0.0)])
        assert (again.stored, again.repeated) == (2, 1)
        assert len(await work.snapshots.timeline(session.id)) == 2
    assert other.started_at - session.started_at == timedelta(hours=2)


async def test_overlapping_batches_at_the_same_time_store_everything_once(store: Store, organisation: UUID) -> None:
    sessions = [await begun(store, organisation) for _ in range(5)]
    every = [step(session, i * 0.5) for session in sessions for i in range(40)]

    async def send(shift: int) -> int:
        async with store.begin(organisation) as work:
            return (await work.snapshots.ingest(every[shift:] + every[:shift])).stored

    stored = await asyncio.gather(*(send(shift) for shift in (0, 50, 100, 150)))
    assert sum(stored) == len(every)


async def test_a_session_that_is_not_there_has_no_timeline(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        for ask in (work.snapshots.timeline, work.snapshots.read, work.snapshots.lanes):
            with pytest.raises(NotFoundError):
                await ask(organisation)


async def test_a_transaction_of_its_own_takes_what_a_unit_of_work_takes_and_refuses_what_it_refuses(
    store: Store, organisation: UUID
) -> None:
    session, other, ended = [await begun(store, organisation) for _ in range(3)]
    async with store.begin(organisation) as work:
        await work.sessions.end(ended.id)
        filled = await work.sessions.begin(draft())
        await work.jobs.enqueue("analysis", {}, session_id=filled.id)
        assert (await work.snapshots.ingest([step(filled, 0.5)], by_job=True)).stored == 1
    batch = [
        step(session, 0.5),
        step(ended, 0.0),
        step(session, 0.0, zone="left"),
        step(session, 0.5, readable=session.min_group - 1),
        step(session, 0.5),
        step(organisation, 0.0),
        step(session, 0.0).model_copy(update={"session_id": "lobby"}),
        suppressed(other, 0.0),
        step(other, 7.0).model_copy(update={"session_id": str(other.id).upper()}),
        step(filled, 0.0),
    ]
    went_in = [packed(one) for one in batch]
    first = await store.take(organisation, went_in)
    assert (first.stored, first.repeated) == (4, 1)
    assert first.sessions == {session.id, other.id}
    assert [refusal.position for refusal in first.refused] == [1, 3, 5, 6, 9]
    assert first.refused[-1].reason.startswith("an analysis fills the session")
    async with store.begin(organisation) as work:
        again = await work.snapshots.ingest_packed(went_in)
        assert (again.stored, again.repeated, again.refused) == (0, 5, first.refused)
        assert again.sessions == first.sessions
        assert [s.media_time for s in await work.snapshots.read(other.id)] == [0.0, 7.0]
        [kept] = await work.snapshots.read(session.id)
    assert kept == (await _as_a_unit_of_work_keeps(store, organisation, session, batch[0]))


async def _as_a_unit_of_work_keeps(
    store: Store, organisation: UUID, session: SessionRecord, snapshot: AudienceSnapshot
) -> AudienceSnapshot:
    other = await begun(store, organisation)
    async with store.begin(organisation) as work:
        await work.snapshots.ingest([snapshot.model_copy(update={"session_id": str(other.id)})])
        [kept] = await work.snapshots.read(other.id)
    return kept.model_copy(update={"session_id": str(session.id)})


async def test_what_is_remembered_of_a_session_does_not_outlive_its_end_or_its_deletion(
    store: Store, organisation: UUID
) -> None:
    session, other = await begun(store, organisation), await begun(store, organisation)
    assert (await store.take(organisation, [packed(step(session, 0.0)), packed(step(other, 0.0))])).stored == 2
    async with store.begin(organisation) as work:
        await work.sessions.end(session.id)
        await work.sessions.delete(other.id, "user:1")
    late = [packed(step(other, 1.0)), packed(step(session, 1.0)), packed(step(session, 0.0))]
    taken = await store.take(organisation, late)
    assert (taken.stored, taken.repeated, taken.sessions) == (0, 0, frozenset())
    assert [refusal.reason for refusal in taken.refused] == [
        "there is no such session.",
        "the session has ended.",
        "the session has ended.",
    ]


async def test_a_session_whose_time_is_over_takes_nothing_though_it_is_still_stored(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    session = await begun(store, organisation)
    assert (await store.take(organisation, [packed(step(session, 0.0))])).stored == 1
    clock.advance(days=LONGEST_OPEN.days + session.retention_days)
    for _ in range(2):  # remembered or not
        [refusal] = (await store.take(organisation, [packed(step(session, 1.0))])).refused
        assert refusal.reason == "there is no such session."
    async with store.begin(organisation) as work:
        [refusal] = (await work.snapshots.ingest([step(session, 1.0)])).refused
        assert refusal.reason == "there is no such session."
        assert (await work.sessions.stored(session.id)).id == session.id


async def test_another_organisations_session_takes_nothing(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)
    stranger = await add_organisation(store, "Cinema South")
    assert (await store.take(organisation, [packed(step(session, 0.0))])).stored == 1
    [refusal] = (await store.take(stranger, [packed(step(session, 1.0))])).refused
    assert refusal == Refusal(0, "there is no such session.")
    async with store.begin(organisation) as work:
        assert len(await work.snapshots.timeline(session.id)) == 1


async def test_ending_a_session_waits_for_batches_and_later_ones_find_it_ended(
    store: Store, organisation: UUID
) -> None:
    session = await begun(store, organisation)

    async def end() -> None:
        async with store.begin(organisation) as work:
            await work.sessions.end(session.id)

    batches = [[packed(step(session, n + i / 100)) for i in range(100)] for n in range(12)]
    first, *later = batches
    stored = (await store.take(organisation, first)).stored
    done = await asyncio.gather(*(store.take(organisation, b) for b in later[:5]), end(), *(
        store.take(organisation, b) for b in later[5:]
    ))  # fmt: skip
    stored += sum(found.stored for found in done if found is not None)
    async with store.begin(organisation) as work:
        # What was sealed at the end is everything that was ever acknowledged.
        assert len(await work.snapshots.timeline(session.id)) == stored
        assert len(await work.snapshots.read(session.id, limit=10_000)) == stored
    assert (await store.take(organisation, [packed(step(session, 99.0))])).refused[0].reason == "the session has ended."


async def test_more_sessions_than_are_remembered_are_looked_up_again(
    store: Store, organisation: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "MOST_REMEMBERED", 2)
    sessions = [await begun(store, organisation) for _ in range(5)]
    for at in range(3):
        for some in (sessions[:2], sessions):
            found = await store.take(organisation, [packed(step(one, at)) for one in some])
            assert found.refused == ()
            assert found.stored + found.repeated == len(some)
    async with store.begin(organisation) as work:
        assert [len(await work.snapshots.timeline(one.id)) for one in sessions] == [3] * 5
