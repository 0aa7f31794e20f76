"""Labelled faces as arrays: scaled as a camera would see them, written and read back."""

from __future__ import annotations

import numpy as np
import pytest

from mien.evaluation.faces import resized


def test_enlarged_pictures_are_smooth() -> None:
    """Repeated pixels would show as many values as before, in steps."""
    ramp = np.tile(np.linspace(0, 255, 12).astype(np.uint8), (12, 1))[None]
    large = resized(ramp, 60)
    assert large.shape == (1, 60, 60)
    assert len(np.unique(large)) > 2 * len(np.unique(ramp))
    assert np.abs(np.diff(large[0, 0].astype(int))).max() < 8


@pytest.mark.parametrize("colours", [(), (3,)])
def test_shrunk_pictures_are_means(colours: tuple[int, ...]) -> None:
    fine = np.random.default_rng(0).integers(0, 256, (2, 48, 48, *colours), dtype=np.uint8)
    small = resized(fine, 24)
    means = fine.reshape(2, 24, 2, 24, 2, *colours).mean(axis=(2, 4))
    assert np.abs(small - means).max() <= 0.5


def test_pictures_of_the_right_side_are_not_touched() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 48, 48), dtype=np.uint8)
    assert resized(pictures, 48) is pictures
