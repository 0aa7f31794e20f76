"""What the anchor-free detectors share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.detectors._boxes import MAX_TRIM_SHARE, NetworkInput, suppress_overlaps


def _picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(st.integers(1, 400), st.integers(1, 400))
def test_the_input_is_the_picture_from_its_origin_on_and_black_beyond(height: int, width: int) -> None:
    picture = _picture(height, width)
    network = NetworkInput(32, blue_first=False)
    blob = network.fill(picture)
    assert blob.shape[:2] == (1, 3)
    assert blob.shape[2] % 32 == blob.shape[3] % 32 == 0
    left, top = network.origin.astype(int)
    shown = picture[top : top + blob.shape[2], left : left + blob.shape[3]].transpose(2, 0, 1)
    expected = np.zeros_like(blob[0])
    expected[:, : shown.shape[1], : shown.shape[2]] = shown
    np.testing.assert_array_equal(blob[0], expected)
    assert height - shown.shape[1] <= min(8, MAX_TRIM_SHARE * height)
    assert width - shown.shape[2] <= min(8, MAX_TRIM_SHARE * width)


@pytest.mark.parametrize(("length", "side"), [(360, 352), (384, 384), (375, 384), (40, 64), (1080, 1088), (480, 480)])
def test_a_side_loses_its_edge_only_where_that_is_a_sliver(length: int, side: int) -> None:
    assert NetworkInput(32, blue_first=False).fill(_picture(length, 64)).shape[2] == side


def test_both_edges_lose_the_same() -> None:
    network = NetworkInput(32, blue_first=False)
    network.fill(_picture(360, 640))
    np.testing.assert_array_equal(network.origin, [0, 4])


def test_planes_are_in_the_order_a_network_wants() -> None:
    picture = _picture(32, 32)
    red_first = NetworkInput(32, blue_first=False).fill(picture)
    blue_first = NetworkInput(32, blue_first=True).fill(picture)
    np.testing.assert_array_equal(red_first[0, ::-1], blue_first[0])
    np.testing.assert_array_equal(red_first[0, 0], picture[..., 0])


def test_a_picture_of_another_size_leaves_nothing_of_the_one_before() -> None:
    network = NetworkInput(32, blue_first=False)
    network.fill(np.full((360, 640, 3), 255, np.uint8))
    blob = network.fill(np.full((33, 40, 3), 7, np.uint8))
    assert set(np.unique(blob)) == {0.0, 7.0}
    np.testing.assert_array_equal(network.origin, [0, 0])


def test_of_overlapping_boxes_the_strongest_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [30, 30, 40, 40]], np.float32)
    assert suppress_overlaps(boxes, np.array([0.6, 0.9, 0.5], np.float32), 0.3) == [1, 2]


def test_boxes_that_only_touch_both_stay() -> None:
    boxes = np.array([[0, 0, 10, 10], [10, 0, 20, 10]], np.float32)
    assert suppress_overlaps(boxes, np.array([0.6, 0.9], np.float32), 0.0) == [1, 0]
