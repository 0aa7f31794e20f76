"""One recording counts once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mien.analysis.copies import refuse_copies, refuse_same_recordings
from mien.analysis.sessions import SessionSet
from mien.core.errors import InputError

FEAR = np.random.default_rng(4).normal(30, 5, (3, 40)).astype(np.float32)


LONG = np.random.default_rng(5).normal(30, 5, (2, 200)).astype(np.float32)


def version(fear: np.ndarray, name: str = "A", *, start: float = 0.0, recordings: tuple[str, ...] = ()) -> SessionSet:
    made = SessionSet.of({"fear": fear}, step_seconds=0.5, version=name, start_seconds=start)
    return replace(made, recordings=recordings)


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


def test_an_interrupted_run_beside_the_finished_one_is_a_copy() -> None:
    cut = LONG[:1].copy()
    cut[0, 150:] = np.nan
    with pytest.raises(InputError, match="very readings"):
        refuse_copies((version(LONG), version(cut, "B")))
    late = LONG[:1].copy()
    late[0, :50] = np.nan
    with pytest.raises(InputError, match="very readings"):
        refuse_copies((version(LONG), version(late, "B")))


def test_a_series_of_a_few_values_is_known_by_when_it_changes() -> None:
    there = np.random.default_rng(6).integers(3, 6, (2, 120)).astype(np.float32)
    refuse_copies((version(there),))
    with pytest.raises(InputError, match="very readings"):
        refuse_copies((version(there[:1]), version(there[:1], "B")))


def test_one_recording_measured_twice_is_known_by_its_name_whatever_was_read() -> None:
    told = version(FEAR[:2], recordings=("ab", "cd"))
    refuse_copies((told, version(FEAR[2:], "B", recordings=("",))))
    for refuse in (refuse_copies, refuse_same_recordings):
        with pytest.raises(InputError, match=r"'session-1' of version 'B' was measured from the very recording of"):
            refuse((told, version(FEAR[2:], "B", recordings=("cd",))))
    refuse_same_recordings((version(FEAR[:1]), version(FEAR[:1], "B")))


def test_only_series_that_all_versions_have_are_looked_at() -> None:
    a = SessionSet.of({"fear": FEAR[:1], "shock": FEAR[1:2]}, step_seconds=0.5)
    b = SessionSet.of({"fear": FEAR[:1]}, step_seconds=0.5, version="B")
    with pytest.raises(InputError):
        refuse_copies((a, b))
    refuse_copies(())
