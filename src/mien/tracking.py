"""Which face is which from frame to frame: by motion and overlap, in memory, and by nothing else.

No picture is compared and no embedding computed; a track's number counts from 0 within one run and means nothing
outside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mien.core.faces import Faces, FloatArray, Track
from mien.core.settings import TrackingSettings

_VELOCITY_MEMORY = 0.6
"""Weight of the latest movement in a track's velocity."""
_REACH = 0.6
"""A face that overlaps no expected place may still be one whose centre lies within this many of its own sizes."""
_SIZE_RATIO = 1.6
"""…and whose size changed by no more than this factor."""


class Tracker:
    """Follows faces through the frames of one source.

    Args:
        settings: when a face counts as the same, and for how long it is remembered.
    """

    def __init__(self, settings: TrackingSettings) -> None:
        self._settings = settings
        self._tracks: list[Track] = []
        self._next = 0
        self._detected_at: float | None = None

    def update(self, faces: Faces, media_time: float) -> list[Track]:
        """Take the faces detected in a frame.

        Args:
            faces: N faces.
            media_time: seconds; the clock may jump back (a shuffled or repeated source), which ends every track.

        Returns:
            One track a face, in the faces' order.
        """
        self._forget(media_time)
        self._detected_at = media_time
        found: list[Track | None] = [None] * len(faces)
        pairs = [(face, self._tracks[track]) for face, track in self._match(faces, media_time)]
        if pairs:
            _move(pairs, faces, media_time)
        for face, track in pairs:
            found[face] = track
        result = []
        for face, known in enumerate(found):
            result.append(known if known is not None else self._start(faces, face, media_time))
        return result

    def expect(self, media_time: float) -> tuple[Faces, list[Track]]:
        """Where the faces of the latest detection are expected, for a frame the detector does not look at.

        Returns:
            The expected faces and their tracks, in the order of the tracks' numbers.
        """
        self._forget(media_time)
        current = [t for t in self._tracks if t.seen_at == self._detected_at]
        if not current:
            return Faces.none(), []
        boxes = _expected(current, media_time)
        landmarks = _carry(np.array([t.landmarks for t in current]), np.array([t.box for t in current]), boxes)
        return Faces(boxes, np.array([t.score for t in current], np.float32), landmarks), current

    def _forget(self, media_time: float) -> None:
        keep = self._settings.lost_after_seconds
        self._tracks = [t for t in self._tracks if 0 <= media_time - t.seen_at <= keep]

    def _match(self, faces: Faces, media_time: float) -> list[tuple[int, int]]:
        if not self._tracks or len(faces) == 0:
            return []
        expected = _expected(self._tracks, media_time)
        overlap = box_iou(faces.boxes, expected)
        pairs = _greedy(np.where(overlap >= self._settings.min_iou, overlap, 0.0))
        taken_faces, taken_tracks = {f for f, _ in pairs}, {t for _, t in pairs}
        free_faces = [i for i in range(len(faces)) if i not in taken_faces]
        free_tracks = [i for i in range(len(expected)) if i not in taken_tracks]
        if free_faces and free_tracks:
            near = _nearness(faces.boxes[free_faces], expected[free_tracks])
            pairs += [(free_faces[f], free_tracks[t]) for f, t in _greedy(near)]
        return pairs

    def _start(self, faces: Faces, face: int, media_time: float) -> Track:
        track = Track(self._next, faces.boxes[face], faces.landmarks[face], float(faces.scores[face]), media_time)
        self._next += 1
        self._tracks.append(track)
        return track


def box_iou(a: FloatArray, b: FloatArray) -> npt.NDArray[np.float64]:
    """Intersection over union of every box of ``a`` (N×4, ``x1, y1, x2, y2``) with every one of ``b`` (M×4): N×M."""
    corner = np.maximum(a[:, None, :2], b[None, :, :2])
    side = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - corner, 0).astype(np.float64)
    shared = side[..., 0] * side[..., 1]
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    return np.asarray(shared / np.maximum(area_a[:, None] + area_b[None, :] - shared, 1e-9), np.float64)


def _greedy(likeness: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs (row, column) by falling likeness, each row and column once; zero is no likeness."""
    pairs = []
    rows, columns = np.nonzero(likeness > 0)
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    for position in np.argsort(-likeness[rows, columns], kind="stable"):
        row, column = int(rows[position]), int(columns[position])
        if row not in used_rows and column not in used_columns:
            used_rows.add(row)
            used_columns.add(column)
            pairs.append((row, column))
    return pairs


def _nearness(a: FloatArray, b: FloatArray) -> npt.NDArray[np.float64]:
    centre_a, centre_b = (a[:, :2] + a[:, 2:]) / 2, (b[:, :2] + b[:, 2:]) / 2
    size_a = np.sqrt(np.maximum((a[:, 2:] - a[:, :2]).prod(axis=1), 1e-6))
    size_b = np.sqrt(np.maximum((b[:, 2:] - b[:, :2]).prod(axis=1), 1e-6))
    distance = np.linalg.norm(centre_a[:, None] - centre_b[None], axis=2) / np.maximum(size_a[:, None], size_b[None])
    ratio = np.maximum(size_a[:, None] / size_b[None], size_b[None] / size_a[:, None])
    return np.where((distance < _REACH) & (ratio < _SIZE_RATIO), 1.0 - distance, 0.0).astype(np.float64)


def _expected(tracks: Sequence[Track], media_time: float) -> FloatArray:
    """Where the boxes of N tracks are expected: float32 N×4."""
    elapsed = np.array([media_time - t.seen_at for t in tracks], np.float32)[:, None]
    shape = _centre_and_size(np.array([t.box for t in tracks])) + np.array([t.velocity for t in tracks]) * elapsed
    half = np.maximum(shape[:, 2:], 1.0) / 2
    return np.concatenate([shape[:, :2] - half, shape[:, :2] + half], axis=1).astype(np.float32)


def _move(pairs: Sequence[tuple[int, Track]], faces: Faces, media_time: float) -> None:
    """Take to each track the face that was matched with it."""
    rows = [face for face, _ in pairs]
    boxes, landmarks, scores = faces.boxes[rows], faces.landmarks[rows], faces.scores[rows].tolist()
    elapsed = np.array([media_time - track.seen_at for _, track in pairs], np.float32)[:, None]
    before = _centre_and_size(np.array([track.box for _, track in pairs]))
    drift = np.divide(_centre_and_size(boxes) - before, elapsed, out=np.zeros_like(before), where=elapsed > 0)
    memory = np.float32(_VELOCITY_MEMORY)
    velocity = (1 - memory) * np.array([track.velocity for _, track in pairs]) + memory * drift
    for place, (_, track) in enumerate(pairs):
        if elapsed[place, 0] > 0:
            track.velocity = velocity[place]
        track.box, track.landmarks = boxes[place], landmarks[place]
        track.score, track.seen_at = scores[place], media_time


def _centre_and_size(boxes: FloatArray) -> FloatArray:
    """float32 N×4, ``cx, cy, w, h``."""
    low, high = boxes[:, :2], boxes[:, 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=1).astype(np.float32)


def _carry(landmarks: FloatArray, before: FloatArray, after: FloatArray) -> FloatArray:
    """Landmarks of N faces, moved and scaled with their boxes: float32 N×5×2."""
    scale = (after[:, 2:] - after[:, :2]) / np.maximum(before[:, 2:] - before[:, :2], 1e-6)
    return np.asarray((landmarks - before[:, None, :2]) * scale[:, None] + after[:, None, :2], np.float32)
