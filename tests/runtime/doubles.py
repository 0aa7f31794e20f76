"""The cheapest detector and classifier that keep the contracts, where an executor is what is tested."""

from __future__ import annotations

from typing import Literal

import numpy as np

from mien.core.faces import CropGeometry, EmotionClassifier, FaceDetector, Faces, FloatArray, UInt8Array
from mien.core.labels import FERPLUS8
from mien.preprocess import to_grey


class EverywhereDetector(FaceDetector):
    """One face that fills the middle of every frame."""

    name, sha256 = "everywhere", "11" * 32

    def _detect(self, image: UInt8Array) -> Faces:
        height, width = image.shape[:2]
        unit = np.array([[0.35, 0.4], [0.65, 0.4], [0.5, 0.55], [0.4, 0.7], [0.6, 0.7]], np.float32)
        box = np.array([[0.1 * width, 0.1 * height, 0.9 * width, 0.9 * height]], np.float32)
        return Faces(box, np.array([0.9], np.float32), unit[None] * np.array([width, height], np.float32))


class BrightDetector(EverywhereDetector):
    """One face in a frame that is bright at its first pixel; none in any other."""

    name, sha256 = "bright", "33" * 32

    def _detect(self, image: UInt8Array) -> Faces:
        return super()._detect(image) if image[0, 0, 0] > 127 else Faces.none()


class EvenClassifier(EmotionClassifier):
    """Reads every emotion in every face alike, a little more of them in brighter ones."""

    name, sha256 = "even", "22" * 32
    labels = FERPLUS8
    geometry = CropGeometry(32, side=1.876, raise_centre=0.153)

    def _classify(self, pixels: UInt8Array) -> FloatArray:
        out = np.ones((len(pixels), len(FERPLUS8)), np.float32)
        out[:, 1] += to_grey(pixels).mean(axis=(1, 2)) / 255
        return np.asarray(out / out.sum(axis=1, keepdims=True), np.float32)


class ParticularClassifier(EvenClassifier):
    """Takes crops in one form only: ``rgb`` in three channels, ``grey`` in none.

    Args:
        colour: what it sees.
    """

    def __init__(self, colour: Literal["grey", "rgb"]) -> None:
        self.colour = colour

    def _classify(self, pixels: UInt8Array) -> FloatArray:
        if pixels.shape[3:] != ((3,) if self.colour == "rgb" else ()):
            raise AssertionError(f"{self.colour} crops were due, these are {pixels.shape}")
        return super()._classify(pixels)
