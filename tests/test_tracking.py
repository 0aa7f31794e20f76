"""Tracks follow motion and overlap, and forget."""

from __future__ import annotations

import numpy as np

from mien.core.faces import Faces
from mien.core.settings import TrackingSettings
from mien.tracking import Tracker, box_iou

SETTINGS = TrackingSettings(lost_after_seconds=0.7)


def faces(*boxes: tuple[float, float, float, float]) -> Faces:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    middle = (array[:, :2] + array[:, 2:]) / 2
    return Faces(array, np.ones(len(array), np.float32), np.repeat(middle[:, None], 5, axis=1).astype(np.float32))


def numbers(tracker: Tracker, seen: Faces, time: float) -> list[int]:
    return [track.number for track in tracker.update(seen, time)]


def test_still_faces_keep_their_tracks_in_any_order() -> None:
    tracker = Tracker(SETTINGS)
    a, b = (0, 0, 40, 40), (100, 0, 140, 40)
    assert numbers(tracker, faces(a, b), 0.0) == [0, 1]
    assert numbers(tracker, faces(b, a), 0.1) == [1, 0]


def test_a_fast_face_is_followed_by_its_motion() -> None:
    """Half a face's width a frame overlaps little, but is expected once seen."""
    tracker = Tracker(SETTINGS)
    for step in range(20):
        x = 20.0 * step
        assert numbers(tracker, faces((x, 0, x + 40, 40)), step / 30) == [0]


def test_faces_that_cross_keep_their_tracks() -> None:
    tracker = Tracker(SETTINGS)
    for step in range(25):
        x = 8.0 * step
        left, right = (x, 0.0, x + 40, 40.0), (200 - x, 50.0, 240 - x, 90.0)
        assert numbers(tracker, faces(left, right), step / 30) == [0, 1]


def test_a_face_gone_for_long_comes_back_as_another() -> None:
    tracker = Tracker(SETTINGS)
    box = (0, 0, 40, 40)
    assert numbers(tracker, faces(box), 0.0) == [0]
    assert numbers(tracker, faces(box), 0.6) == [0]
    assert numbers(tracker, faces(), 1.0) == []
    assert numbers(tracker, faces(box), 1.31) == [1]


def test_a_clock_that_jumps_back_ends_every_track() -> None:
    tracker = Tracker(SETTINGS)
    box = (0, 0, 40, 40)
    assert numbers(tracker, faces(box), 5.0) == [0]
    assert numbers(tracker, faces(box), 1.0) == [1]


def test_between_detections_a_face_is_expected_where_it_moves() -> None:
    tracker = Tracker(SETTINGS)
    for step in range(6):
        x = 6.0 * step
        tracker.update(faces((x, 0, x + 40, 40)), step / 30)
    expected, tracks = tracker.expect(6 / 30)
    assert [t.number for t in tracks] == [0]
    assert np.abs(expected.boxes[0] - [36, 0, 76, 40]).max() < 1.0
    assert np.abs(expected.landmarks[0, 0] - [56, 20]).max() < 1.0


def test_after_a_detection_without_a_face_nothing_is_expected() -> None:
    tracker = Tracker(TrackingSettings())
    tracker.update(faces((0, 0, 40, 40)), 0.0)
    tracker.update(Faces.none(), 0.1)
    expected, tracks = tracker.expect(0.15)
    assert len(expected) == len(tracks) == 0


def test_what_was_not_there_at_the_last_detection_is_not_expected() -> None:
    tracker = Tracker(SETTINGS)
    tracker.update(faces((0, 0, 40, 40), (100, 0, 140, 40)), 0.0)
    tracker.update(faces((0, 0, 40, 40)), 0.1)
    expected, tracks = tracker.expect(0.15)
    assert len(expected) == len(tracks) == 1
    assert Tracker(SETTINGS).expect(0.0)[1] == []


def test_overlap() -> None:
    a = np.array([[0, 0, 2, 2]], np.float32)
    b = np.array([[1, 1, 3, 3], [0, 0, 2, 2], [5, 5, 6, 6]], np.float32)
    assert np.allclose(box_iou(a, b), [[1 / 7, 1, 0]])
