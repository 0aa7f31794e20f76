"""Parts of an audience that changes between answers."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.analysis.filters import LEAST_SLICE, Filter
from mien.analysis.sessions import SessionSet
from mien.analysis.standing import Standing, answering
from mien.core.errors import PolicyError


def respondents(bands: dict[str, str], steps: int = 3) -> SessionSet:
    """One person a session, by name with what they declared."""
    fear = np.stack([np.random.default_rng(abs(hash(name)) % 2**32).uniform(0, 100, steps) for name in bands])
    return SessionSet.of({"fear": fear}, step_seconds=0.5, names=list(bands), attributes={"band": list(bands.values())})


def people(start: int, front: int, back: int) -> dict[str, str]:
    told = ["front"] * front + ["back"] * back
    return {f"p{start + i:03}": band for i, band in enumerate(told)}


FRONT = Filter("fear", {"band": frozenset({"front"})})


def test_the_first_answer_is_remembered() -> None:
    first = answering(respondents(people(0, 20, 20)), "fear", ())
    assert first.standing is not None
    assert len(first.ask(FRONT).audience) == 20
    again = answering(respondents(people(0, 20, 20)), "fear", (first.standing,))
    assert again.standing is None


def test_one_new_person_is_not_counted_before_others_come_too() -> None:
    before = people(0, 20, 20)
    first = answering(respondents(before), "fear", ())
    assert first.standing is not None
    grown = answering(respondents({**before, **people(40, 1, 0)}), "fear", (first.standing,))
    assert (grown.left_out, grown.standing) == (1, None)
    np.testing.assert_array_equal(grown.ask(FRONT).audience.mean("fear"), first.ask(FRONT).audience.mean("fear"))


def test_nine_new_people_of_whom_one_is_of_a_part_are_not_counted() -> None:
    before = people(0, 20, 20)
    first = answering(respondents(before), "fear", ())
    assert first.standing is not None
    assert answering(respondents({**before, **people(40, 1, 10)}), "fear", (first.standing,)).left_out == 11


def test_ten_new_people_in_every_part_are_counted() -> None:
    before = people(0, 20, 20)
    first = answering(respondents(before), "fear", ())
    assert first.standing is not None
    grown = answering(respondents({**before, **people(40, 10, 12)}), "fear", (first.standing,))
    assert (grown.left_out, len(grown.ask(FRONT).audience)) == (0, 30)
    assert grown.standing is not None


def test_after_one_was_deleted_parts_are_not_told_about() -> None:
    before = people(0, 20, 20)
    first = answering(respondents(before), "fear", ())
    assert first.standing is not None
    del before["p003"]
    with pytest.raises(PolicyError, match="fewer than 10 people came or went"):
        answering(respondents(before), "fear", (first.standing,))


def test_a_declaration_that_changed_is_like_leaving_and_coming() -> None:
    before = people(0, 20, 20)
    first = answering(respondents(before), "fear", ())
    assert first.standing is not None
    with pytest.raises(PolicyError):
        answering(respondents({**before, "p003": "back"}), "fear", (first.standing,))


def test_what_is_remembered_survives_as_json() -> None:
    first = answering(respondents(people(0, 20, 25)), "fear", ())
    assert first.standing is not None
    told = json.loads(json.dumps(first.standing.document()))
    assert Standing.from_document(told) == first.standing


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_two_answers_of_any_days_differ_in_a_few_people(data: st.DataObject) -> None:
    """Sums and differences of two answers, and who is in both, are about ten people or nobody."""
    bands = st.sampled_from(["front", "back", "side", ""])
    audience: dict[str, str] = {}
    remembered: list[Standing] = []
    answered: list[frozenset[str]] = []
    for day in range(data.draw(st.integers(1, 4))):
        for number in range(data.draw(st.integers(0, 40))):
            audience[f"d{day}-{number}"] = data.draw(bands)
        for name in list(audience):
            if data.draw(st.integers(0, 60)) == 0:
                del audience[name]
        if not audience:
            continue
        try:
            over = answering(respondents(audience), "fear", remembered)
        except PolicyError:
            continue
        for wanted in ("front", "back", "side"):
            try:
                told = over.ask(Filter("fear", {"band": frozenset({wanted})}))
            except PolicyError:
                continue
            if over.standing is not None and over.standing not in remembered:
                remembered.append(over.standing)
            answered.append(frozenset(told.audience.names))
    for one, other in itertools.combinations(answered, 2):
        for group in (one - other, other - one, one & other, one ^ other):
            assert not group or len(group) >= LEAST_SLICE
