"""Frames and the faces in them: types that never leave the process that saw them.

Nothing past ``aggregation.py`` may import this module but the pipeline, the runtime, evaluation, training and
the overlay (``tests/architecture`` holds that). Arrays are structs of arrays, validated when built; time is in
seconds of media time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from mien.core.labels import LabelSet
from mien.core.operating import OperatingPoint

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

LANDMARK_NAMES: Final = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
"""Order of the five landmarks; left and right are the picture's, as the viewer sees them."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source.

    Attributes:
        image: uint8 H×W×3, RGB, upright (rotation metadata already applied).
        index: position of the frame in its source, counting every decoded frame from 0.
        media_time: seconds since the start of the media, from the container's timestamps.
    """

    image: UInt8Array
    index: int
    media_time: float

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3:
            raise ValueError(f"a frame is uint8 H×W×3, got {self.image.dtype} {self.image.shape}")
        if 0 in self.image.shape:
            raise ValueError("a frame holds no pixels")

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.image.shape[0])


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of one frame.

    Attributes:
        boxes: float32 N×4, ``x1, y1, x2, y2`` in pixels of the frame; may reach past its edges.
        scores: float32 N, detection confidence 0–1.
        landmarks: float32 N×5×2, ``x, y`` in pixels, in the order of :data:`LANDMARK_NAMES`.
    """

    boxes: FloatArray
    scores: FloatArray
    landmarks: FloatArray

    def __post_init__(self) -> None:
        n = len(self.boxes)
        if self.boxes.shape != (n, 4) or self.scores.shape != (n,) or self.landmarks.shape != (n, 5, 2):
            raise ValueError(
                f"faces disagree: boxes {self.boxes.shape}, scores {self.scores.shape}, "
                f"landmarks {self.landmarks.shape}"
            )
        for name in ("boxes", "scores", "landmarks"):
            if getattr(self, name).dtype != np.float32:
                raise ValueError(f"{name} must be float32, got {getattr(self, name).dtype}")

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def none(cls) -> Self:
        """No face."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))

    def select(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_] | Sequence[int]) -> Self:
        """The faces at ``index`` (a mask or positions), in that order."""
        keep = np.asarray(index)
        if keep.size == 0 and keep.dtype != np.bool_:
            keep = keep.astype(np.intp)
        return type(self)(self.boxes[keep], self.scores[keep], self.landmarks[keep])


class HeadPoses(NamedTuple):
    """Head pose of N faces, float32 N each, degrees, as the camera sees them.

    Positive yaw turns towards the picture's right, positive pitch looks down, positive roll tilts clockwise. A head is
    turned about its own vertical first, then nods, then tilts in the picture.
    """

    yaw: FloatArray
    pitch: FloatArray
    roll: FloatArray


@dataclass(frozen=True, slots=True)
class FaceCrops:
    """Aligned face pictures, ready for a classifier.

    Attributes:
        pixels: uint8 N×S×S×3 RGB, or N×S×S grey for a classifier that sees no colour.
        quality: float32 N, sharpness of each face 0–1 (see ``quality.py``).
    """

    pixels: UInt8Array
    quality: FloatArray

    def __post_init__(self) -> None:
        n = len(self.pixels)
        if self.pixels.dtype != np.uint8 or self.pixels.ndim not in (3, 4) or self.pixels.shape[3:] not in ((), (3,)):
            raise ValueError(f"crops are uint8 N×S×S×3 or N×S×S, got {self.pixels.dtype} {self.pixels.shape}")
        if self.pixels.shape[1] != self.pixels.shape[2]:
            raise ValueError(f"crops are square, got {self.pixels.shape}")
        if self.quality.shape != (n,):
            raise ValueError(f"{n} crops, {self.quality.shape} qualities")

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, slots=True)
class EmotionScores:
    """Calibrated emotion probabilities of N faces.

    Attributes:
        probabilities: float32 N×C, rows sum to 1.
        labels: the label set that names the C columns.
    """

    probabilities: FloatArray
    labels: LabelSet

    def __post_init__(self) -> None:
        p = self.probabilities
        if p.ndim != 2 or p.shape[1] != len(self.labels):
            raise ValueError(f"probabilities {p.shape} do not fit label set {self.labels.name}")
        if len(p) and not np.allclose(p.sum(axis=1), 1.0, atol=1e-3):
            raise ValueError("probabilities do not sum to 1")

    def __len__(self) -> int:
        return len(self.probabilities)


@dataclass(frozen=True, slots=True)
class CropGeometry:
    """Where a classifier's crop lies relative to a face's landmarks; it belongs to a model.

    The face's *scale* is ``hypot(distance between the eyes, distance from eyes to mouth)``: under yaw the first
    shrinks, under pitch the second, so their hypotenuse holds steadier than either. Its *up* direction is
    perpendicular to the line between the eyes.

    Attributes:
        size: the crop's side, pixels.
        side: the square's side in the picture, in scales.
        raise_centre: how far the square's centre lies above the midpoint of eyes and mouth, in scales.
        align: rotate the square with the eyes (False keeps it upright in the picture).
        margin: extra picture on each side, as a share of ``side``.
    """

    size: int
    side: float
    raise_centre: float
    align: bool = True
    margin: float = 0.0


class UnreadReason(StrEnum):
    """Why a face that was seen was not read."""

    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    TURNED_AWAY = "turned_away"
    CUT_OFF = "cut_off"
    OVER_CAP = "over_cap"


@dataclass(slots=True)
class Track:
    """One face followed through the frames: the only mutable type, and it lives in memory only.

    Attributes:
        number: counts tracks from 0 within one process and run; means nothing outside it.
        box: float32 4, the latest box, ``x1, y1, x2, y2`` in pixels.
        landmarks: float32 5×2, the latest landmarks in pixels.
        score: latest detection confidence 0–1.
        seen_at: media time of the latest frame that showed the face, seconds.
        velocity: float32 4, drift of the box's centre and size, pixels per second: ``cx, cy, w, h``.
        smoothed: float32 C, smoothed probabilities, or None before the first reading.
        read_at: media time of the latest reading, seconds.
        due_at: media time from which it is to be read again, seconds.
        label: the committed label, or None before one is.
        candidate: a label waiting to be committed, and since when (seconds).
        pose: float32 3, yaw, pitch and roll of the latest reading (degrees), from an estimator beside the five points;
            None where there is none, or it could not tell.
    """

    number: int
    box: FloatArray
    landmarks: FloatArray
    score: float
    seen_at: float
    velocity: FloatArray = field(default_factory=lambda: np.zeros(4, np.float32))
    smoothed: FloatArray | None = None
    read_at: float = float("-inf")
    due_at: float = float("-inf")
    label: str | None = None
    candidate: tuple[str, float] | None = None
    pose: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class FaceReading:
    """What one frame told of one face.

    Attributes:
        track: number of the face's track.
        box: float32 4, ``x1, y1, x2, y2`` in pixels.
        landmarks: float32 5×2, pixels.
        score: detection confidence 0–1.
        sharpness: 0–1.
        yaw_degrees, pitch_degrees, roll_degrees: head pose; positive yaw is towards the picture's right.
        unread: why the face was not read, or None when it was.
        probabilities: float32 8, canonical, smoothed; None when unread.
        label: committed label in the session's label set, ``uncertain``, or None when unread.
        confidence: probability 0–1 of the class that is strongest at the operating point; None when unread.
        pitch_known: False where ``pitch_degrees`` is of five points, which tell little of it.
    """

    track: int
    box: FloatArray
    landmarks: FloatArray
    score: float
    sharpness: float
    yaw_degrees: float
    pitch_degrees: float
    roll_degrees: float
    unread: UnreadReason | None
    probabilities: FloatArray | None
    label: str | None
    confidence: float | None
    pitch_known: bool = False


@dataclass(frozen=True, slots=True)
class FrameReading:
    """What one frame told: every face seen in it, read or not.

    Attributes:
        index: the frame's index in its source.
        media_time: seconds.
        faces: one reading a face, in the detector's order.
        detector_ms, classifier_ms: wall milliseconds spent on this frame (its share of a batch).
    """

    index: int
    media_time: float
    faces: tuple[FaceReading, ...]
    detector_ms: float
    classifier_ms: float


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source before its frames are read.

    Attributes:
        name: what to call it in a report: a file name without its folder, ``camera 0``, ``synthetic``.
        kind: the plug-in that reads it (``file``, ``images``, ``camera``, ``synthetic``).
        width, height: of an upright frame, pixels; None when unknown until the first frame.
        duration_seconds: None for a live source or when the container does not say.
        frame_rate: average frames per second; None for still images and variable unknown rates.
        frame_count: frames that will be delivered, when that can be told; for progress only.
        sha256: of the input's bytes; None for live sources.
        demo: True when the frames are composed rather than filmed; reports then say DEMO.
        has_audio: whether an audio track lies beside the pictures.
    """

    name: str
    kind: str
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    frame_rate: float | None = None
    frame_count: int | None = None
    sha256: str | None = None
    demo: bool = False
    has_audio: bool = False


