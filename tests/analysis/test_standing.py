"""An audience that changes between answers."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.analysis.filters import LEAST_SLICE, Filter
from mien.analysis.sessions import SessionSet
from mien.analysis.standing import Answering, Crowd, Told, answering, step_of
from mien.core.errors import InputError, PolicyError

STEPS = 3


def single(sessions: SessionSet, series: str = "fear") -> Crowd:
    """One person a session, with a series that is a quantity by itself."""
    none = np.zeros(len(sessions), np.bool_)
    return Crowd(sessions, series, sessions.cells(series)[1], (None,) * len(sessions), none)


FRONT = Filter("fear", {"band": frozenset({"front"})})


def respondents(bands: dict[str, str], steps: int = STEPS, *, read: dict[str, range] | None = None) -> Crowd:
    """One person a session, by name with what they declared; each read at some steps, or at all."""
    fear = np.stack([np.random.default_rng([*map(ord, name)]).uniform(0, 100, steps) for name in bands])
    for row, name in enumerate(bands):
        seen = (read or {}).get(name, range(steps))
        fear[row, [k for k in range(steps) if k not in seen]] = np.nan
    attributes = {"band": list(bands.values())}
    return single(SessionSet.of({"fear": fear}, step_seconds=0.5, names=list(bands), attributes=attributes))


def people(start: int, front: int, back: int = 0) -> dict[str, str]:
    told = ["front"] * front + ["back"] * back
    return {f"p{start + i:03}": band for i, band in enumerate(told)}


class Day:
    """Questions of one day after another, and what they leave in mind."""

    def __init__(self) -> None:
        self.remembered: list[Told] = []

    def asks(self, crowd: Crowd, series: str = "fear", *, in_parts: bool = False) -> Answering:
        found = answering(crowd, series, self.remembered, in_parts=in_parts)
        if found.standing is not None:
            self.remembered.append(found.standing)
        return found


def test_the_first_answer_is_remembered_and_the_same_again_is_not() -> None:
    day, crowd = Day(), respondents(people(0, 20, 20))
    assert len(day.asks(crowd, in_parts=True).ask(FRONT).audience) == 20
    assert [len(part) for part in day.remembered[0].parts] == [20, 20]
    assert day.asks(crowd, in_parts=True).standing is None
    assert day.asks(crowd).standing is None, "everybody follows from the parts"


def test_one_new_person_is_not_counted_before_others_come_too() -> None:
    day, before = Day(), people(0, 20, 20)
    first = day.asks(respondents(before), in_parts=True)
    grown = day.asks(respondents({**before, **people(40, 1)}), in_parts=True)
    assert (grown.left_out, grown.standing) == (1, None)
    np.testing.assert_array_equal(grown.ask(FRONT).audience.mean("fear"), first.ask(FRONT).audience.mean("fear"))


def test_nine_new_people_of_whom_one_is_of_a_part_are_not_counted() -> None:
    day, before = Day(), people(0, 20, 20)
    day.asks(respondents(before), in_parts=True)
    assert day.asks(respondents({**before, **people(40, 1, 10)}), in_parts=True).left_out == 11


def test_ten_new_people_in_every_part_are_counted() -> None:
    day, before = Day(), people(0, 20, 20)
    day.asks(respondents(before), in_parts=True)
    grown = day.asks(respondents({**before, **people(40, 10, 12)}), in_parts=True)
    assert (grown.left_out, len(grown.ask(FRONT).audience)) == (0, 30)
    assert grown.standing is not None


def test_ten_new_people_do_not_hide_the_one_who_stayed_longest() -> None:
    day, before = Day(), people(0, 12)
    day.asks(respondents(before, 24))
    came = people(12, 10)
    left_early = {name: range(8) for name in list(came)[1:]}
    grown = day.asks(respondents({**before, **came}, 24, read=left_early))
    assert (grown.left_out, grown.standing, len(grown.everybody("fear"))) == (10, None, 12)


def test_steps_that_tell_of_too_few_are_withheld_and_bind_nothing_later() -> None:
    day, before = Day(), people(0, 20)
    rest = {name: range(2) for name in list(before)[9:]}
    first = day.asks(respondents(before, read=rest))
    assert first.told.tolist() == [True, True, False]
    assert day.remembered[0].steps == ((0, 2),)
    came = people(20, 3)
    grown = day.asks(respondents({**before, **came}, read=rest | dict.fromkeys(came, range(2, 3))))
    assert grown.told.tolist() == [True, True, True]
    assert np.isnan(first.everybody("fear").mean("fear")).tolist() == [False, False, True]


def test_after_one_left_as_many_as_the_least_are_left_out_too() -> None:
    day, before = Day(), people(0, 40)
    day.asks(respondents(before))
    del before["p003"]
    without = day.asks(respondents(before))
    assert (len(without.everybody("fear")), without.left_out) == (29, 10)
    again = day.asks(respondents(before))
    assert (len(again.everybody("fear")), again.standing) == (29, None)
    came = day.asks(respondents({**before, **people(40, 10)}))
    assert (len(came.everybody("fear")), came.left_out) == (49, 0)


def test_a_small_audience_that_one_left_is_told_of_again_once_ten_came() -> None:
    day, before = Day(), people(0, 12)
    day.asks(respondents(before))
    del before["p003"]
    for more in (0, 9):
        with pytest.raises(PolicyError, match="once 10 more people came"):
            day.asks(respondents({**before, **people(12, more)}))
    assert len(day.asks(respondents({**before, **people(12, 10)})).everybody("fear")) == 21


def test_a_declaration_that_changed_shuts_parts_and_not_everybody() -> None:
    day, before = Day(), people(0, 20, 20)
    day.asks(respondents(before))
    moved = {**before, "p003": "back"}
    assert day.asks(respondents(moved), in_parts=True).left_out == 0, "no parts were told of yet"
    with pytest.raises(PolicyError):
        day.asks(respondents(before), in_parts=True)
    assert day.asks(respondents(before)).left_out == 0
    later = respondents({**before, **people(40, 10, 10)})
    assert len(day.asks(later, in_parts=True).ask(FRONT).audience) == 30


def test_somebody_who_watched_again_counts_as_before() -> None:
    day, crowd = Day(), respondents(people(0, 13))
    persons = (*map(str, range(12)), "0")
    again = replace(crowd, persons=persons)
    first = single(crowd.sessions.select(range(12)))
    before = day.asks(first).everybody("fear").mean("fear")
    grown = day.asks(again)
    assert (grown.left_out, grown.standing) == (1, None)
    np.testing.assert_array_equal(grown.everybody("fear").mean("fear"), before)


def test_nine_people_and_one_who_watched_again_are_not_ten() -> None:
    day, crowd = Day(), respondents(people(0, 22))
    persons = (*map(str, range(12)), "0", *map(str, range(12, 21)))
    day.asks(single(crowd.sessions.select(range(12))))
    grown = day.asks(replace(crowd, persons=persons))
    assert grown.left_out == 10


def test_what_anybody_may_read_by_itself_hides_nobody() -> None:
    hall = SessionSet.of({"fear": np.full((1, STEPS), 30.0)}, step_seconds=0.5, names=["hall"], readable=[40])
    for many, is_told in ((9, False), (10, True)):
        both = SessionSet.joined([hall, replace(respondents(people(0, many)).sessions, attributes={})])
        crowd = replace(single(both), public=np.arange(1 + many) == 0)
        if not is_told:
            with pytest.raises(PolicyError, match="at no step 10 people"):
                Day().asks(crowd)
            continue
        day = Day()
        assert len(day.asks(crowd).everybody("fear")) == 11
        assert "hall" not in day.remembered[0].names()
        without = day.asks(respondents(people(0, many)))
        assert (len(without.everybody("fear")), without.standing) == (10, None), "halls come and go"


def test_a_session_that_may_be_read_by_itself_is_nobodys() -> None:
    crowd = replace(respondents(people(0, 12)), public=np.arange(12) == 3)
    with pytest.raises(InputError, match="session 'p003' may be read by itself"):
        replace(crowd, persons=("ada",) * 12)


def test_what_is_remembered_survives_as_json() -> None:
    day = Day()
    day.asks(respondents(people(0, 20, 25)), in_parts=True)
    [told] = day.remembered
    assert Told.from_document(json.loads(json.dumps(told.document()))) == told
    assert step_of([Told("fear", (("a",),)), told], "fear") == 0.5
    assert step_of([told], "attention") is None


def test_an_entry_that_kept_no_steps_counts_as_told_at_all_of_them() -> None:
    names = list(people(0, 12))
    told = Told.from_document({"quantity": "fear", "parts": [[[name, 1.0] for name in names]]})
    assert (told.parts, told.steps, step_of([told], "fear")) == ((tuple(names),), None, None)
    found = answering(respondents(people(0, 13)), "fear", [told], in_parts=False)
    assert found.left_out == 1


def test_steps_are_known_again_on_an_audience_that_begins_elsewhere() -> None:
    told = Told("fear", (("a",),), 0.5, ((2, 4), (7, 9)))
    later = SessionSet.of({"fear": np.ones((1, 6))}, step_seconds=0.5, start_seconds=1.5).base
    assert told.at(later).tolist() == [True, False, False, False, True, True]


def watched(read: dict[str, np.ndarray], names: list[str], series: str, quantity: str) -> Crowd:
    """One person a session, with one series of a quantity; bool S×T by name: where each was read."""
    weights, told = read[quantity].astype(np.float32), np.where(read[series], 50.0, np.nan)
    return replace(
        single(SessionSet.of({series: told}, step_seconds=0.5, names=names), series), quantity=quantity, read=weights
    )


def test_what_was_told_of_one_quantity_is_not_known_of_another() -> None:
    """Somebody without a head pose is in no sum of attention: they stay uncounted where nobody came with them."""
    names = [f"p{one:02}" for one in range(31)]
    came_late, alone = range(21, 31), 20
    emotions = np.ones((31, 4), np.bool_)
    emotions[came_late, :2] = False
    for attention in (emotions.copy(), np.ones_like(emotions)):
        attention[alone, :2] = False
        read, day = {"fear": emotions, "attention": attention}, Day()
        twenty = {series: seen[:20] for series, seen in read.items()}
        day.asks(watched(twenty, names[:20], "fear", "fear"))
        before = day.asks(watched(read, names, "fear", "fear"))
        day.asks(watched(read, names, "attention", "attention"), "attention")
        after = day.asks(watched(read, names, "fear", "fear"))
        assert before.told.tolist() == after.told.tolist()
        assert before.audience.names == after.audience.names


def test_a_series_that_others_have_than_its_quantity_is_withheld_at_those_steps() -> None:
    names = [f"p{one:02}" for one in range(12)]
    fear, reaction = np.ones((12, 3), np.bool_), np.ones((12, 3), np.bool_)
    reaction[3, 1], fear[4, 2] = False, False
    read = {"fear": fear, "reaction": reaction}
    assert Day().asks(watched(read, names, "reaction", "fear"), "reaction").told.tolist() == [True, False, False]
    assert Day().asks(watched(read, names, "fear", "fear")).told.tolist() == [True, True, True]


def test_weights_of_a_quantity_are_of_all_sessions() -> None:
    crowd = respondents(people(0, 12))
    with pytest.raises(InputError, match="weights of 12 sessions over 3 steps"):
        replace(crowd, read=crowd.read[:-1])


def sums(answered: SessionSet, series: str, sessions: list[str], read: np.ndarray, step: int) -> np.ndarray:
    """Of an answer, how much each session's own reading counts in the sum that it tells at a step."""
    found = np.zeros(len(sessions))
    for row in np.flatnonzero((answered.weights[:, step] > 0) & ~np.isnan(answered.values(series)[:, step])):
        theirs = [sessions.index(name) for name in answered.names[row].split("+")]
        theirs = [one for one in theirs if read[one, step]]
        found[theirs] = 1 / len(theirs)
    return found


