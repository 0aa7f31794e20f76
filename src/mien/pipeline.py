"""The only place that knows the order of stages: detect, track, judge, crop, classify, turn, smooth, aggregate.

Pure steps over small batches of frames: no threads, no queues, no clock. The executors in ``runtime`` feed it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mien.aggregation import Aggregator
from mien.calibration import Calibration
from mien.core.audience import WHOLE_AUDIENCE, Metric
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
from mien.core.labels import EMOTIONS, LabelSet, label_set, weigh
from mien.core.policy import Grant
from mien.core.settings import Profile, canonical_weights
from mien.headposes.five_points import FivePoints, head_poses
from mien.light import LightWatch
from mien.metrics import create_all
from mien.preprocess import crop_faces, crop_side_px
from mien.quality import sharpness, unreadable_by_shape
from mien.smoothing import commit_label, smooth
from mien.tracking import Tracker

_Label = tuple[FloatArray, str, float]
"""Of a face that was read: its smoothed shares, its label, and the probability beside it."""


@dataclass(slots=True)
class StageSeconds:
    """CPU seconds of the calling thread spent in each stage so far.

    Attributes:
        light, detect, track, crop, classify, turn, smooth: the stages, in order; ``crop`` includes judging quality,
            ``turn`` is a head pose estimator beside the five points.
    """

    light: float = 0.0
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
    """Sightings with a reading, be it of this frame or, where faces are read in turns, the latest."""
    faces_classified: int = 0
    frames_searched_again: int = 0
    """Frames that the fallback looked at."""
    frames_found_again: int = 0
    """Of those, the ones in which it found faces."""
    frames_brightened: int = 0
    """Frames that were dark, and were prepared."""


_EARLY_SECONDS = 1e-3
_GOLDEN = 0.6180339887498949
"""Multiples of it spread evenly over the unit interval, however many there are."""


@dataclass(frozen=True, slots=True)
class Found:
    """A frame, and what the detector found in it.

    Attributes:
        frame: the picture.
        faces: None where the detector did not look: then faces are expected where their motion takes them.
        detector_ms: wall milliseconds.
    """

    frame: Frame
    faces: Faces | None
    detector_ms: float = 0.0


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
    keeps: list[int]
    detector_ms: float
    pitch_known: list[bool]


@dataclass(slots=True)
class Prepared:
    """Consecutive frames of one source with their faces tracked, judged and cut out, before classification.

    Attributes:
        pixels: uint8 N×S×S×3 each, or N×S×S for a classifier that sees grey; crops of one frame.
        quality: float32 N each.
        size: crops in all.
    """

    pixels: list[UInt8Array] = field(default_factory=list)
    quality: list[FloatArray] = field(default_factory=list)
    size: int = 0
    seen: list[_Seen] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scores:
    """What a classifier said of the crops of one :class:`Prepared`.

    Attributes:
        probabilities: float32 N×8, canonical.
        each_ms: wall milliseconds a crop.
    """

    probabilities: FloatArray
    each_ms: float


def classify(classifier: EmotionClassifier, prepared: Sequence[Prepared]) -> list[Scores]:
    """Read the crops of one or several sources in one call.

    Args:
        classifier: that all of them use.
        prepared: one a source.

    Returns:
        One a source, in order.
    """
    total = sum(one.size for one in prepared)
    if total == 0:
        return [Scores(np.zeros((0, len(EMOTIONS)), np.float32), 0.0) for _ in prepared]
    started = time.perf_counter()
    crops = FaceCrops(
        np.concatenate([part for one in prepared for part in one.pixels]),
        np.concatenate([part for one in prepared for part in one.quality]),
    )
    probabilities = classifier.classify(crops).probabilities
    each_ms = (time.perf_counter() - started) * 1e3 / total
    ends = np.cumsum([one.size for one in prepared])
    return [Scores(part, each_ms) for part in np.split(probabilities, ends[:-1])]


class Pipeline:
    """Reads the faces of one source's frames.

    Args:
        detector: finds faces.
        classifier: reads them.
        profile: every setting of the stages. Where it asks for an operating point that the classifier lacks, labels are
            read plainly, and emotions that the classifier does not know are left out: :attr:`profile` says so.
        grant: the policy gate's permission; without one there is no pipeline.
        head_pose: tells which way the faces that are read are turned; the five points, when None. Whether a face can be
            read is judged by the five points in any case.
        fallback: looks where the detector has found nothing for as long as the settings say; None has none.
    """

    def __init__(
        self,
        detector: FaceDetector,
        classifier: EmotionClassifier,
        profile: Profile,
        grant: Grant,
        head_pose: HeadPoseEstimator | None = None,
        fallback: FaceDetector | None = None,
    ) -> None:
        if grant.profile != profile.name or profile.audience.min_group < grant.min_group:
            raise ValueError(f"the grant is for profile {grant.profile} with groups of {grant.min_group}")
        self.detector = detector
        self.classifier = classifier
        self.fallback = fallback
        self._nothing_since: float | None = None
        self._point = classifier.operating_points.get(profile.smoothing.operating_point)
        kept = profile if self._point else profile.read_plainly()
        self.profile = kept.without(classifier.lacks, classifier.name)
        self.grant = grant
        self.head_pose = head_pose or FivePoints()
        self.labels: LabelSet = label_set(self.profile.audience.label_set)
        self.counts = Counts()
        self.stages = StageSeconds()
        self.read_hz = profile.reading.hz
        """How often each face is read at present; who runs the pipeline may change it."""
        self._denser = None if isinstance(self.head_pose, FivePoints) else self.head_pose
        self._light = LightWatch(profile.light)
        self._tracker = Tracker(profile.tracking)
        self._weights = np.array(canonical_weights(self.profile.audience), np.float32)

    def gate(
        self,
        session_id: str,
        *,
        demo: bool = False,
        source: str = "main",
        zone: str = WHOLE_AUDIENCE,
        camera: int = 0,
    ) -> Aggregator:
        """The last stage: what turns this pipeline's readings into snapshots, and lets nothing else through.

        Args:
            session_id: names the session.
            demo: True when the frames are composed, not filmed.
            source, zone, camera: which camera of several, and which part of the hall; see ``Aggregator``.
        """
        return Aggregator(
            session_id,
            self.classifier.sha256,
            self.labels,
            self.profile.audience,
            demo=demo,
            source=source,
            zone=zone,
            camera=camera,
        )

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
        every = self.profile.detection.detect_every
        begin = self.counts.frames_read
        frames = [self.light(frame) for frame in frames]
        found = [
            self.settle(self.find(f)) if (begin + k) % every == 0 else Found(f, None) for k, f in enumerate(frames)
        ]
        prepared = self.prepare(found)
        cpu = time.thread_time()
        scores = classify(self.classifier, [prepared])[0]
        self.stages.classify += time.thread_time() - cpu
        return self.read(prepared, scores)

    def light(self, frame: Frame) -> Frame:
        """The frame as it is to be searched and read: brighter where it is dark, otherwise itself.

        For every frame that is read, in order.
        """
        cpu = time.thread_time()
        image = self._light.look(frame.image)
        self.counts.frames_brightened = self._light.prepared
        self.stages.light += time.thread_time() - cpu
        return frame if image is frame.image else Frame(image, frame.index, frame.media_time)

    def find(self, frame: Frame) -> Found:
        """Look for faces in a frame. May run in another thread than the rest."""
        started, cpu = time.perf_counter(), time.thread_time()
        faces = self.detector.detect([frame])[0]
        self.counts.frames_detected += 1
        self.stages.detect += time.thread_time() - cpu
        return Found(frame, faces, (time.perf_counter() - started) * 1e3)

    def settle(self, found: Found) -> Found:
        """What :meth:`find` gave, or what the fallback finds where that is due."""
        if self.fallback is None or not self.asks_fallback(found):
            return found
        started, cpu = time.perf_counter(), time.thread_time()
        faces = self.fallback.detect([found.frame])[0]
        self.stages.detect += time.thread_time() - cpu
        spent_ms = (time.perf_counter() - started) * 1e3
        return self.found_again(Found(found.frame, faces, found.detector_ms + spent_ms))

    def asks_fallback(self, found: Found) -> bool:
        """Whether the fallback is to look at a frame; asked of every frame that the detector saw, in order.

        It depends on what the detector found and when, not on what the fallback finds.
        """
        if self.fallback is None or found.faces is None:
            return False
        moment = found.frame.media_time
        if len(found.faces):
            self._nothing_since = None
            return False
        self._nothing_since = moment if self._nothing_since is None else self._nothing_since
        return moment - self._nothing_since + 1e-6 >= self.profile.detection.fallback_after_seconds

    def found_again(self, found: Found) -> Found:
        """Count what the fallback found in a frame."""
        self.counts.frames_searched_again += 1
        self.counts.frames_found_again += found.faces is not None and len(found.faces) > 0
        return found

    def prepare(self, found: Sequence[Found]) -> Prepared:
        """Track, judge and cut out the faces of consecutive frames.

        Args:
            found: in order of media time, following those of the previous call.
        """
        prepared = Prepared()
        for one in found:
            prepared.seen.append(self._see(one, prepared))
        if self._denser is not None:
            cpu = time.thread_time()
            _turn(self._denser, prepared.seen)
            self.stages.turn += time.thread_time() - cpu
        return prepared

    def read(self, prepared: Prepared, scores: Scores) -> list[FrameReading]:
        """Take the scores of what was prepared; in the order in which it was.

        Returns:
            One reading a frame.
        """
        cpu = time.thread_time()
        probabilities = weigh(scores.probabilities, self._weights)
        readings = [self._read(one, probabilities, scores.each_ms) for one in prepared.seen]
        self.stages.smooth += time.thread_time() - cpu
        return readings

    def _see(self, found: Found, batch: Prepared) -> _Seen:
        frame = found.frame
        cpu = time.thread_time()
        if found.faces is not None:
            faces = found.faces
            tracks = self._tracker.update(faces, frame.media_time)
        else:
            faces, tracks = self._tracker.expect(frame.media_time)
        self.counts.frames_read += 1
        after, cpu = cpu, time.thread_time()
        self.stages.track += cpu - after
        poses = head_poses(faces.landmarks)
        unread = unreadable_by_shape(faces, poses, frame.width, frame.height, self.profile.quality)
        for over in range(self.profile.detection.max_faces, len(faces)):
            unread[over] = UnreadReason.OVER_CAP
        sharp = np.zeros(len(faces), np.float32)
        rows = [-1] * len(faces)
        candidates = [i for i, reason in enumerate(unread) if reason is None]
        keeps = [i for i in candidates if frame.media_time < tracks[i].due_at - _EARLY_SECONDS]
        if keeps:
            candidates = [i for i in candidates if i not in set(keeps)]
        if candidates:
            self._crop(frame, faces, candidates, unread, sharp, rows, batch)
            self._schedule([tracks[i] for i in candidates if rows[i] >= 0], frame.media_time)
        self.stages.crop += time.thread_time() - cpu
        return _Seen(frame, faces, tracks, poses, unread, sharp, rows, keeps, found.detector_ms, [False] * len(faces))

    def _schedule(self, tracks: list[Track], media_time: float) -> None:
        """When these faces are to be read again: each in its turn, so that not all fall due in one frame."""
        hz = self.read_hz
        if hz is None:
            return
        wait = 1 / hz
        for track in tracks:
            if track.due_at == -math.inf:
                track.due_at = media_time + wait * (1 - track.number * _GOLDEN % 1)
            else:
                track.due_at = max(track.due_at, media_time - wait) + wait

    def _crop(
        self,
        frame: Frame,
        faces: Faces,
        candidates: list[int],
        unread: list[UnreadReason | None],
        sharp: FloatArray,
        rows: list[int],
        batch: Prepared,
    ) -> None:
        landmarks = faces.landmarks[candidates]
        crops = crop_faces(frame.image, landmarks, self.classifier.geometry, self.classifier.colour)
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

    def _read(self, seen: _Seen, probabilities: FloatArray, each_ms: float) -> FrameReading:
        moment = seen.frame.media_time
        fresh = [i for i, row in enumerate(seen.rows) if row >= 0]
        for i in fresh:
            smooth(seen.tracks[i], probabilities[seen.rows[i]], moment, self.profile.smoothing)
        read = sorted([*fresh, *seen.keeps])
        smoothed = [state for i in read if (state := seen.tracks[i].smoothed) is not None]
        labels = dict(zip(read, self._labelled(seen, read, smoothed), strict=True)) if smoothed else {}
        self.counts.sightings += len(seen.faces)
        self.counts.sightings_read += len(read)
        self.counts.faces_classified += len(fresh)
        faces = _told(seen, labels)
        return FrameReading(seen.frame.index, moment, faces, seen.detector_ms, each_ms * len(fresh))

    def _labelled(self, seen: _Seen, read: list[int], smoothed: list[FloatArray]) -> Iterator[_Label]:
        """What each face that was read is called."""
        states = np.stack(smoothed)
        shares = self.labels.view(states)
        # Labels are taken at the operating point; the probability that stands beside one is the calibrated one.
        called = self.labels.view(self._point.adjust(states)) if self._point else shares
        strongest, rows = called.argmax(axis=1), np.arange(len(called))
        settings, moment = self.profile.smoothing, seen.frame.media_time
        for i, state, place, likely, share in zip(
            read,
            smoothed,
            strongest.tolist(),
            called[rows, strongest].tolist(),
            shares[rows, strongest].tolist(),
            strict=True,
        ):
            yield state, commit_label(seen.tracks[i], self.labels.labels[place], likely, moment, settings), share


def _told(seen: _Seen, labels: Mapping[int, _Label]) -> tuple[FaceReading, ...]:
    """A frame's faces as they are told, in the detector's order."""
    columns = (
        seen.tracks,
        seen.faces.boxes,
        seen.faces.landmarks,
        seen.faces.scores.tolist(),
        seen.sharp.tolist(),
        *(angles.tolist() for angles in (seen.poses.yaw, seen.poses.pitch, seen.poses.roll)),
        seen.unread,
        seen.pitch_known,
    )
    readings = []
    for i, (track, box, points, score, sharp, yaw, pitch, roll, unread, known) in enumerate(zip(*columns, strict=True)):
        shares, label, confidence = labels.get(i, (None, None, None))
        readings.append(
            FaceReading(
                track.number, box, points, score, sharp, yaw, pitch, roll, unread, shares, label, confidence, known
            )
        )
    return tuple(readings)


def _turn(estimator: HeadPoseEstimator, seen: list[_Seen]) -> None:
    """Replace the five points' angles where the estimator can tell them.

    It looks at the faces that are read. A face that keeps its reading keeps its pose as well.
    """
    read = [[i for i, row in enumerate(one.rows) if row >= 0] for one in seen]
    landmarks = [one.faces.landmarks[faces] for one, faces in zip(seen, read, strict=True)]
    found = estimator.estimate([one.frame.image for one in seen], landmarks)
    for one, faces, poses in zip(seen, read, found, strict=True):
        for face, angles in zip(faces, np.stack(poses, axis=1), strict=True):
            one.tracks[face].pose = angles if np.isfinite(angles).all() else None
        for face in (*faces, *one.keeps):
            pose = one.tracks[face].pose
            if pose is None:
                continue
            for told, angle in zip(one.poses, pose, strict=True):
                told[face] = angle
            one.pitch_known[face] = estimator.measures_pitch
