"""One recording counts once."""

from __future__ import annotations

import numpy as np
import pytest

from mien.analysis.copies import refuse_copies
from mien.analysis.sessions import SessionSet
from mien.core.errors import InputError

FEAR = np.random.default_rng(4).normal(30, 5, (3, 40)).astype(np.float32)


def version(fear: np.ndarray, name: str = "A", *, start: float = 0.0) -> SessionSet:
    return SessionSet.of({"fear": fear}, step_seconds=0.5, version=name, start_seconds=start)


def test_sessions_of_their_own_pass() -> None:
    refuse_copies((version(FEAR[:2]), version(FEAR[2:], "B")))


def test_a_copy_within_a_version_is_named() -> None:
    with pytest.raises(InputError, match=r"'session-3' of version 'A'.*'session-1' of version 'A'"):
        refuse_copies((version(FEAR[[0, 1, 0]]),))


def test_a_copy_in_another_version_is_found_wherever_on_the_film_it_lies() -> None:
    late = np.full((1, 60), np.nan, np.float32)
    late[0, 15:55] = FEAR[1]
    with pytest.raises(InputError, match=r"'session-1' of version 'B'.*'session-2' of version 'A'"):
        refuse_copies((version(FEAR), version(late, "B", start=60)))


def test_one_reading_apart_is_another_session() -> None:
    near = FEAR[:1].copy()
    near[0, 7] += 0.01
    refuse_copies((version(FEAR), version(near, "B")))


@pytest.mark.parametrize("flat", [np.full((4, 40), 12.0), np.full((2, 40), np.nan), np.tile([1.0, 2.0, 3.0], (2, 1))])
def test_sessions_without_enough_values_to_tell_them_apart_are_taken_for_themselves(flat: np.ndarray) -> None:
    refuse_copies((version(flat),))


def test_only_series_that_all_versions_have_are_looked_at() -> None:
    a = SessionSet.of({"fear": FEAR[:1], "shock": FEAR[1:2]}, step_seconds=0.5)
    b = SessionSet.of({"fear": FEAR[:1]}, step_seconds=0.5, version="B")
    with pytest.raises(InputError):
        refuse_copies((a, b))
    refuse_copies(())
