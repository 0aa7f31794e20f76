"""Detector and classifier in a worker; pictures and crops come and go in shared memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final, Literal

import cv2
import numpy as np

from mien.core.errors import MienError
from mien.core.faces import (
    CropGeometry,
    EmotionClassifier,
    FaceCrops,
    FaceDetector,
    Faces,
    FloatArray,
    Frame,
    UInt8Array,
)
from mien.runtime.live.blocks import OpenBlocks
from mien.runtime.live.capture import BEAT_SECONDS, Beat, slot_view
from mien.runtime.live.listening import Listener
from mien.runtime.live.workers import STOP

MOST_CROPS: Final = 256
"""Crops of one call."""


@dataclass(frozen=True, slots=True)
class Networks:
    """A detector and a classifier, and what a report must say of them.

    Attributes:
        detector, classifier: open.
        detector_note: why it is not the preferred detector, or None.
        execution_providers: what runs the graphs.
        fallback: the detector that looks where the first has found nothing for a while, or None.
    """

    detector: FaceDetector
    classifier: EmotionClassifier
    detector_note: str | None
    execution_providers: tuple[str, ...]
    fallback: FaceDetector | None = None


OpenNetworks = Callable[[], Networks]
"""Opens them; picklable, where the worker is a process."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the engine needs to know of the networks."""

    detector: tuple[str, str]
    classifier: tuple[str, str]
    geometry: CropGeometry
    colour: Literal["grey", "rgb"]
    detector_note: str | None
    execution_providers: tuple[str, ...]
    fallback: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The networks cannot be opened."""

    error: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class Detect:
    """Find the faces in a slot of a ring; ``again`` asks the fallback, ``side_share`` below 1 for a smaller copy."""

    request: int
    ring: str
    slot_bytes: int
    slot: int
    height: int
    width: int
    again: bool = False
    side_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found, and the wall milliseconds it took."""

    request: int
    faces: Faces
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Classify:
    """Read crops that lie at the start of a block: uint8 N×S×S×3 RGB or N×S×S grey, as ``shape`` says."""

    request: int
    block: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Classified:
    """float32 N×8, and the wall milliseconds it took."""

    request: int
    probabilities: FloatArray
    milliseconds: float


def networks(connection: Connection, open_networks: OpenNetworks) -> None:
    """The worker: answers requests in the order in which they come."""
    try:
        made = open_networks()
    except MienError as error:
        connection.send(Failed(str(error), error.exit_code))
        return
    detector, classifier = made.detector, made.classifier
    connection.send(
        Facts(
            (detector.name, detector.sha256),
            (classifier.name, classifier.sha256),
            classifier.geometry,
            classifier.colour,
            made.detector_note,
            made.execution_providers,
            (made.fallback.name, made.fallback.sha256) if made.fallback is not None else None,
        )
    )
    shared = OpenBlocks()
    last_beat, listener = 0.0, Listener()
    try:
        while True:
            if listener.wait((connection,), BEAT_SECONDS / 2):
                message = connection.recv()
                if message == STOP:
                    return
                connection.send(_answer(message, made, shared))
            now = time.monotonic()
            if now - last_beat >= BEAT_SECONDS:
                last_beat = now
                connection.send(Beat())
    finally:
        shared.close()


def _answer(message: Detect | Classify, made: Networks, shared: OpenBlocks) -> Detected | Classified:
    started = time.perf_counter()
    if isinstance(message, Detect):
        ring = shared.open(message.ring)
        picture = slot_view(ring, message.slot_bytes, message.slot, message.height, message.width)
        detector = made.fallback if message.again and made.fallback is not None else made.detector
        faces = _find(detector, picture, message.side_share)
        return Detected(message.request, faces, (time.perf_counter() - started) * 1e3)
    block = shared.open(message.block)
    crops = FaceCrops(block.view(message.shape), np.ones(message.shape[0], np.float32))
    scores = made.classifier.classify(crops)
    return Classified(message.request, scores.probabilities, (time.perf_counter() - started) * 1e3)


def _find(detector: FaceDetector, picture: UInt8Array, side_share: float) -> Faces:
    if side_share >= 1:
        return detector.detect([Frame(picture, 0, 0.0)])[0]
    height, width = picture.shape[:2]
    size = max(1, round(width * side_share)), max(1, round(height * side_share))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    faces = detector.detect([Frame(np.asarray(small, np.uint8), 0, 0.0)])[0]
    stretch = np.array([width / size[0], height / size[1]], np.float32)
    return Faces(faces.boxes * np.tile(stretch, 2), faces.scores, faces.landmarks * stretch)
