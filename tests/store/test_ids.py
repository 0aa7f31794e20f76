from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

from mien.core.audience import AudienceSnapshot
from mien.store.ids import Ids
from tests.store.support import NOW, VirtualClock


def test_ids_are_of_version_7_and_tell_their_milliseconds() -> None:
    made = Ids(VirtualClock()).new()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert datetime.fromtimestamp((made.int >> 80) / 1000, UTC) == NOW


def test_ids_grow_while_the_clock_stands_still_or_goes_back() -> None:
    clock = VirtualClock()
    ids = Ids(clock)
    made = [ids.new() for _ in range(10_000)]
    clock.advance(seconds=-60)
    made += [ids.new() for _ in range(10)]
    clock.advance(seconds=120)
    made.append(ids.new())
    assert all(a < b for a, b in pairwise(made))


def test_an_id_can_name_a_session_in_a_snapshot() -> None:
    name = str(Ids(VirtualClock()).new())
    assert AudienceSnapshot(session_id=name, media_time=0, duration_seconds=0, suppressed=True).session_id == name
