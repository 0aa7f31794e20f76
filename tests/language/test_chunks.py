"""Stretches of sound: nothing is lost, and cuts fall into pauses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.language.audio import SAMPLE_RATE_HZ
from mien.language.chunks import ChunkOptions, chunks
from tests.language.films import tone

SHORT = ChunkOptions(longest_seconds=0.5, search_seconds=0.2, pause_seconds=0.02)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 30_000), max_size=8), st.integers(0, 2**32 - 1))
def test_stretches_are_the_stream_whole_and_in_order(lengths: list[int], seed: int) -> None:
    generator = np.random.default_rng(seed)
    pieces = [generator.normal(size=n).astype(np.float32) * generator.choice([0, 1]) for n in lengths]
    found = list(chunks(iter(pieces), SHORT))
    np.testing.assert_array_equal(
        np.concatenate([np.zeros(0, np.float32), *(c.samples for c in found)]),
        np.concatenate([np.zeros(0, np.float32), *pieces]),
    )
    assert all(0 < len(c.samples) <= 0.5 * SAMPLE_RATE_HZ for c in found)
    assert all(len(c.samples) >= 0.3 * SAMPLE_RATE_HZ for c in found[:-1])
    starts = np.cumsum([0, *(len(c.samples) for c in found)])[:-1] / SAMPLE_RATE_HZ
    assert [c.start_seconds for c in found] == pytest.approx(list(starts))


def test_the_cut_lies_in_the_pause() -> None:
    sound = np.concatenate([tone(0.38), np.zeros(round(0.04 * SAMPLE_RATE_HZ), np.float32), tone(0.4)])
    first, second = chunks([sound], SHORT)
    assert 0.38 <= len(first.samples) / SAMPLE_RATE_HZ <= 0.42
    assert second.start_seconds == len(first.samples) / SAMPLE_RATE_HZ


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 0 < pause_seconds < search_seconds < longest_seconds"):
        ChunkOptions(longest_seconds=5, search_seconds=10)
