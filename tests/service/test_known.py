from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from mien.service.principal import Caller
from mien.service.security import known
from mien.service.security.known import Found, KnownCallers
from mien.store.records import Role
from tests.store.support import NOW

ANNA = Caller(UUID(int=1), "user:1", "anna", Role.VIEWER, 1)


class Directory:
    """Counts how often it is asked."""

    def __init__(self, found: Found | None) -> None:
        self.found = found
        self.asked = 0

    async def __call__(self) -> Found | None:
        self.asked += 1
        return self.found


async def test_somebody_is_looked_up_once_in_a_while() -> None:
    at = 100.0
    callers, directory = KnownCallers(2.0, lambda: at), Directory((ANNA, None))
    for _ in range(3):
        assert await callers.get("a", NOW, directory) is ANNA
    assert directory.asked == 1
    at += 2.0
    await callers.get("a", NOW, directory)
    assert directory.asked == 2
    callers.forget()
    await callers.get("a", NOW, directory)
    assert directory.asked == 3


async def test_who_may_not_come_in_is_asked_about_each_time() -> None:
    callers, directory = KnownCallers(60.0), Directory(None)
    assert await callers.get("a", NOW, directory) is None
    directory.found = (ANNA, None)
    assert await callers.get("a", NOW, directory) is ANNA


async def test_what_ends_by_itself_ends_in_memory_too() -> None:
    callers, directory = KnownCallers(60.0), Directory((ANNA, NOW + timedelta(seconds=1)))
    assert await callers.get("a", NOW, directory) is ANNA
    assert await callers.get("a", NOW + timedelta(seconds=1), directory) is None


async def test_what_was_looked_up_while_something_changed_is_not_remembered() -> None:
    callers = KnownCallers(60.0)
    asked = []

    async def slow() -> Found:
        asked.append(1)
        callers.forget()
        return ANNA, None

    await callers.get("a", NOW, slow)
    await callers.get("a", NOW, slow)
    assert len(asked) == 2


async def test_not_everybody_is_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST", 3)
    callers, directory = KnownCallers(60.0), Directory((ANNA, None))
    for n in range(10):
        await callers.get(n, NOW, directory)
    assert len(callers._known) <= 3
