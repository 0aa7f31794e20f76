"""Restarts: at once at first, then ever more slowly, and again at once after a calm."""

from __future__ import annotations

from mien.core.errors import DeviceError, InputError, MienError, WeightsError
from mien.runtime.live.supervision import Patience, Restarts, told_error


def test_the_first_restarts_are_at_once() -> None:
    restarts = Restarts(Patience())
    assert [restarts.wait_seconds(now) for now in (0, 1, 2, 3, 4)] == [0] * 5


def test_a_burst_is_followed_by_waits_that_double_up_to_a_limit() -> None:
    restarts = Restarts(Patience())
    waits = [restarts.wait_seconds(now / 10) for now in range(12)]
    assert waits == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30]
    assert restarts.count == 12


def test_after_a_calm_minute_the_next_is_at_once_again() -> None:
    restarts = Restarts(Patience())
    for now in range(8):
        restarts.wait_seconds(float(now))
    assert restarts.wait_seconds(100.0) == 0


def test_an_error_keeps_its_kind_across_processes() -> None:
    for error in (InputError("no file"), DeviceError("no camera"), WeightsError("no weights")):
        again = told_error(str(error), error.exit_code)
        assert type(again) is type(error)
        assert str(again) == str(error)
    assert type(told_error("odd", 250)) is MienError
