"""Scares and drops are told while a session runs: once, whoever took the snapshots, also after a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.analysis.turns import SERIES, TurnKind
from mien.core.audience import AudienceSnapshot, AudienceStep, EmotionPercents, Metric
from mien.core.settings import PROFILES
from mien.metrics import attention, engagement, scares
from mien.service import watching
from mien.service.watching import SessionWatch, Watcher, WatchOptions
from mien.service.webhooks.events import Event
from mien.store.database import Store
from mien.store.errors import NotFoundError
from mien.store.records import SessionRecord
from mien.streams.opening import open_bus
from tests.report.factory import percents
from tests.service.webhooks.conftest import (
    anyio_backend,
    bare_url,
    clock,
    database,
    organisation,
    other,
    postgres,
    postgres_template,
    sqlite_template,
    store,
    url,
)
from tests.store.support import add_respondent, draft, step

__all__ = [
    "anyio_backend", "bare_url", "clock", "database", "organisation", "other", "postgres", "postgres_template",
    "sqlite_template", "store", "url",
]  # fmt: skip

STEP = 0.5
CALM = percents(neutral=90.0, happiness=10.0)
AFRAID = percents(fear=70.0, surprise=20.0, neutral=10.0)
GLUM = percents(sadness=80.0, neutral=20.0)


def times(start: float, end: float) -> list[float]:
    return [start + STEP * n for n in range(round((end - start) / STEP))]


def film(session: UUID, end: float, *, scared_at: Iterable[float] = (), **changes: Any) -> list[AudienceSnapshot]:
    """Calm but for two seconds after each of some times."""
    starts = tuple(scared_at)
    return [
        step(
            session,
            at,
            emotions=AFRAID if any(start <= at < start + 2.0 for start in starts) else CALM,
            duration_seconds=STEP,
            **changes,
        )
        for at in times(0.0, end)
    ]


async def begun(store: Store, organisation: UUID, *, events: Sequence[str] = ("*",)) -> SessionRecord:
    async with store.begin(organisation) as work:
        if events:
            await work.webhooks.add("https://studio.example/hook", b"s" * 32, events)
        return await work.sessions.begin(draft())


async def ingest(store: Store, organisation: UUID, snapshots: Sequence[AudienceSnapshot]) -> None:
    async with store.begin(organisation) as work:
        assert (await work.snapshots.ingest(snapshots)).refused == ()


async def messages(store: Store, organisation: UUID) -> list[dict[str, Any]]:
    async with store.begin(organisation) as work:
        found = (await work.deliveries.list(limit=1000)).items
        return [{"event": d.event, "session": d.session_id, **d.payload} for d in found]


async def test_a_scare_is_told_once_with_its_figures(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation, events=["scare.detected"])
    watcher = Watcher(store)
    snapshots = film(session.id, 80.0, scared_at=[50.0])
    for first in range(0, len(snapshots), 7):
        await ingest(store, organisation, snapshots[first : first + 7])
        await watcher.look(organisation, session.id)
    [told] = await messages(store, organisation)
    assert told == {
        "event": "scare.detected", "session": session.id, "session_id": str(session.id), "source": "main",
        "at_seconds": 50.0, "peak_seconds": 50.0, "end_seconds": 52.0, "intensity": 100.0, "rise": 100.0,
        "coverage": told["coverage"], "readable": 30, "demo": False,
    }  # fmt: skip
    assert 0 < told["coverage"] <= 1


async def test_what_is_told_live_is_what_the_metric_finds_in_the_whole(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation, events=["scare.detected"])
    snapshots = film(session.id, 200.0, scared_at=[40.0, 41.0, 90.0, 130.0, 134.0, 180.0])
    watcher = Watcher(store)
    for first in range(0, len(snapshots), 11):
        await ingest(store, organisation, snapshots[first : first + 11])
        await watcher.look(organisation, session.id)
    whole = scares.create(PROFILES["cinema"].audience.model_copy(update={"replicates": 0}))
    for snapshot in snapshots:
        whole.update(AudienceStep(snapshot, None))
    expected = [(m.start, m.peak, round(m.value, 2)) for m in whole.over()]
    told = await messages(store, organisation)
    assert [(m["at_seconds"], m["peak_seconds"], m["intensity"]) for m in told] == expected
    assert len(expected) >= 4


async def test_a_restart_in_the_middle_forgets_nothing_and_repeats_nothing(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation, events=["scare.detected"])
    snapshots = film(session.id, 150.0, scared_at=[50.0, 90.0, 130.0])
    for first in range(0, len(snapshots), 20):
        await ingest(store, organisation, snapshots[first : first + 20])
        # Another process each time, with nothing in mind.
        await Watcher(store, WatchOptions(read_at_once=33)).look(organisation, session.id)
    assert [m["at_seconds"] for m in await messages(store, organisation)] == [50.0, 90.0, 130.0]


async def test_several_that_watch_one_session_tell_it_once(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation, events=["scare.detected"])
    await ingest(store, organisation, film(session.id, 100.0, scared_at=[50.0, 80.0]))
    made = await asyncio.gather(*(Watcher(store).look(organisation, session.id) for _ in range(4)))
    assert sum(made) == 2
    assert len(await messages(store, organisation)) == 2


async def test_a_scare_that_goes_on_is_told_when_the_session_ends(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation, events=["scare.detected"])
    watcher = Watcher(store)
    await ingest(store, organisation, film(session.id, 51.0, scared_at=[50.0]))
    assert await watcher.look(organisation, session.id) == 0
    async with store.begin(organisation) as work:
        await work.sessions.end(session.id)
    assert await watcher.look(organisation, session.id) == 1
    assert await watcher.look(organisation, session.id) == 0


@pytest.mark.parametrize("batch", [1, 5, 180])
async def test_a_fall_of_engagement_and_one_of_attention_are_told(store: Store, organisation: UUID, batch: int) -> None:
    session = await begun(store, organisation, events=["drop.detected"])
    watcher = Watcher(store)
    snapshots = [
        step(
            session.id,
            at,
            duration_seconds=STEP,
            emotions=percents(happiness=90.0, neutral=10.0) if at < 30 else GLUM,
            facing_share=0.9 if at < 60 else 0.4,
        )
        for at in times(0.0, 90.0)
    ]
    for first in range(0, len(snapshots), batch):
        await ingest(store, organisation, snapshots[first : first + batch])
        await watcher.look(organisation, session.id)
    told = await messages(store, organisation)
    assert [(m["kind"], m["at_seconds"]) for m in told] == [("engagement_drop", 30.0), ("attention_drop", 60.0)]
    assert told[0]["before"] - told[0]["after"] >= 0.5
    assert (told[1]["unit"], told[1]["before"], told[1]["after"]) == ("points", 90.0, 40.0)


async def test_every_camera_is_watched_and_parts_of_the_hall_are_not(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation, events=["scare.detected"])
    await ingest(store, organisation, film(session.id, 60.0, scared_at=[50.0], source="left"))
    await ingest(store, organisation, film(session.id, 60.0, scared_at=[40.0], source="left", zone="balcony"))
    await ingest(store, organisation, film(session.id, 60.0, source="right"))
    await Watcher(store).look(organisation, session.id)
    assert [(m["source"], m["at_seconds"]) for m in await messages(store, organisation)] == [("left", 50.0)]


async def test_what_was_suppressed_tells_of_no_scare(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation, events=["scare.detected"])
    hidden = [
        AudienceSnapshot(session_id=str(session.id), media_time=at, duration_seconds=STEP, suppressed=True)
        if at >= 49.0
        else step(session.id, at, emotions=CALM, duration_seconds=STEP)
        for at in times(0.0, 60.0)
    ]
    await ingest(store, organisation, hidden)
    assert await Watcher(store).look(organisation, session.id) == 0


async def test_composed_audiences_say_so(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation, events=["scare.detected"])
    await ingest(store, organisation, film(session.id, 60.0, scared_at=[50.0], demo=True))
    await Watcher(store).look(organisation, session.id)
    [told] = await messages(store, organisation)
    assert told["demo"] is True


async def test_what_is_long_past_is_no_news(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation, events=["scare.detected"])
    await ingest(store, organisation, film(session.id, 120.0, scared_at=[50.0, 100.0]))
    await Watcher(store, WatchOptions(news_seconds=60.0)).look(organisation, session.id)
    assert [m["at_seconds"] for m in await messages(store, organisation)] == [100.0]


async def test_nothing_is_told_once_a_consent_was_taken_back(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        await work.webhooks.add("https://studio.example/hook", b"s" * 32, ["scare.detected"])
        _, session = await add_respondent(work)
    watcher = Watcher(store)
    await ingest(store, organisation, film(session.id, 51.0, scared_at=[50.0]))
    assert await watcher.look(organisation, session.id) == 0, "it goes on"
    async with store.begin(organisation) as work:
        assert session.consent_id is not None
        await work.consents.withdraw(session.consent_id)
    for anybody in (watcher, Watcher(store)):
        assert await anybody.look(organisation, session.id) == 0
        assert not anybody._watches
    assert await messages(store, organisation) == []


async def test_whoever_ends_a_session_waits_for_what_is_still_to_be_told(
    store: Store, organisation: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    followers: list[float | None] = []

    async def announced(*told: Any) -> None:
        followers.append(told[-1])

    monkeypatch.setattr(watching, "announce", announced)
    session = await begun(store, organisation, events=["scare.detected"])
    bus = await open_bus(None)
    watcher = Watcher(store, live=bus.live)
    await ingest(store, organisation, film(session.id, 51.0, scared_at=[50.0]))
    async with store.begin(organisation) as work:
        await work.sessions.end(session.id)
    # Several at once: the watch is fed by one of them.
    await asyncio.gather(*(watcher.finish(organisation, session.id) for _ in range(3)))
    assert [m["at_seconds"] for m in await messages(store, organisation)] == followers == [50.0]
    await bus.close()


async def test_nothing_is_computed_where_nobody_asked(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation, events=["job.done"])
    await ingest(store, organisation, film(session.id, 60.0, scared_at=[50.0]))
    watcher = Watcher(store)
    assert await watcher.look(organisation, session.id) == 0
    assert not watcher._watches


async def test_a_session_of_another_organisation_cannot_be_watched(
    store: Store, organisation: UUID, other: UUID
) -> None:
    session = await begun(store, organisation)
    await begun(store, other)
    with pytest.raises(NotFoundError):
        await Watcher(store).look(other, session.id)


async def test_it_runs_by_itself_on_what_it_is_told_and_outlives_a_deleted_session(
    store: Store, organisation: UUID
) -> None:
    session, gone = (
        await begun(store, organisation, events=["scare.detected"]),
        await begun(store, organisation, events=()),
    )
    await ingest(store, organisation, film(session.id, 60.0, scared_at=[50.0]))
    async with store.begin(organisation) as work:
        await work.sessions.delete(gone.id, "test")
    watcher, stop = Watcher(store, WatchOptions(pause_seconds=0.01)), asyncio.Event()
    task = asyncio.create_task(watcher.run(stop))
    watcher.noticed(organisation, [gone.id])
    await asyncio.sleep(0.1)
    watcher.noticed(organisation, [session.id, session.id])
    end = time.monotonic() + 10
    while not await messages(store, organisation):
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    stop.set()
    await task


async def test_memory_is_bounded_and_what_was_forgotten_is_read_again(store: Store, organisation: UUID) -> None:
    sessions = [await begun(store, organisation, events=["scare.detected"] if n == 0 else ()) for n in range(3)]
    watcher = Watcher(store, WatchOptions(most_sessions=1))
    for end in (40.0, 70.0):
        for session in sessions:
            await ingest(store, organisation, film(session.id, end, scared_at=[50.0]))
            await watcher.look(organisation, session.id)
            assert len(watcher._watches) == 1
    assert len(await messages(store, organisation)) == 3


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.lists(st.integers(1, 50), min_size=8, max_size=8), st.floats(0, 1)), min_size=1, max_size=9)
)
def test_falls_are_sought_in_what_reports_tell(steps: list[tuple[list[int], float]]) -> None:
    audience = PROFILES["cinema"].audience.model_copy(update={"replicates": 0})
    watch = SessionWatch(audience, "main")
    whole: tuple[Metric, ...] = (engagement.create(audience), attention.create(audience))
    for number, (parts, facing) in enumerate(steps):
        told = EmotionPercents.of([100.0 * part / sum(parts) for part in parts])
        snapshot = step(UUID(int=1), number * STEP, duration_seconds=STEP, emotions=told, facing_share=facing)
        for metric, kind in zip(whole, (TurnKind.ENGAGEMENT_DROP, TurnKind.ATTENTION_DROP), strict=True):
            metric.update(AudienceStep(snapshot, None))
            expected = metric.compute().series[SERIES[kind]][-1].value
            assert watch._level(kind, snapshot) == pytest.approx(expected, abs=1e-4)


def test_a_snapshot_that_comes_late_or_twice_is_left_out() -> None:
    options, key = WatchOptions(), UUID(int=1)
    watch = SessionWatch(PROFILES["cinema"].audience, "main", options)
    snapshots = film(key, 60.0, scared_at=[50.0])
    found = watch.feed(snapshots) + watch.feed(snapshots) + watch.feed([replace_time(snapshots[3])])
    assert [occurrence.event for occurrence in found].count(Event.SCARE_DETECTED) == 1
    assert watch.latest == 59.5


def replace_time(snapshot: AudienceSnapshot) -> AudienceSnapshot:
    return snapshot.model_copy(update={"media_time": 1.25})
