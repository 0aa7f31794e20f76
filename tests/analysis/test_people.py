from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.analysis.people import one_each
from mien.analysis.sessions import SessionSet
from mien.core.errors import InputError
from tests.analysis.audiences import sessions

RNG = np.random.default_rng(5)


def test_whoever_watched_ten_times_is_one_person() -> None:
    watched = sessions(RNG, 12, 20)
    told = one_each(watched, ["ann"] * 10 + ["bob", "cid"])
    assert len(told) == 3
    assert told.people("fear").tolist() == [3.0] * 20
    assert told.values("fear")[0] == pytest.approx(watched.values("fear")[:10].mean(axis=0), rel=1e-5)
    assert told.names == ("+".join(sorted(watched.names[:10])), *watched.names[10:])


def test_sessions_of_nobody_in_particular_stay_as_they_are() -> None:
    watched = sessions(RNG, 4, 20)
    assert one_each(watched, [None] * 4) is watched
    assert one_each(watched, ["ann", "bob", None, "cid"]) is watched


def test_a_mean_is_by_weight_of_what_was_read() -> None:
    watched = SessionSet.of(
        {"fear": [[10.0, 10.0, np.nan], [40.0, np.nan, np.nan]]},
        step_seconds=0.5,
        weights=[[0.5, 1.0, 1.0], [1.0, 1.0, 1.0]],
        readable=[[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]],
    )
    told = one_each(watched, ["ann", "ann"])
    assert told.values("fear")[0].tolist() == pytest.approx([30.0, 10.0, np.nan], nan_ok=True)
    assert (told.weights[0].tolist(), told.readable[0].tolist()) == ([1.0, 1.0, 0.0], [3.0, 1.0, 0.0])


def test_what_may_not_be_used_of_one_session_is_not_used_of_the_mean() -> None:
    attributes = {"seat": ("front", "", "back"), "age": ("25", "25", "30")}
    watched = SessionSet.of({"fear": np.ones((3, 2))}, step_seconds=0.5, attributes=attributes)
    assert one_each(watched, ["ann", "ann", "bob"]).attributes == {"seat": ("", "back"), "age": ("25", "30")}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=8))
def test_nobody_is_counted_twice_and_nobody_is_lost(persons: list[int]) -> None:
    watched = SessionSet.of({"fear": np.arange(len(persons) * 3).reshape(-1, 3)}, step_seconds=0.5)
    told = one_each(watched, persons)
    assert told.people("fear").tolist() == [float(len(set(persons)))] * 3
    assert sorted("+".join(told.names).split("+")) == sorted(watched.names)
    assert told.values("fear").min() >= watched.values("fear").min()
    assert told.values("fear").max() <= watched.values("fear").max()


def test_every_session_needs_an_owner() -> None:
    with pytest.raises(InputError, match="2 persons"):
        one_each(sessions(RNG, 3, 4), ["ann", "bob"])