class FrameSource(Protocol):
    """Where frames come from. Iterating opens the source, again where it is not live.

    ``close`` may be called at any time, twice too; it ends an iteration at its next frame.
    """

    @property
    def info(self) -> SourceInfo:
        """What is known of the source."""
        ...

    @property
    def complete(self) -> bool:
        """False once iteration ended before the media did (damage, a lost camera); the report says so."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames in order of media time."""
        ...

    def close(self) -> None:
        """Release the source."""
        ...


class FaceDetector(ABC):
    """Finds faces. A backend implements :meth:`_detect` for one image; ``detect`` owns checks and order."""

    name: str
    sha256: str

    def detect(self, frames: Sequence[Frame]) -> list[Faces]:
        """Faces of each frame, strongest first. The same frames give the same faces."""
        out = []
        for frame in frames:
            faces = self._detect(frame.image)
            out.append(faces.select(np.argsort(-faces.scores, kind="stable")))
        return out

    @abstractmethod
    def _detect(self, image: UInt8Array) -> Faces:
        """Faces of one uint8 H×W×3 RGB image, in its pixels."""


class EmotionClassifier(ABC):
    """Reads faces. A backend implements :meth:`_classify` for one batch of crops.

    ``operating_points`` holds, by name, the points beside the plain one at which labels may be taken; ``lacks`` names
    the canonical emotions that it does not know, whose probability is always 0 and says nothing; ``providers`` is what
    runs it, by the runtime's own names, best first: none where it is no graph. ``colour`` is what it sees of a
    crop: where that is grey, crops may come grey or RGB.
    """

    name: str
    sha256: str
    labels: LabelSet
    geometry: CropGeometry
    colour: Literal["grey", "rgb"] = "grey"
    operating_points: Mapping[str, OperatingPoint] = MappingProxyType({})
    lacks: tuple[str, ...] = ()
    batch_size: int = 8
    providers: tuple[str, ...] = ()

    def classify(self, crops: FaceCrops) -> EmotionScores:
        """Calibrated probabilities of each crop, whatever its batch (to float32 rounding)."""
        if len(crops) == 0:
            return EmotionScores(np.zeros((0, len(self.labels)), np.float32), self.labels)
        if crops.pixels.shape[1] != self.geometry.size:
            raise ValueError(f"{self.name} reads {self.geometry.size}-pixel crops, got {crops.pixels.shape[1]}")
        if self.colour == "rgb" and crops.pixels.ndim == 3:
            raise ValueError(f"{self.name} reads RGB crops, got grey ones")
        parts = [
            self._classify(crops.pixels[start : start + self.batch_size])
            for start in range(0, len(crops), self.batch_size)
        ]
        return EmotionScores(np.concatenate(parts).astype(np.float32, copy=False), self.labels)

    @abstractmethod
    def _classify(self, pixels: UInt8Array) -> FloatArray:
        """float32 N×C probabilities of uint8 N×S×S×3 RGB crops, or N×S×S where :attr:`colour` is grey."""


