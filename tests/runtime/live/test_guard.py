"""The guard: less is done while the machine is hot, one level at a time, and more again only after a cool while."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.status import Heat, Status
from mien.runtime.live.engine import LiveOptions
from mien.runtime.live.guard import LEVELS, Guard, GuardOptions
from mien.runtime.live.pace import Cadence
from mien.runtime.live.session import LiveSession, Watched
from tests.runtime.live.parts import PERMITTED, even_networks, film

COOL = Heat(gpu_celsius=60.0, cpu_celsius=50.0)
HOT = Heat(gpu_celsius=86.0)
SLOWED = Heat(cpu_celsius=90.0, cpu_throttled=True)


def levels(*course: tuple[int, Heat]) -> list[int]:
    """The level after each second of a course of (seconds, heat)."""
    guard, told, now = Guard(), [], 0
    for seconds, heat in course:
        for _ in range(seconds):
            guard.tell(float(now), float(now), heat)
            told.append(LEVELS.index(guard.relief))
            now += 1
    return told


def test_a_cool_machine_is_left_alone() -> None:
    assert set(levels((300, COOL), (10, Heat()))) == {0}


@pytest.mark.parametrize("heat", [HOT, SLOWED])
def test_a_hot_one_is_relieved_at_once_and_then_step_by_step(heat: Heat) -> None:
    told = levels((100, heat))
    assert [told.index(level) for level in (1, 2, 3)] == [0, 15, 30]
    assert told[-1] == len(LEVELS) - 1


def test_eighty_five_degrees_are_not_above_eighty_five() -> None:
    assert set(levels((100, Heat(gpu_celsius=85.0)))) == {0}


def test_between_hot_and_cool_nothing_changes() -> None:
    told = levels((1, HOT), (1000, Heat(gpu_celsius=82.0)))
    assert set(told) == {1}


def test_it_does_more_again_after_a_cool_minute_a_level() -> None:
    told = levels((16, HOT), (200, COOL))
    assert told[15] == 2
    assert told.index(1, 16) == 16 + 60
    assert told.index(0, 16) == 16 + 120


def test_a_cool_while_that_is_broken_begins_anew() -> None:
    told = levels((1, HOT), (50, COOL), (1, Heat(gpu_celsius=82.0)), (59, COOL), (3, COOL))
    assert set(told[:111]) == {1}
    assert told[-1] == 0


def test_what_it_did_is_written_down_with_its_reason() -> None:
    guard = Guard()
    guard.tell(100.0, 12.5, Heat(gpu_celsius=91.4))
    guard.tell(200.0, 112.5, SLOWED)
    assert [(act.media_time, act.level, act.why) for act in guard.acts] == [
        (12.5, 1, "the GPU is at 91 °C"),
        (112.5, 2, "the processor is slowed down for its heat or supply"),
    ]


@given(st.lists(st.sampled_from([COOL, HOT, SLOWED, Heat(gpu_celsius=82.0), Heat()]), max_size=300))
def test_levels_change_by_one_and_never_in_quick_turns(course: list[Heat]) -> None:
    guard, changes = Guard(), [(-1e9, 0)]
    for now, heat in enumerate(course):
        act = guard.tell(float(now), float(now), heat)
        if act is not None:
            assert abs(act.level - changes[-1][1]) == 1
            assert now - changes[-1][0] >= (15 if act.level > changes[-1][1] else 60)
            changes.append((now, act.level))


@pytest.mark.parametrize("cadence", [Cadence(1, None), Cadence(3, 10.0), Cadence(12, 2.0), Cadence(3, 10.0, 0.5)])
def test_each_level_is_cheaper_than_the_one_before(cadence: Cadence) -> None:
    told = [level.relieved(cadence) for level in LEVELS]
    assert told[0] == cadence
    rates = [15.0 if one.read_hz is None else one.read_hz for one in told]
    assert rates == sorted(rates, reverse=True)
    assert [one.detect_every for one in told] == sorted(one.detect_every for one in told)
    withins = [one.look_within_seconds or math.inf for one in told]
    assert withins == sorted(withins)
    sides = [level.side_share for level in LEVELS]
    assert sides == sorted(sides, reverse=True)


@dataclass
class Oven:
    """Sensors of a machine that is too hot for its first readings."""

    hot: int
    count: int = 0

    def read(self) -> Heat:
        self.count += 1
        return HOT if self.count <= self.hot else COOL


def test_a_session_spares_a_hot_machine_and_its_report_says_when() -> None:
    statuses: list[Status] = []
    options = LiveOptions(
        workers="thread", fixed=Cadence(1, None), status_seconds=0.05, sensors=Oven(10_000),
        guard=GuardOptions(settle_seconds=0.2, ease_seconds=0.2),
    )  # fmt: skip
    session = LiveSession([Watched(film(seconds=60.0))], PERMITTED, even_networks, options=options)
    analysis = session.run(statuses.append)
    assert analysis.provenance.frames_read == 1200
    assert statuses[-1].heat == HOT
    assert statuses[-1].relief is not None
    assert "times less often" in statuses[-1].relief
    assert analysis.provenance.frames_detected is not None
    assert analysis.provenance.frames_detected < 1200
    acts = analysis.provenance.settings["spared_for_heat"]
    assert isinstance(acts, list)
    assert "the GPU is at 86 °C; looks and reads 2 times less often" in acts[0]
    assert any("the GPU is at 86 °C: it looks" in note for status in statuses for note in status.notes)
    # Faces found in a smaller picture lie where they are.
    assert all(s.readable == 1 for s in analysis.timeline.snapshots)


def test_a_session_on_a_cool_machine_says_nothing_of_it() -> None:
    options = LiveOptions(workers="thread", fixed=Cadence(1, None), sensors=Oven(0))
    session = LiveSession([Watched(film())], PERMITTED, even_networks, options=options)
    assert "spared_for_heat" not in session.run().provenance.settings
