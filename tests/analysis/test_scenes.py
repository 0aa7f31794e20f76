from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.analysis.compare import CompareOptions
from mien.analysis.scenes import (
    Scene,
    SceneOptions,
    compare_scenes,
    in_order,
    pair_scenes,
    scene_cells,
    scene_table,
)
from mien.analysis.sessions import SessionSet
from mien.core.errors import InputError, SettingsError

STEP = 0.5
THREE = (Scene("Arrival", 0, 10), Scene("Cellar", 10, 20), Scene("Dawn", 20, 30))


def audience(sessions: int, seed: int, *, cellar: float = 0.0, version: str = "A", **changes: Any) -> SessionSet:
    """Thirty seconds; each session has a level of its own, and ``cellar`` points more in the second scene."""
    random = np.random.default_rng(seed)
    fear = 30 + random.normal(0, 5, (sessions, 1)) + random.normal(0, 8, (sessions, 60))
    fear[:, 20:40] += cellar
    return SessionSet.of({"fear": fear}, step_seconds=STEP, version=version, **changes)


def test_a_scene_is_the_mean_of_its_steps() -> None:
    fear = SessionSet.of({"fear": [[10, 20, 30, 40], [50, 60, 70, 80]]}, step_seconds=1)
    rows = scene_table(fear, "fear", [Scene("b", 2, 4), Scene("a", 0, 2)], np.random.default_rng(1))
    assert [(r.scene.name, r.mean, r.rank, r.sessions, r.coverage) for r in rows] == [
        ("a", 35, 2, 2, 1),
        ("b", 55, 1, 2, 1),
    ]


def test_a_step_that_is_cut_by_a_scene_counts_by_its_part() -> None:
    cells = scene_cells(SessionSet.of({"fear": [[10, 20, 30]]}, step_seconds=1), "fear", [Scene("a", 0.5, 2.25)])
    assert cells.values[0, 0] == pytest.approx((0.5 * 10 + 20 + 0.25 * 30) / 1.75)
    assert cells.weights[0, 0] == pytest.approx(1)


def test_a_scene_counts_a_session_by_how_much_of_it_was_read() -> None:
    nan = math.nan
    fear = SessionSet.of({"fear": [[10.0, 10.0, 10.0, 10.0], [50.0, nan, nan, nan]]}, step_seconds=1)
    row = scene_table(fear, "fear", [Scene("a", 0, 4)], np.random.default_rng(1))[0]
    assert row.mean == pytest.approx((10 + 0.25 * 50) / 1.25)
    assert row.coverage == pytest.approx(0.625)
    beyond = scene_cells(fear, "fear", [Scene("a", 2, 6)])
    assert beyond.weights[0, 0] == pytest.approx(0.5), "what lies after the recording is unread"


def test_a_scene_is_told_from_the_smallest_group_on() -> None:
    fear = SessionSet.of({"fear": [[10, 10, 90, 90], [20, 20, 80, 80]]}, step_seconds=1, readable=[3, 1], min_group=5)
    rows = scene_table(fear, "fear", [Scene("a", 0, 4)], np.random.default_rng(1))
    assert (rows[0].mean, rows[0].rank, rows[0].low) == (None, None, None)
    assert "fewer than 5" in str(rows[0].withheld)
    readable = np.array([[3, 3, 3, 3], [2, 2, 1, 1]])
    fear = SessionSet.of({"fear": fear.values("fear")}, step_seconds=1, readable=readable, min_group=5)
    assert scene_table(fear, "fear", [Scene("a", 0, 4)], np.random.default_rng(1))[0].mean == 15


def test_a_scene_that_nobody_was_read_in_says_so() -> None:
    row = scene_table(audience(3, 1), "fear", [Scene("credits", 100, 110)], np.random.default_rng(1))[0]
    assert (row.mean, row.withheld) == (None, "nothing was read in this scene")


def test_one_session_has_a_mean_but_no_interval() -> None:
    row = scene_table(audience(1, 1), "fear", THREE, np.random.default_rng(1))[0]
    assert row.mean is not None
    assert (row.low, row.high) == (None, None)
    assert "one session" in str(row.withheld)


def test_intervals_hold_what_they_promise() -> None:
    """Of 300 audiences of ten sessions, about 95 in 100 intervals hold the true mean of 30."""
    held = 0
    for seed in range(300):
        row = scene_table(audience(10, seed), "fear", THREE[:1], np.random.default_rng(seed), SceneOptions(500))[0]
        assert row.low is not None
        assert row.high is not None
        held += row.low <= 30 <= row.high
    assert 0.91 <= held / 300 <= 0.985


def test_the_same_seed_gives_the_same_table() -> None:
    tables = [scene_table(audience(6, 1), "fear", THREE, np.random.default_rng(s)) for s in (7, 7, 8)]
    assert tables[0] == tables[1] != tables[2]


