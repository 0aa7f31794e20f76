from __future__ import annotations

import contextlib
import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.analysis.filters import (
    LEAST_SLICE,
    Filter,
    QueryGate,
    peak_over_partition,
    peak_window,
)
from mien.analysis.sessions import SessionSet
from mien.core.errors import InputError, PolicyError, SettingsError

STEP = 0.5


def respondents(count: int = 60, steps: int = 6, seed: int = 1, **changes: Any) -> SessionSet:
    """One person a session; ``seat`` is a number of their own, ``row`` is shared by ten, ``band`` by half of all."""
    fear = np.random.default_rng(seed).uniform(0, 100, (count, steps))
    told: dict[str, Any] = {
        "step_seconds": STEP,
        "attributes": {
            "seat": [str(i) for i in range(count)],
            "row": [str(i // 10) for i in range(count)],
            "band": ["front" if i < count // 2 else "back" for i in range(count)],
        },
        **changes,
    }
    return SessionSet.of({"fear": fear, "joy": 100 - fear}, **told)


def seats(*numbers: int) -> Filter:
    return Filter("fear", {"seat": frozenset(map(str, numbers))})


def test_a_slice_is_the_part_asked_for_and_nothing_else() -> None:
    audience = respondents()
    answer = QueryGate(audience).ask(Filter("fear", {"band": frozenset({"front"})}, 0.5, 1.5))
    assert list(answer.audience.series) == ["fear"]
    assert (answer.audience.base.start_seconds, answer.audience.base.steps) == (0.5, 2)
    assert answer.audience.min_group == LEAST_SLICE
    np.testing.assert_allclose(answer.audience.mean("fear"), audience.values("fear")[:30, 1:3].mean(axis=0), rtol=1e-6)


def test_nine_people_are_refused_and_ten_are_told_about() -> None:
    with pytest.raises(PolicyError, match="fewer than 10"):
        QueryGate(respondents()).ask(seats(*range(9)))
    QueryGate(respondents()).ask(seats(*range(10)))


def test_nobody_is_refused_in_the_words_that_few_are_refused_in() -> None:
    gate = QueryGate(respondents())
    with pytest.raises(PolicyError) as few:
        gate.ask(seats(1, 2))
    with pytest.raises(PolicyError) as nobody:
        gate.ask(Filter("fear", {"band": frozenset({"balcony"})}))
    assert str(few.value) == str(nobody.value)


@pytest.mark.parametrize("left_out", range(1, 10))
def test_all_but_a_few_would_tell_of_the_few(left_out: int) -> None:
    with pytest.raises(PolicyError):
        QueryGate(respondents()).ask(seats(*range(60 - left_out)))


@pytest.mark.parametrize("more", range(1, 10))
def test_two_answers_never_differ_in_a_few(more: int) -> None:
    for first, second in ((20, 20 + more), (20 + more, 20)):
        gate = QueryGate(respondents())
        gate.ask(seats(*range(first)))
        with pytest.raises(PolicyError):
            gate.ask(seats(*range(second)))
        gate.ask(seats(*range(30, 45)))


def test_three_answers_never_tell_of_a_few_together() -> None:
    """Each pair differs in many, but what is in the first two and beyond the third are four people."""
    gate = QueryGate(respondents())
    gate.ask(seats(*range(24)))
    with pytest.raises(PolicyError):
        gate.ask(seats(*range(20, 44)))
    partition = QueryGate(respondents())
    partition.ask(seats(*range(30)))
    with pytest.raises(PolicyError):
        partition.ask(seats(*range(30, 55)))


def test_a_refusal_leaves_the_gate_as_it_was() -> None:
    gate = QueryGate(respondents())
    with pytest.raises(PolicyError):
        gate.ask(seats(1))
    assert gate.answered == ()
    gate.ask(seats(*range(20)))


def test_the_same_question_is_answered_again() -> None:
    gate = QueryGate(respondents())
    first, again = gate.ask(seats(*range(20))), gate.ask(seats(*range(20)))
    np.testing.assert_array_equal(first.audience.values("fear"), again.audience.values("fear"))


def test_a_gate_remembers_what_another_answered() -> None:
    gate = QueryGate(respondents())
    gate.ask(seats(*range(20)))
    with pytest.raises(PolicyError):
        QueryGate(respondents(), answered=gate.answered).ask(seats(*range(25)))


def test_steps_in_which_a_few_were_read_are_withheld() -> None:
    """Twenty against thirty may be asked; but in the second step only three of the ten between were read."""
    fear = np.full((60, 3), 20.0)
    fear[23:30, 1] = np.nan
    audience = SessionSet.of({"fear": fear}, step_seconds=STEP, attributes=respondents().attributes)
    gate = QueryGate(audience)
    gate.ask(seats(*range(20)))
    answer = gate.ask(seats(*range(30)))
    np.testing.assert_allclose(answer.audience.mean("fear"), [20, math.nan, 20])
    assert answer.withheld_steps == 1
    assert not answer.audience.weights[:, 1].any()


def test_a_hall_counts_the_people_that_were_read_in_it() -> None:
    """One session of forty people is a slice; one of six is none."""
    told: dict[str, Any] = {"step_seconds": STEP, "attributes": {"hall": ["big", "small", "other"]}, "min_group": 5}
    audience = SessionSet.of({"fear": np.full((3, 4), 30.0)}, readable=[40, 6, 40], **told)
    QueryGate(audience).ask(Filter("fear", {"hall": frozenset({"big"})}))
    with pytest.raises(PolicyError):
        QueryGate(audience).ask(Filter("fear", {"hall": frozenset({"small"})}))
    with pytest.raises(PolicyError):
        QueryGate(audience).ask(Filter("fear", {"hall": frozenset({"big", "other"})}))


def test_what_cannot_be_asked_is_told() -> None:
    gate = QueryGate(respondents())
    with pytest.raises(InputError, match="no attribute 'diet'; it has band, row, seat"):
        gate.ask(Filter("fear", {"diet": frozenset({"vegan"})}))
    with pytest.raises(InputError, match="no series 'awe'"):
        gate.ask(Filter("awe"))
    with pytest.raises(SettingsError, match="no step"):
        gate.ask(Filter("fear", from_seconds=99))
    with pytest.raises(SettingsError, match="no time lies"):
        Filter("fear", from_seconds=2, to_seconds=2)
    with pytest.raises(SettingsError, match="name the declared values"):
        Filter("fear", {"band": frozenset()})
    with pytest.raises(SettingsError, match="10 people or more"):
        QueryGate(respondents(), least=9)


def atoms_of(sets: list[npt.NDArray[np.bool_]]) -> npt.NDArray[np.int64]:
    """Sizes of the groups of people who were in exactly the same sets."""
    return np.unique(np.stack(sets), axis=1, return_counts=True)[1]


class Attacker:
    """Asks and subtracts. ``answers`` holds, per step, who was in each answer and the sum that was told."""

    def __init__(self, audience: SessionSet) -> None:
        fear = audience.values("fear")
        self.read = ~np.isnan(fear)
        totals = np.nansum(fear, axis=0)
        self.answers = [[(read, float(total))] for read, total in zip(self.read.T, totals, strict=True)]

    def learns(self, who: npt.NDArray[np.bool_], audience: SessionSet) -> None:
        mean, people = audience.mean("fear"), audience.people("fear")
        first = round(audience.base.start_seconds / STEP)
        for step in np.flatnonzero(~np.isnan(mean)):
            there = who & self.read[:, first + step]
            self.answers[first + step].append((there, float(mean[step] * people[step])))

    def works_out(self, step: int, group: npt.NDArray[np.bool_]) -> float | None:
        """The sum of a group, if any combination of the answers adds up to it."""
        sets = np.stack([who for who, _ in self.answers[step]]).astype(float)
        sums = np.array([total for _, total in self.answers[step]])
        shares = np.linalg.lstsq(sets.T, group.astype(float), rcond=None)[0]
        return float(shares @ sums) if np.allclose(sets.T @ shares, group, atol=1e-6) else None


def test_the_attack_works_where_no_gate_stands() -> None:
    audience = respondents()
    attacker = Attacker(audience)
    who = np.arange(60) != 7
    attacker.learns(who, audience.select(who))
    found = attacker.works_out(2, ~who)
    assert found == pytest.approx(audience.values("fear")[7, 2], abs=1e-2)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_no_attack_by_combining_answers_tells_of_a_few(seed: int) -> None:
    """Hundreds of questions, random, nested and overlapping; then everything is combined with everything."""
    random = np.random.default_rng(seed)
    audience = respondents(seed=seed)
    audience.values("fear")[random.random((60, 6)) < 0.1] = math.nan
    gate, attacker = QueryGate(audience), Attacker(audience)
    chosen = np.zeros(60, np.bool_)
    for _ in range(150):
        kind = random.integers(3)
        if kind == 0:
            chosen = random.random(60) < random.random()
        elif kind == 1:
            chosen = (np.arange(60) >= random.integers(0, 40)) & (np.arange(60) < random.integers(20, 61))
        else:
            chosen = chosen ^ (np.arange(60) // 10 == random.integers(6))
        start = STEP * int(random.integers(0, 4))
        numbers = frozenset(map(str, np.flatnonzero(chosen)))
        if not numbers:
            continue
        with contextlib.suppress(PolicyError):
            answer = gate.ask(Filter("fear", {"seat": numbers}, start, start + STEP * int(random.integers(1, 4))))
            attacker.learns(chosen.copy(), answer.audience)
    for step in range(6):
        read = attacker.read[:, step]
        assert atoms_of([who[read] for who, _ in attacker.answers[step]]).min() >= LEAST_SLICE
        for person in np.flatnonzero(read):
            assert attacker.works_out(step, np.arange(60) == person) is None
    asked = sum(map(len, attacker.answers))
    assert asked > 6, "something was answered, or there was nothing to attack"


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_whether_a_question_is_refused_does_not_depend_on_what_was_felt(seed: int) -> None:
    random = np.random.default_rng(seed)
    gates = [QueryGate(respondents(seed=s)) for s in (1, 2)]
    for _ in range(20):
        asked = seats(*np.flatnonzero(random.random(60) < random.random()).tolist(), 0)
        outcomes = []
        for gate in gates:
            try:
                gate.ask(asked)
                outcomes.append(True)
            except PolicyError:
                outcomes.append(False)
        assert outcomes[0] == outcomes[1]


def test_the_peak_is_where_the_whole_is_highest() -> None:
    fear = np.full((20, 12), 10.0)
    fear[:, 5:9] = 70
    fear[0, 2] = 100
    audience = SessionSet.of({"fear": fear}, step_seconds=STEP)
    window = peak_window(audience, "fear", 2.0)
    assert (window.start_seconds, window.end_seconds) == (2.5, 4.5)


def test_each_groups_own_highest_lies_above_the_whole_but_the_consistent_peak_does_not() -> None:
    """Two groups that feel the same but for noise: both would beat the whole."""
    fear = np.random.default_rng(3).normal(30, 15, (40, 200))
    told = ["a"] * 20 + ["b"] * 20
    audience = SessionSet.of({"fear": fear}, step_seconds=STEP, attributes={"group": told})
    own = [fear[i : i + 20].mean(axis=0).max() for i in (0, 20)]
    assert min(own) > fear.mean(axis=0).max()
    peak = peak_over_partition(QueryGate(audience), audience, "fear", "group", window_seconds=STEP)
    values = [g.value for g in peak.groups]
    assert None not in values
    assert min(v for v in values if v is not None) <= peak.value <= max(v for v in values if v is not None)


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(10, 25), min_size=1, max_size=4),
    st.sampled_from([0.5, 1.0, 3.0, 60.0]),
)
@settings(deadline=None)
def test_the_whole_is_the_mean_of_its_groups_so_not_all_can_lie_above_it(
    seed: int, sizes: list[int], window: float
) -> None:
    random = np.random.default_rng(seed)
    told = [str(g) for g, size in enumerate(sizes) for _ in range(size)]
    shape = (len(told), 20)
    audience = SessionSet.of(
        {"fear": random.uniform(0, 100, shape)},
        step_seconds=STEP,
        weights=random.uniform(0.1, 1, shape),
        attributes={"group": told},
    )
    peak = peak_over_partition(QueryGate(audience), audience, "fear", "group", window_seconds=window)
    values = np.array([g.value for g in peak.groups], float)
    weights = np.array([g.weight for g in peak.groups])
    assert peak.value == pytest.approx(float((values * weights).sum() / weights.sum()), abs=1e-3)
    assert values.min() - 1e-3 <= peak.value <= values.max() + 1e-3


def test_a_small_group_is_withheld_and_so_is_what_it_could_be_worked_out_from() -> None:
    told = ["a"] * 30 + ["b"] * 20 + ["c"] * 4
    fear = np.full((54, 8), 40.0)
    audience = SessionSet.of({"fear": fear}, step_seconds=STEP, attributes={"group": told})
    peak = peak_over_partition(QueryGate(audience), audience, "fear", "group")
    assert {g.name: g.value for g in peak.groups} == {"a": pytest.approx(40), "b": None, "c": None}


def test_a_peak_needs_something_to_peak() -> None:
    nothing = SessionSet.of({"fear": np.full((12, 4), math.nan)}, step_seconds=STEP, attributes={"g": ["a"] * 12})
    with pytest.raises(InputError, match="may be told"):
        peak_window(nothing, "fear", 1)
    with pytest.raises(SettingsError, match="above 0"):
        peak_window(respondents(), "fear", 0)
    with pytest.raises(InputError, match="no attribute 'diet'"):
        peak_over_partition(QueryGate(respondents()), respondents(), "fear", "diet")


def test_a_standing_gate_needs_no_memory() -> None:
    """Two questions, each to a gate of its own, whose difference would be four people."""
    told = ["a"] * 10 + ["b"] * 10 + ["c"] * 16 + ["d"] * 4
    audience = respondents(40, attributes={"x": told})

    def answers(*values: str) -> bool:
        try:
            QueryGate.standing(audience, "fear").ask(Filter("fear", {"x": frozenset(values)}))
        except PolicyError:
            return False
        return True

    assert not answers("d")
    assert not (answers("a", "b") and answers("a", "b", "d"))
    answered = [
        frozenset(values) for size in range(1, 5) for values in itertools.combinations("abcd", size) if answers(*values)
    ]
    assert frozenset("c") in answered
    for one, other in itertools.product(answered, repeat=2):
        people = sum(value in one - other for value in told)
        assert people == 0 or people >= 10, (one, other)
