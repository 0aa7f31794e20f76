"""What a session contributes: bounded, its own business, and all or nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.analysis.contributions import (
    SERIES_BOUNDS,
    Bounds,
    CountingRule,
    Figure,
    Stretch,
    contributions,
)
from mien.analysis.sessions import SessionSet
from mien.core.errors import InputError, SettingsError

NAN = float("nan")
POINTS = Bounds(0, 100)
WHOLE = Stretch("whole", 0, None)
HALVES = (Stretch("first", 0, 2), Stretch("second", 2, 4))


def viewer(fear: list[float], seat: str | None = None, step_seconds: float = 1.0, **changes: object) -> SessionSet:
    attributes = {} if seat is None else {"seat": [seat]}
    return SessionSet.of({"fear": [fear]}, step_seconds=step_seconds, attributes=attributes, **changes)  # type: ignore[arg-type]


def fear(stretch: Stretch, bounds: Bounds = POINTS, above: float | None = None) -> Figure:
    return Figure("fear", stretch, bounds, above)


def test_a_session_contributes_its_mean_over_each_stretch() -> None:
    """0, 50 and 100 points are -1, 0 and 1 of the bounds."""
    found = contributions([viewer([20, 30, 60, 80])], [*map(fear, HALVES), fear(WHOLE)])
    np.testing.assert_allclose(found.values, [[-0.5, 0.4, -0.05]])
    assert found.counted.tolist() == [True]


def test_steps_count_by_their_coverage_but_sessions_alike() -> None:
    half = viewer([20, 80], weights=[[1, 0.25]])
    np.testing.assert_allclose(contributions([half], [fear(WHOLE)]).values, [[(20 + 20) / 1.25 / 50 - 1]])


def test_a_mean_is_clamped_to_the_bounds_not_each_step() -> None:
    found = contributions([viewer([0, 100, 70, 90])], [fear(s, Bounds(40, 60)) for s in HALVES])
    np.testing.assert_allclose(found.values, [[0, 1]])


def test_a_share_is_of_sessions_whose_mean_lies_above() -> None:
    found = contributions([viewer([30, 30]), viewer([30, 31])], [fear(WHOLE, above=30)])
    np.testing.assert_array_equal(found.values, [[-1], [1]])


def test_a_session_counts_in_all_figures_or_in_none() -> None:
    found = contributions([viewer([20, 30, NAN, NAN]), viewer([20, 30, 60, 80])], list(map(fear, HALVES)))
    assert found.counted.tolist() == [False, True]
    assert found.values[0].tolist() == [0, 0]


@pytest.mark.parametrize(("least", "counts"), [(0.0, True), (0.25, True), (0.26, False), (1.0, False)])
def test_enough_of_a_stretch_has_to_be_read(least: float, counts: bool) -> None:
    found = contributions([viewer([20, NAN, NAN, NAN])], [fear(Stretch("all", 0, 4))], CountingRule(least))
    assert found.counted.tolist() == [counts]


def test_what_counts_as_read_is_time_not_coverage() -> None:
    """A hall in which half of the faces are readable has read the whole film."""
    found = contributions([viewer([20, 20], weights=[0.5])], [fear(WHOLE)], CountingRule(1.0))
    assert found.counted.tolist() == [True]


def test_a_session_that_ends_before_a_stretch_does_not_count() -> None:
    found = contributions([viewer([20, 20])], [fear(Stretch("late", 5, None))])
    assert found.counted.tolist() == [False]


def test_others_than_the_segment_do_not_count() -> None:
    people = [viewer([20], "front"), viewer([20], "back"), viewer([20], ""), viewer([20])]
    rule = CountingRule(segments={"seat": frozenset({"front"})})
    assert contributions(people, [fear(WHOLE)], rule).counted.tolist() == [True, False, False, False]
    with pytest.raises(InputError, match="diet"):
        contributions(people, [fear(WHOLE)], CountingRule(segments={"diet": frozenset({"vegan"})}))


SESSION = st.builds(
    viewer,
    st.lists(st.one_of(st.floats(-500, 500, width=32), st.just(NAN)), min_size=1, max_size=8),
    step_seconds=st.sampled_from([0.5, 0.7, 1.0, 4.0]),
    start_seconds=st.sampled_from([0.0, 0.3, 2.0]),
    readable=st.just([1.0]),
    min_group=st.integers(1, 20),
)


@given(st.lists(SESSION, min_size=1, max_size=6), SESSION, st.data())
def test_replacing_a_session_changes_its_own_row_only_and_that_within_bounds(
    sessions: list[SessionSet], other: SessionSet, data: st.DataObject
) -> None:
    figures = [*map(fear, HALVES), fear(WHOLE, Bounds(-3, 7)), fear(HALVES[0], above=20)]
    place = data.draw(st.integers(0, len(sessions) - 1))
    before = contributions(sessions, figures)
    after = contributions([*sessions[:place], other, *sessions[place + 1 :]], figures)
    kept = np.arange(len(sessions)) != place
    np.testing.assert_array_equal(before.values[kept], after.values[kept])
    np.testing.assert_array_equal(before.counted[kept], after.counted[kept])
    for found in (before, after):
        assert np.abs(found.values).max() <= 1
        assert not found.values[~found.counted].any()


def test_sessions_have_to_be_read_apart() -> None:
    with pytest.raises(InputError, match="apart"):
        contributions([SessionSet.of({"fear": [[1], [2]]}, step_seconds=1)], [fear(WHOLE)])
    with pytest.raises(InputError, match="no series 'awe'"):
        contributions([viewer([1])], [Figure("awe", WHOLE, POINTS)])


def test_what_makes_no_figure_is_refused() -> None:
    for bounds in ((1, 1), (2, 1), (NAN, 1), (0, float("inf"))):
        with pytest.raises(SettingsError, match="leave no room"):
            Bounds(*bounds)
    with pytest.raises(SettingsError, match="no stretch"):
        Stretch("back", 3, 3)
    for above in (-1, 100):
        with pytest.raises(SettingsError, match="cannot be told apart"):
            fear(WHOLE, above=above)
    with pytest.raises(SettingsError, match="weight"):
        Figure("fear", WHOLE, POINTS, weight=0)
    with pytest.raises(SettingsError, match="least share"):
        CountingRule(1.1)


def test_series_lie_where_their_definitions_put_them() -> None:
    assert SERIES_BOUNDS["fear"] == SERIES_BOUNDS["shock"] == POINTS
    assert SERIES_BOUNDS["sentiment"] == Bounds(-100, 100)
    assert SERIES_BOUNDS["engagement"] == Bounds(1, 5)
    assert "presence" not in SERIES_BOUNDS