class HeadPoseEstimator(ABC):
    """Tells which way faces are turned. A backend implements :meth:`_estimate` for the faces of several frames.

    Attributes:
        name: of the plug-in.
        sha256: of its weights; None where it has none.
        measures_pitch: its pitch is good enough to decide whether a face is turned to a screen above or below.
    """

    name: str
    sha256: str | None = None
    measures_pitch: bool = False

    def estimate(self, images: Sequence[UInt8Array], landmarks: Sequence[FloatArray]) -> list[HeadPoses]:
        """Head pose of the faces of each picture.

        Args:
            images: uint8 H×W×3 RGB each.
            landmarks: float32 N×5×2 each, pixels, in the order of :data:`LANDMARK_NAMES`.

        Returns:
            Angles as the camera sees them; NaN for a face whose pose could not be told.
        """
        counts = [len(points) for points in landmarks]
        if sum(counts) == 0:
            return [HeadPoses(*np.zeros((3, 0), np.float32)) for _ in images]
        rows = np.stack(self._estimate(images, landmarks))
        parts = np.split(rows, np.cumsum(counts)[:-1], axis=1)
        return [HeadPoses(*part) for part in parts]

    @abstractmethod
    def _estimate(self, images: Sequence[UInt8Array], landmarks: Sequence[FloatArray]) -> HeadPoses:
        """The faces of all pictures, in order; there is at least one."""


class FrameObserver(Protocol):
    """Sees frames with their readings inside the process: the overlay and the face log, on explicit request only."""

    def observe(self, frame: Frame, reading: FrameReading) -> None:
        """Called once a processed frame, in order."""
        ...

    def close(self, *, complete: bool) -> None:
        """Called once at the end; ``complete`` is False when the run was interrupted."""
        ...

    def discard(self) -> None:
        """Called in place of :meth:`close` when the run failed: leave nothing behind."""
        ...