@given(st.lists(st.floats(0.3, 9.0), min_size=1, max_size=6), st.integers(0, 99))
@settings(deadline=None)
def test_scenes_that_cover_the_film_make_up_its_mean(lengths: list[float], seed: int) -> None:
    random = np.random.default_rng(seed)
    ends = np.cumsum(lengths)
    steps = math.ceil(ends[-1] / STEP)
    fear = SessionSet.of(
        {"fear": random.uniform(0, 100, (4, steps))}, step_seconds=STEP, weights=random.uniform(0.1, 1, (4, steps))
    )
    scenes = [Scene(str(i), a, b) for i, (a, b) in enumerate(itertools.pairwise([0.0, *ends]))]
    parts = scene_cells(fear, "fear", scenes)
    whole = scene_cells(fear, "fear", [Scene("all", 0, float(ends[-1]))])
    heft = parts.weights * np.array(lengths)
    np.testing.assert_allclose((parts.values * heft).sum(axis=1) / heft.sum(axis=1), whole.values[:, 0], rtol=2e-3)
    np.testing.assert_allclose(heft.sum(axis=1) / ends[-1], whole.weights[:, 0], rtol=2e-3)


def test_a_planted_scene_is_found_and_no_other() -> None:
    a, b = audience(20, 1), audience(20, 2, cellar=15, version="B")
    told = compare_scenes(a, b, THREE, THREE, "fear", np.random.default_rng(3))
    assert [pair.a.name for pair in told.pairs if pair.shown] == ["Cellar"]
    assert told.verdict.shown is True
    assert "'Cellar'" in told.verdict.text
    assert "equal" not in told.verdict.text


def test_without_a_difference_none_is_shown_more_often_than_the_level() -> None:
    """200 comparisons of three scenes at 5 %: the 99.9 % binomial bound is 22."""
    options = CompareOptions(shuffles=299)
    false = 0
    for seed in range(200):
        a, b = audience(8, 2 * seed), audience(8, 2 * seed + 1, version="B")
        told = compare_scenes(a, b, THREE, THREE, "fear", np.random.default_rng(seed), options)
        false += bool(told.verdict.shown)
    assert 1 <= false <= 22


def test_scenes_pair_by_name_wherever_they_moved() -> None:
    shorter = (Scene("Cellar", 0, 10), Scene("Arrival", 10, 18), Scene("Epilogue", 18, 30))
    pairs, only_a, only_b = pair_scenes(THREE, shorter, "name")
    assert [(a.name, b.start_seconds) for a, b in pairs] == [("Arrival", 10), ("Cellar", 0)]
    assert (only_a, only_b) == (("Dawn",), ("Epilogue",))
    a, b = audience(8, 1), audience(8, 2, cellar=-20, version="B")
    told = compare_scenes(a, b, THREE, shorter, "fear", np.random.default_rng(1))
    assert told.only_b == ("Epilogue",)
    point = told.pairs[1].point
    assert point.mean_b == pytest.approx(float(b.values("fear")[:, :20].mean()), abs=0.01)


def test_two_titles_pair_by_order() -> None:
    other = (Scene("I", 0, 12), Scene("II", 12, 20))
    pairs, only_a, only_b = pair_scenes(THREE, other, "order")
    assert [(a.name, b.name) for a, b in pairs] == [("Arrival", "I"), ("Cellar", "II")]
    assert (only_a, only_b) == (("Dawn",), ())


def test_what_cannot_be_inferred_is_withheld_with_the_reason() -> None:
    one = compare_scenes(audience(1, 1), audience(9, 2, version="B"), THREE, THREE, "fear", np.random.default_rng(1))
    assert one.verdict.shown is None
    assert "one session only" in one.verdict.text
    assert one.pairs[0].point.difference is not None
    assert one.pairs[0].point.p is None
    two = compare_scenes(audience(2, 1), audience(2, 2, version="B"), THREE, THREE, "fear", np.random.default_rng(1))
    assert "smallest p-value" in str(two.verdict.withheld)
    nobody = audience(8, 2, version="B", min_group=50)
    none = compare_scenes(audience(8, 1), nobody, THREE, THREE, "fear", np.random.default_rng(1))
    assert none.verdict.shown is None
    assert "smallest group of 50" in str(none.verdict.withheld)


def test_no_difference_is_never_called_equality() -> None:
    told = compare_scenes(audience(8, 1), audience(8, 2, version="B"), THREE, THREE, "fear", np.random.default_rng(1))
    assert told.verdict.shown is False
    assert "No difference shown" in told.verdict.text
    assert "does not mean there is none" in told.verdict.text


def test_scenes_make_sense() -> None:
    with pytest.raises(InputError, match="no stretch"):
        Scene("a", 3, 3)
    with pytest.raises(InputError, match="overlap at 5 seconds"):
        in_order([Scene("a", 0, 6), Scene("b", 5, 9)])
    with pytest.raises(InputError, match="no scene"):
        in_order([])
    with pytest.raises(InputError, match="two scenes are called 'a'"):
        pair_scenes([Scene("a", 0, 1), Scene("a", 1, 2)], [Scene("a", 0, 1)], "name")
    with pytest.raises(InputError, match="no scene of the same name"):
        pair_scenes([Scene("a", 0, 1)], [Scene("b", 0, 1)], "name")
    with pytest.raises(SettingsError, match="100 replicates"):
        SceneOptions(replicates=5)
