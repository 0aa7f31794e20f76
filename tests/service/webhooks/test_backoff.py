from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.service.webhooks.backoff import BackoffOptions, retry_at, wait_seconds
from mien.service.webhooks.sending import Answer

NOW = datetime(2026, 11, 21, 20, 15, tzinfo=UTC)
PLAIN = BackoffOptions(jitter=0.0)


def test_waits_grow_threefold_up_to_six_hours_and_sum_to_half_a_day() -> None:
    waits = [wait_seconds(attempt, PLAIN, Random(1)) for attempt in range(1, PLAIN.most_attempts)]
    assert waits == [10, 30, 90, 270, 810, 2430, 7290, 21600, 21600]
    assert sum(waits) / 3600 == pytest.approx(15.0, abs=0.1)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers())
def test_jitter_moves_a_wait_by_its_share_and_no_more(attempts: int, seed: int) -> None:
    plain = wait_seconds(attempts, PLAIN, Random(seed))
    moved = wait_seconds(attempts, BackoffOptions(jitter=0.2), Random(seed))
    assert 0.8 * plain <= moved <= 1.2 * plain


def test_a_seed_repeats_the_waits_and_another_does_not() -> None:
    def waits(seed: int) -> list[float]:
        random = Random(seed)
        return [wait_seconds(attempt, BackoffOptions(), random) for attempt in range(1, 9)]

    assert waits(7) == waits(7) != waits(8)


def test_the_last_attempt_is_the_last() -> None:
    assert retry_at(PLAIN.most_attempts - 1, None, NOW, PLAIN, Random(1)) is not None
    assert retry_at(PLAIN.most_attempts, Answer(503, "60"), NOW, PLAIN, Random(1)) is None


@pytest.mark.parametrize(
    ("asked", "seconds"), [(None, 10), ("3", 10), ("600", 600), ("999999", 86_400), ("nonsense", 10)]
)
def test_a_receiver_may_ask_for_a_longer_wait_of_a_day_at_most(asked: str | None, seconds: float) -> None:
    assert retry_at(1, Answer(429, asked), NOW, PLAIN, Random(1)) == NOW + timedelta(seconds=seconds)