def few(known: np.ndarray, whose: list[str], there: np.ndarray) -> list[list[int]]:
    """Groups of sessions, of fewer than ten people who are there and of all who left, that answers could set apart."""
    alike: dict[tuple[bytes, ...], list[str]] = {}
    for person in dict.fromkeys(whose):
        columns = [known[:, one].tobytes() for one, who in enumerate(whose) if who == person and there[one]]
        if columns:
            alike.setdefault(tuple(sorted(columns)), []).append(person)
    left = [one for one in range(len(whose)) if not there[one]]
    groups = [left]
    for number in (1, 2, 3):
        for some in itertools.combinations(alike.values(), number):
            persons = {person for group in some for person in group}
            if len(persons) < LEAST_SLICE:
                groups.append(left + [one for one, who in enumerate(whose) if who in persons and there[one]])
    return groups


def determined(known: np.ndarray, group: list[int]) -> int:
    """How many combinations of a group's readings alone somebody can solve for who knows some sums."""
    others = np.setdiff1d(np.arange(known.shape[1]), group)
    return int(np.linalg.matrix_rank(known)) - (int(np.linalg.matrix_rank(known[:, others])) if len(others) else 0)


QUANTITIES = {"fear": "emotions", "reaction": "emotions", "attention": "attention"}
"""What is asked about, and what it is reckoned from."""


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_answers_of_any_days_together_tell_of_few_people(seed: int) -> None:
    """Whoever solves for single readings, out of all that was ever told, gets nothing new about fewer than ten people.

    People come, leave, stop watching, declare otherwise and watch again; everybody and parts are asked about, in an
    emotion, in a metric that some lack, and in another quantity that is read of others. All lies in one memory.
    """
    rng = np.random.default_rng(seed)
    sessions: list[str] = []
    whose: list[str] = []
    read = dict.fromkeys(QUANTITIES, np.zeros((0, 2), np.bool_))
    there, reported, band = np.zeros(0, np.bool_), np.zeros(0, np.bool_), np.zeros(0, np.int64)
    day = Day()
    known = {quantity: [np.zeros((0, 0))] * 2 for quantity in QUANTITIES.values()}
    for number in range(int(rng.integers(2, 6))):
        came = int(rng.choice([0, 1, 9, 10, 12, 25]))
        again = [str(rng.choice(whose)) for _ in range(int(rng.integers(0, 2)))] if whose else []
        fresh = [*(f"{number}p{one}" for one in range(came)), *again]
        sessions += [f"{number}s{one}" for one in range(len(fresh))]
        whose += fresh
        there = np.concatenate([there & (rng.random(len(there)) > 0.02), np.ones(len(fresh), np.bool_)])
        reported |= rng.random(len(reported)) > 0.3
        reported = np.concatenate([reported, rng.random(len(fresh)) > rng.choice([0.0, 0.05])])
        seen = {series: rng.random((len(fresh), 2)) > rng.choice([0.0, 0.05, 0.4]) for series in QUANTITIES}
        seen["reaction"] = seen["fear"] ^ (rng.random((len(fresh), 2)) < rng.choice([0.0, 0.02]))
        read = {series: np.concatenate([read[series], seen[series]]) for series in QUANTITIES}
        band = np.concatenate([band, rng.integers(0, 2, len(fresh))])
        band = np.where(rng.random(len(band)) < 0.01, 1 - band, band)
        known = {
            quantity: [np.pad(one, ((0, 0), (0, len(sessions) - one.shape[1]))) for one in steps]
            for quantity, steps in known.items()
        }
        of = {person: band[whose.index(person)] for person in whose}
        for series, in_parts in rng.permutation([(s, p) for s in QUANTITIES for p in ("parts", "")]).tolist():
            quantity = QUANTITIES[series]
            # Sessions that lack a series are not there for it; attention is put down some time after their end.
            has = {"fear": there, "reaction": read["reaction"].any(axis=1), "attention": reported}
            now = np.flatnonzero(there & has[series])
            if not len(now):
                continue
            told = SessionSet.of(
                {series: np.where(read[series][now], 50.0, np.nan)}, step_seconds=0.5,
                names=[sessions[one] for one in now],
                attributes={"band": ["front" if of[whose[one]] else "back" for one in now]},
            )  # fmt: skip
            weights = read["attention" if quantity == "attention" else "fear"][now].astype(np.float32)
            persons = tuple(whose[one] for one in now)
            crowd = replace(single(told, series), quantity=quantity, read=weights, persons=persons)
            answers: list[SessionSet] = []
            with contextlib.suppress(PolicyError):
                over = day.asks(crowd, series, in_parts=bool(in_parts))
                answers = [] if in_parts else [over.everybody(series)]
                for value in ("front", "back") if in_parts else ():
                    with contextlib.suppress(PolicyError):
                        answers.append(over.ask(Filter(series, {"band": frozenset({value})})).audience)
            for step in range(2):
                kept = [one for one in answers if not math.isnan(one.mean(series)[step])]
                if kept:
                    before = known[quantity][step]
                    more = np.stack([*before, *(sums(one, series, sessions, read[series], step) for one in kept)])
                    for group in few(more, whose, there):
                        assert determined(more, group) == determined(before, group)
                    known[quantity][step] = np.unique(more, axis=0)
