"""Smoothing is in seconds, and labels wait without touching probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.faces import Track
from mien.core.labels import EMOTIONS
from mien.core.settings import SmoothingSettings
from mien.smoothing import commit_label, smooth


def track() -> Track:
    return Track(0, np.zeros(4, np.float32), np.zeros((5, 2), np.float32), 1.0, 0.0)


def one_hot(index: int, top: float = 1.0) -> np.ndarray:
    p = np.full(8, (1 - top) / 7, np.float32)
    p[index] = top
    return p


def test_the_published_weight_at_thirty_frames_a_second() -> None:
    """EMA alpha 0.6 on the new frame at 30 fps is a time constant of 36 ms."""
    one = track()
    settings = SmoothingSettings(seconds=0.0364)
    smooth(one, one_hot(0), 0.0, settings)
    assert smooth(one, one_hot(1), 1 / 30, settings)[1] == pytest.approx(0.6, abs=0.01)


@given(rate=st.floats(5, 120), seconds=st.floats(0.05, 2))
def test_the_frame_rate_changes_nothing(rate: float, seconds: float) -> None:
    """A step is smoothed to 1 - exp(-t/T) after t seconds at any frame rate."""
    one, settings = track(), SmoothingSettings(seconds=seconds)
    smooth(one, one_hot(0), 0.0, settings)
    frames = max(1, round(rate))
    for frame in range(1, frames + 1):
        state = smooth(one, one_hot(1), frame / rate, settings)
    assert state[1] == pytest.approx(1 - math.exp(-frames / rate / seconds), abs=1e-3)
    assert state.sum() == pytest.approx(1.0, abs=1e-4)


def test_off_passes_readings_through() -> None:
    one, settings = track(), SmoothingSettings(seconds=0)
    smooth(one, one_hot(0), 0.0, settings)
    assert (smooth(one, one_hot(3), 0.01, settings) == one_hot(3)).all()


def test_a_label_waits_for_its_time() -> None:
    one, settings = track(), SmoothingSettings(label_seconds=0.1)

    def label(index: int, time: float) -> str:
        return commit_label(one, EMOTIONS[index], 0.9, time, settings)

    assert label(0, 0.0) == "neutral"
    assert label(1, 0.05) == "neutral"
    assert label(0, 0.08) == "neutral"
    assert label(1, 0.10) == "neutral"
    assert label(1, 0.15) == "neutral"
    assert label(1, 0.21) == "happiness"


def test_below_the_threshold_the_label_is_withheld() -> None:
    settings = SmoothingSettings(label_seconds=0, uncertain_below=0.45)
    assert commit_label(track(), "fear", 0.4, 0.0, settings) == "uncertain"
    assert commit_label(track(), "fear", 0.46, 0.0, settings) == "fear"
