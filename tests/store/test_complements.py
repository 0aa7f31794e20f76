"""Zones that cannot be had by subtraction: whole and other zones told, one hidden."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.audience import AudienceSnapshot
from mien.store.complements import COUNTS, revealing, withheld
from mien.store.database import Store
from mien.store.packing import ROW, TimelineColumns
from mien.store.records import SessionRecord
from tests.store.support import add_organisation, draft, step, suppressed


def columns(*people: int | None, start: float = 0.0, length: float = 1.0) -> TimelineColumns:
    """Steps of so many people; None for one that was suppressed."""
    rows = np.zeros(len(people), ROW)
    rows["media_time"], rows["duration_seconds"] = start + length * np.arange(len(people)), length
    for row, count in zip(rows, people, strict=True):
        row["suppressed"] = count is None
        for name in COUNTS:
            row[name] = -1 if count is None else count
        row["emotions"] = np.nan if count is None else 12.5
    return TimelineColumns(rows)


@given(
    zones=st.lists(st.integers(0, 40), min_size=2, max_size=6),
    outside=st.integers(0, 12),
    least=st.integers(2, 10),
    left_out=st.booleans(),
)
def test_what_is_left_of_the_whole_is_nobody_or_enough(
    zones: list[int], outside: int, least: int, left_out: bool
) -> None:
    """Zones below the smallest group are hidden; the whole counts them, or leaves them out as Mien's own does."""
    told = [n for n in zones if n >= least]
    whole = sum(told) if left_out else sum(zones) + outside
    parts = {f"zone-{k}": [columns(n if n >= least else None)] for k, n in enumerate(zones)}
    found = revealing(columns(whole), parts, least)
    hidden = whole - sum(told)
    assert bool(len(found)) is (0 < hidden < least)
    for [lane] in parts.values():
        after = withheld(lane, found, None)
        assert bool(after["suppressed"][0]) is bool(len(found) or lane["suppressed"][0])
        assert bool(np.isnan(after["emotions"]).all()) is bool(after["suppressed"][0])


def test_steps_are_judged_one_by_one() -> None:
    whole, parts = columns(30, 33, 40, None), {"left": [columns(20, 20, 20, 20)], "right": [columns(10, 10, 10, 10)]}
    assert revealing(whole, parts, 5).tolist() == [[1.0, 2.0]]


def test_a_zone_on_other_steps_than_the_whole_is_not_told_beside_it() -> None:
    whole, part = columns(30, 30), columns(20, start=0.5)
    found = revealing(whole, {"left": [part]}, 5)
    assert withheld(part, found, None)["suppressed"].tolist() == [True]
    later = columns(20, start=7.0)
    assert withheld(later, revealing(whole, {"left": [later]}, 5), None)["suppressed"].tolist() == [False]


def test_where_two_cameras_tell_a_zone_the_worse_case_counts() -> None:
    parts = {"left": [columns(20), columns(17)], "right": [columns(10)]}
    assert len(revealing(columns(30), parts, 5)) == 1
    assert len(revealing(columns(40), parts, 5)) == 0


def of_zone(session: SessionRecord, at: float, zone: str, people: int, source: str = "main") -> AudienceSnapshot:
    made = step(session, at, present=people, readable=people, tracks=people)
    return made.model_copy(update={"zone": zone, "source": source})


def hidden(session: SessionRecord, at: float, zone: str) -> AudienceSnapshot:
    return suppressed(session, at).model_copy(update={"zone": zone})


async def told(store: Store, session: SessionRecord, zone: str, organisation: Any, source: str = "main") -> list[bool]:
    async with store.begin(organisation, read_only=True) as work:
        found = await work.snapshots.told(session.id, zone=zone, source=source)
    return [not gone for gone in found["suppressed"]]


@pytest.mark.parametrize("source", ["main", "hall"])
async def test_a_hidden_zone_is_not_what_the_whole_and_the_others_leave(store: Store, source: str) -> None:
    organisation = await add_organisation(store, f"Cinema {source}")
    async with store.begin(organisation) as work:
        session = await work.sessions.begin(draft())
        taken = await work.snapshots.ingest(
            [
                of_zone(session, 0.0, "all", 33, source),
                of_zone(session, 0.0, "left", 20),
                of_zone(session, 0.0, "right", 10),
                hidden(session, 0.0, "balcony"),
                of_zone(session, 0.5, "all", 30, source),
                of_zone(session, 0.5, "left", 20),
                of_zone(session, 0.5, "right", 10),
            ]
        )
        assert taken.refused == ()
    for zone in ("left", "right"):
        assert await told(store, session, zone, organisation) == [False, True]
    assert await told(store, session, "balcony", organisation) == [False]
    assert await told(store, session, "all", organisation, source) == [True, True]
    async with store.begin(organisation) as work:
        part = await work.snapshots.told(session.id, zone="left", start_seconds=0.0, end_seconds=0.5)
    assert part["suppressed"].tolist() == [True]


async def test_in_whatever_order_things_come_nobody_can_subtract(store: Store) -> None:
    """Every reader at every moment: what all of them were ever told leaves nobody, or enough."""
    organisation = await add_organisation(store, "Cinema")
    people = {"all": 33, "left": 20, "right": 10}
    for order in permutations(people):
        async with store.begin(organisation) as work:
            session = await work.sessions.begin(draft())
        known: set[str] = set()
        for zone in order:
            async with store.begin(organisation) as work:
                await work.snapshots.ingest([of_zone(session, 0.0, zone, people[zone])])
            known |= {z for z in people if any(await told(store, session, z, organisation))}
        async with store.begin(organisation) as work:
            await work.sessions.end(session.id)
        known |= {z for z in people if any(await told(store, session, z, organisation))}
        assert "all" in known
        assert people["all"] - sum(people[z] for z in known - {"all"}) >= session.min_group, order


async def test_zones_without_a_whole_are_told_when_no_whole_can_come_any_more(store: Store) -> None:
    organisation = await add_organisation(store, "Cinema")
    async with store.begin(organisation) as work:
        session = await work.sessions.begin(draft())
        await work.snapshots.ingest([of_zone(session, 0.0, "left", 20)])
    assert await told(store, session, "left", organisation) == [False]
    async with store.begin(organisation) as work:
        await work.sessions.end(session.id)
    assert await told(store, session, "left", organisation) == [True]
