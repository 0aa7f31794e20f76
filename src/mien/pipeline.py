"""The only place that knows the order of stages: detect, track, judge, crop, classify, turn, smooth, aggregate.

Pure steps over small batches of frames: no threads, no queues, no clock. The executors in ``runtime`` feed it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mien.aggregation import Aggregator
from mien.calibration import Calibration
from mien.core.audience import Metric
from mien.core.faces import (
    EmotionClassifier,
    FaceCrops,
    FaceDetector,
    FaceReading,
    Faces,
    FloatArray,
    Frame,
    FrameReading,
    HeadPoseEstimator,
    HeadPoses,
    Track,
    UInt8Array,
    UnreadReason,
)
from mien.core.labels import LabelSet, label_set
from mien.core.policy import Grant
from mien.core.settings import Profile, canonical_weights
from mien.headposes.five_points import FivePoints, head_poses
from mien.metrics import create_all
from mien.preprocess import crop_faces, crop_side_px
from mien.quality import sharpness, unreadable_by_shape
from mien.smoothing import commit_label, smooth
from mien.tracking import Tracker


@dataclass(slots=True)
class StageSeconds:
    """CPU seconds of the calling thread spent in each stage so far.

    Attributes:
        detect, track, crop, classify, turn, smooth: the stages, in order; ``crop`` includes judging quality, ``turn``
            is a head pose estimator beside the five points.
    """

    detect: float = 0.0
    track: float = 0.0
    crop: float = 0.0
    classify: float = 0.0
    turn: float = 0.0
    smooth: float = 0.0


@dataclass(slots=True)
class Counts:
    """What went through a pipeline so far."""

    frames_read: int = 0
    frames_detected: int = 0
    sightings: int = 0
    sightings_read: int = 0


@dataclass(slots=True)
class _Seen:
    """One frame between detection and classification."""

    frame: Frame
    faces: Faces
    tracks: list[Track]
    poses: HeadPoses
    unread: list[UnreadReason | None]
    sharp: FloatArray
    rows: list[int]
    detector_ms: float
    pitch_known: list[bool]


@dataclass(slots=True)
class _Batch:
    """Crops of several frames, for one call of the classifier."""

    pixels: list[UInt8Array] = field(default_factory=list)
    quality: list[FloatArray] = field(default_factory=list)
    size: int = 0


class Pipeline:
    """Reads the faces of one source's frames.

    Args:
        detector: finds faces.
        classifier: reads them.
        profile: every setting of the stages.
        grant: the policy gate's permission; without one there is no pipeline.
        head_pose: tells which way the faces that are read are turned; the five points, when None. Whether a face can be
            read is judged by the five points in any case.
    """

    def __init__(
        self,
        detector: FaceDetector,
        classifier: EmotionClassifier,
        profile: Profile,
        grant: Grant,
        head_pose: HeadPoseEstimator | None = None,
    ) -> None:
        if grant.profile != profile.name or profile.audience.min_group < grant.min_group:
            raise ValueError(f"the grant is for profile {grant.profile} with groups of {grant.min_group}")
        self.detector = detector
        self.classifier = classifier
        self.profile = profile
        self.grant = grant
        self.head_pose = head_pose or FivePoints()
        self.labels: LabelSet = label_set(profile.audience.label_set)
        self.counts = Counts()
        self.stages = StageSeconds()
        self._denser = None if isinstance(self.head_pose, FivePoints) else self.head_pose
        self._tracker = Tracker(profile.tracking)
        self._weights = np.array(canonical_weights(profile.audience.neutral_weight), np.float32)

    def gate(self, session_id: str, *, demo: bool = False) -> Aggregator:
        """The last stage: what turns this pipeline's readings into snapshots, and lets nothing else through.

        Args:
            session_id: names the session.
            demo: True when the frames are composed, not filmed.
        """
        return Aggregator(session_id, self.classifier.sha256, self.labels, self.profile.audience, demo=demo)

    def calibration(self) -> Calibration:
        """What tells where the screen is, in place of the gate: it too lets nothing of single people through."""
        return Calibration(self.head_pose, self.profile.audience.min_group)

    def metrics(self) -> Sequence[Metric]:
        """Every audience metric, fresh, for what passes the gate."""
        return create_all(self.profile.audience)

    def process(self, frames: Sequence[Frame]) -> list[FrameReading]:
        """Read consecutive frames; their faces are classified together.

        Args:
            frames: in order of media time, following those of the previous call.

        Returns:
            One reading a frame.
        """
        batch = _Batch()
        seen = [self._see(frame, batch) for frame in frames]
        started, cpu = time.perf_counter(), time.thread_time()
        probabilities = self._classify(batch)
        self.stages.classify += time.thread_time() - cpu
        each_ms = (time.perf_counter() - started) * 1e3 / max(batch.size, 1)
        cpu = time.thread_time()
        if self._denser is not None:
            _turn(self._denser, seen)
            self.stages.turn += time.thread_time() - cpu
            cpu = time.thread_time()
        readings = [self._read(one, probabilities, each_ms) for one in seen]
        self.stages.smooth += time.thread_time() - cpu
        return readings

    def _see(self, frame: Frame, batch: _Batch) -> _Seen:
        started, cpu = time.perf_counter(), time.thread_time()
        if self.counts.frames_read % self.profile.detection.detect_every == 0:
            faces = self.detector.detect([frame])[0]
            self.counts.frames_detected += 1
            after = time.thread_time()
            tracks = self._tracker.update(faces, frame.media_time)
        else:
            after = cpu
            faces, tracks = self._tracker.expect(frame.media_time)
        self.stages.detect += after - cpu
        detector_ms = (time.perf_counter() - started) * 1e3
        self.counts.frames_read += 1
        cpu = time.thread_time()
        self.stages.track += cpu - after
        poses = head_poses(faces.landmarks)
        unread = unreadable_by_shape(faces, poses, frame.width, frame.height, self.profile.quality)
        for over in range(self.profile.detection.max_faces, len(faces)):
            unread[over] = UnreadReason.OVER_CAP
        sharp = np.zeros(len(faces), np.float32)
        rows = [-1] * len(faces)
        candidates = [i for i, reason in enumerate(unread) if reason is None]
        if candidates:
            self._crop(frame, faces, candidates, unread, sharp, rows, batch)
        self.stages.crop += time.thread_time() - cpu
        return _Seen(frame, faces, tracks, poses, unread, sharp, rows, detector_ms, [False] * len(faces))

    def _crop(
        self,
        frame: Frame,
        faces: Faces,
        candidates: list[int],
        unread: list[UnreadReason | None],
        sharp: FloatArray,
        rows: list[int],
        batch: _Batch,
    ) -> None:
        landmarks = faces.landmarks[candidates]
        crops = crop_faces(frame.image, landmarks, self.classifier.geometry)
        sharp[candidates] = sharpness(crops, crop_side_px(landmarks, self.classifier.geometry))
        keep: list[int] = []
        for position, face in enumerate(candidates):
            if sharp[face] < self.profile.quality.min_sharpness:
                unread[face] = UnreadReason.BLURRED
                continue
            rows[face] = batch.size + len(keep)
            keep.append(position)
        if keep:
            batch.pixels.append(crops[keep])
            batch.quality.append(sharp[[candidates[k] for k in keep]])
            batch.size += len(keep)

    def _classify(self, batch: _Batch) -> FloatArray:
        if batch.size == 0:
            return np.zeros((0, len(self._weights)), np.float32)
        crops = FaceCrops(np.concatenate(batch.pixels), np.concatenate(batch.quality))
        weighted = self.classifier.classify(crops).probabilities * self._weights
        return np.asarray(weighted / weighted.sum(axis=1, keepdims=True), np.float32)

    def _read(self, seen: _Seen, probabilities: FloatArray, each_ms: float) -> FrameReading:
        moment = seen.frame.media_time
        read = [i for i, row in enumerate(seen.rows) if row >= 0]
        smoothed = [smooth(seen.tracks[i], probabilities[seen.rows[i]], moment, self.profile.smoothing) for i in read]
        views = self.labels.view(np.stack(smoothed)) if smoothed else ()
        labels: dict[int, tuple[FloatArray, str, float]] = {}
        for i, state, view in zip(read, smoothed, views, strict=True):
            label, confidence = commit_label(seen.tracks[i], view, self.labels, moment, self.profile.smoothing)
            labels[i] = (state, label, confidence)
        self.counts.sightings += len(seen.faces)
        self.counts.sightings_read += len(read)
        faces = tuple(self._face(seen, i, labels.get(i)) for i in range(len(seen.faces)))
        return FrameReading(seen.frame.index, moment, faces, seen.detector_ms, each_ms * len(read))

    def _face(self, seen: _Seen, i: int, told: tuple[FloatArray, str, float] | None) -> FaceReading:
        probabilities, label, confidence = told if told is not None else (None, None, None)
        return FaceReading(
            track=seen.tracks[i].number,
            box=seen.faces.boxes[i],
            landmarks=seen.faces.landmarks[i],
            score=float(seen.faces.scores[i]),
            sharpness=float(seen.sharp[i]),
            yaw_degrees=float(seen.poses.yaw[i]),
            pitch_degrees=float(seen.poses.pitch[i]),
            roll_degrees=float(seen.poses.roll[i]),
            unread=seen.unread[i],
            probabilities=probabilities,
            label=label,
            confidence=confidence,
            pitch_known=seen.pitch_known[i],
        )


def _turn(estimator: HeadPoseEstimator, seen: list[_Seen]) -> None:
    """Replace the five points' angles of the faces that are read, where the estimator can tell them."""
    read = [[i for i, row in enumerate(one.rows) if row >= 0] for one in seen]
    landmarks = [one.faces.landmarks[faces] for one, faces in zip(seen, read, strict=True)]
    found = estimator.estimate([one.frame.image for one in seen], landmarks)
    for one, faces, poses in zip(seen, read, found, strict=True):
        known = np.isfinite(np.stack(poses)).all(axis=0)
        rows = np.array(faces, np.intp)[known]
        for told, better in zip(one.poses, poses, strict=True):
            told[rows] = better[known]
        for row in rows:
            one.pitch_known[row] = estimator.measures_pitch
