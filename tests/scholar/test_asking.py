"""How long a service asks to be left alone."""

from __future__ import annotations

from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from mien.scholar.asking import retry_after

NOW = 1_800_000_000.0


@given(st.integers(0, 10**6))
def test_seconds_and_dates_say_the_same(seconds: int) -> None:
    assert retry_after(str(seconds), NOW) == seconds
    assert retry_after(formatdate(NOW + seconds, usegmt=True), NOW) == seconds


def test_a_date_that_is_past_asks_for_nothing() -> None:
    assert retry_after(formatdate(NOW - 60, usegmt=True), NOW) == 0


@given(st.text(max_size=40))
def test_anything_else_is_no_wish(stated: str) -> None:
    wish = retry_after(stated, NOW)
    assert wish is None or wish >= 0


def test_nothing_stated_is_no_wish() -> None:
    assert retry_after(None, NOW) is None
