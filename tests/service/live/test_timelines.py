"""What is kept of timelines: each version once, never an older one, and nothing of what was deleted."""

from __future__ import annotations

import asyncio
from uuid import UUID

import numpy as np

from mien.service.live.timelines import TimelineAsked, TimelineForm, Timelines
from mien.store.packing import ROW, TimelineColumns

HOUSE, OTHER, SESSION = UUID(int=1), UUID(int=2), UUID(int=3)


def asked(organisation: UUID = HOUSE, session: UUID = SESSION) -> TimelineAsked:
    return TimelineAsked(organisation, session, "main", "all", TimelineForm.JSON, intervals=False)


class Reading:
    """Counts how often it is asked; waits where it is told to."""

    def __init__(self, steps: int) -> None:
        self.steps, self.asked = steps, 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self) -> TimelineColumns:
        self.asked += 1
        await self.go_on.wait()
        return TimelineColumns(np.zeros(self.steps, ROW))


async def test_a_version_is_written_once_however_many_ask_and_a_newer_one_anew() -> None:
    kept, read, newer = Timelines(), Reading(3), Reading(4)
    first = await asyncio.gather(*(kept.whole(asked(), 3, read) for _ in range(8)))
    assert (read.asked, len(set(map(id, first)))) == (1, 1)
    assert await kept.whole(asked(), 3, read) is first[0]
    assert b'"count":4' in (await kept.whole(asked(), 4, newer)).plain()
    assert (read.asked, newer.asked) == (1, 1)
    ended = await kept.whole(asked(), None, newer)
    assert newer.asked == 2
    assert await kept.whole(asked(), None, newer) is ended


async def test_an_older_version_that_took_longer_does_not_take_the_newers_place() -> None:
    kept, slow, quick = Timelines(), Reading(3), Reading(4)
    slow.go_on.clear()
    older = asyncio.create_task(kept.whole(asked(), 3, slow))
    await asyncio.sleep(0)
    newer = await kept.whole(asked(), 4, quick)
    slow.go_on.set()
    assert b'"count":3' in (await older).plain()
    assert await kept.whole(asked(), 4, quick) is newer
    assert quick.asked == 1


async def test_what_is_forgotten_is_read_again_also_where_it_was_being_made() -> None:
    kept, read, other = Timelines(), Reading(3), Reading(3)
    await kept.whole(asked(), None, read)
    await kept.whole(asked(OTHER), None, other)
    kept.forget(HOUSE, UUID(int=9))
    await kept.whole(asked(), None, read)
    assert read.asked == 1
    kept.forget(HOUSE, SESSION)
    read.go_on.clear()
    making = asyncio.create_task(kept.whole(asked(), None, read))
    await asyncio.sleep(0)
    kept.forget(HOUSE, SESSION)
    read.go_on.set()
    await making
    await kept.whole(asked(), None, read)
    await kept.whole(asked(OTHER), None, other)
    assert (read.asked, other.asked) == (3, 1)


async def test_nothing_is_kept_for_long_nor_more_than_was_said() -> None:
    at = 0.0
    kept, read = Timelines(most_bytes=1, monotonic=lambda: at), Reading(3)
    for _ in range(2):
        await kept.whole(asked(), None, read)
    assert read.asked == 2
    kept = Timelines(monotonic=lambda: at)
    await kept.whole(asked(), None, read)
    at = 600.0
    await kept.whole(asked(), None, read)
    assert read.asked == 4


async def test_a_reading_that_fails_is_tried_again() -> None:
    kept, read = Timelines(), Reading(3)

    async def fails() -> TimelineColumns:
        raise ZeroDivisionError

    for _ in range(2):
        done = await asyncio.gather(kept.whole(asked(), 3, fails), return_exceptions=True)
        assert isinstance(done[0], ZeroDivisionError)
    await kept.whole(asked(), 3, read)
    assert read.asked == 1
