from __future__ import annotations

import numpy as np
import pytest

from mien.analysis.sessions import SessionSet, TimeBase
from mien.core.errors import InputError, SettingsError

NAN = float("nan")


def fear(*rows: list[float], **changes: object) -> SessionSet:
    told: dict[str, object] = {"step_seconds": 0.5, **changes}
    return SessionSet.of({"fear": list(rows)}, **told)  # type: ignore[arg-type]


def test_a_mean_is_over_sessions_by_weight_and_passes_over_what_was_not_read() -> None:
    audience = fear([10, 20, NAN, NAN], [30, NAN, 40, NAN], weights=[[1, 1, 1, 1], [3, 1, 1, 1]])
    np.testing.assert_allclose(audience.mean("fear"), [25, 20, 40, NAN])


def test_below_the_smallest_group_no_mean_is_told() -> None:
    audience = fear([10, 20], [30, NAN], readable=[3, 4], min_group=5)
    np.testing.assert_allclose(audience.mean("fear"), [20, NAN])
    np.testing.assert_allclose(audience.people("fear"), [7, 3])


def test_a_cell_without_weight_is_nobody() -> None:
    audience = fear([10, 20], [30, 40], weights=[[1, 0], [1, 1]])
    np.testing.assert_allclose(audience.people("fear"), [2, 1])
    np.testing.assert_allclose(audience.mean("fear"), [20, 40])


def test_sessions_and_stretches_are_picked_with_all_that_belongs_to_them() -> None:
    audience = fear([1, 2, 3, 4], [5, 6, 7, 8], names=["x", "y"], attributes={"seat": ["front", "back"]})
    back = audience.select(np.array([False, True])).between(0.5, 1.5)
    assert (back.names, back.attributes["seat"], back.base) == (("y",), ("back",), TimeBase(0.5, 0.5, 2))
    np.testing.assert_array_equal(back.values("fear"), [[6, 7]])
    with pytest.raises(SettingsError, match="no step"):
        audience.between(2, 3)
    with pytest.raises(InputError, match="no session"):
        audience.select(np.array([False, False]))


def test_sets_join_to_what_they_share() -> None:
    one = SessionSet.of({"fear": [[1.0]], "joy": [[2.0]]}, step_seconds=1, names=["x"], min_group=5)
    two = SessionSet.of({"fear": [[3.0]]}, step_seconds=1, names=["y"], attributes={"seat": ["front"]}, demo=True)
    both = SessionSet.joined([one, two])
    assert (both.names, list(both.series), both.min_group, both.demo) == (("x", "y"), ["fear"], 5, True)
    assert both.attributes == {"seat": ("", "front")}
    with pytest.raises(InputError, match="twice"):
        SessionSet.joined([one, one])
    with pytest.raises(InputError, match="not on the same steps"):
        SessionSet.joined([one, SessionSet.of({"fear": [[3.0]]}, step_seconds=2, names=["y"])])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"weights": [[-1, 1], [1, 1]]}, "not negative"),
        ({"weights": [[NAN, 1], [1, 1]]}, "finite"),
        ({"weights": [[1, 1, 1]]}, "sessions × steps"),
        ({"names": ["x", "x"]}, "'x' twice"),
        ({"names": ["x"]}, "shape"),
        ({"attributes": {"seat": ["front"]}}, "attribute 'seat'"),
        ({"min_group": 0}, "at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        fear([1, 2], [3, 4], **changes)


def test_values_that_are_no_audience_are_refused() -> None:
    with pytest.raises(InputError, match="infinite"):
        fear([1, float("inf")])
    with pytest.raises(InputError, match="sessions × steps"):
        SessionSet.of({"fear": [1.0, 2.0]}, step_seconds=1)
    with pytest.raises(InputError, match="has no series 'joy'; it has fear"):
        fear([1, 2]).values("joy")
    with pytest.raises(SettingsError, match="above 0"):
        fear([1, 2], step_seconds=0)


def test_a_time_base_covers_a_stretch_in_whole_steps() -> None:
    assert TimeBase.covering(0.7, 2.1, 0.5) == TimeBase(0.5, 0.5, 4)
    assert TimeBase.covering(0.0, 2.0, 0.5).steps == 4
    np.testing.assert_allclose(TimeBase(0.5, 0.5, 2).edges, [0.5, 1.0, 1.5])
