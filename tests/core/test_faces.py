"""Types that hold faces check what they are given, so that no stage has to."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.faces import (
    CropGeometry,
    EmotionClassifier,
    EmotionScores,
    FaceCrops,
    FaceDetector,
    Faces,
    FloatArray,
    Frame,
    UInt8Array,
)
from mien.core.labels import CINEMA7, FERPLUS8


def three() -> Faces:
    """Three faces whose confidence rises with their position."""
    boxes = np.arange(12, dtype=np.float32).reshape(3, 4)
    return Faces(boxes, np.array([0.2, 0.5, 0.9], np.float32), np.zeros((3, 5, 2), np.float32))


class TestFrame:
    def test_knows_its_size(self) -> None:
        frame = Frame(np.zeros((36, 64, 3), np.uint8), 7, 0.25)
        assert (frame.width, frame.height, frame.index, frame.media_time) == (64, 36, 7, 0.25)

    @pytest.mark.parametrize(
        "image",
        [
            np.zeros((4, 4), np.uint8),
            np.zeros((4, 4, 4), np.uint8),
            np.zeros((4, 4, 3), np.float32),
            np.zeros((0, 4, 3), np.uint8),
        ],
    )
    def test_is_a_picture_of_bytes_in_three_colours(self, image: UInt8Array) -> None:
        with pytest.raises(ValueError, match="a frame"):
            Frame(image, 0, 0.0)

    def test_cannot_be_changed(self) -> None:
        with pytest.raises(AttributeError):
            Frame(np.zeros((1, 1, 3), np.uint8), 0, 0.0).index = 1  # type: ignore[misc]


class TestFaces:
    def test_no_face_is_a_value(self) -> None:
        assert len(Faces.none()) == 0
        assert len(Faces.none().select([])) == 0

    def test_are_selected_by_position_and_by_mask(self) -> None:
        faces = three()
        assert faces.select([2, 0]).scores.tolist() == pytest.approx([0.9, 0.2])
        assert faces.select(np.array([False, True, False])).boxes.tolist() == [[4, 5, 6, 7]]
        assert len(faces.select([])) == 0

    def test_must_agree_in_number(self) -> None:
        with pytest.raises(ValueError, match="faces disagree"):
            Faces(np.zeros((2, 4), np.float32), np.zeros(1, np.float32), np.zeros((2, 5, 2), np.float32))

    @pytest.mark.parametrize("name", ["boxes", "scores", "landmarks"])
    def test_are_single_precision(self, name: str) -> None:
        def zeros(part: str, *shape: int) -> FloatArray:
            return np.zeros(shape, np.float64 if part == name else np.float32)

        with pytest.raises(ValueError, match=f"{name} must be float32"):
            Faces(zeros("boxes", 1, 4), zeros("scores", 1), zeros("landmarks", 1, 5, 2))


class TestFaceCrops:
    @pytest.mark.parametrize(
        ("pixels", "quality", "told"),
        [
            (np.zeros((1, 4, 4, 3), np.float32), np.ones(1, np.float32), "uint8"),
            (np.zeros((1, 4, 5, 3), np.uint8), np.ones(1, np.float32), "square"),
            (np.zeros((1, 4, 4, 1), np.uint8), np.ones(1, np.float32), "N×S×S×3"),
            (np.zeros((2, 4, 4, 3), np.uint8), np.ones(1, np.float32), "2 crops"),
        ],
    )
    def test_are_square_pictures_with_a_quality_each(self, pixels: UInt8Array, quality: FloatArray, told: str) -> None:
        with pytest.raises(ValueError, match=told):
            FaceCrops(pixels, quality)


class TestEmotionScores:
    def test_are_distributions_over_a_label_set(self) -> None:
        assert len(EmotionScores(np.full((2, 8), 0.125, np.float32), FERPLUS8)) == 2

    def test_must_sum_to_one(self) -> None:
        with pytest.raises(ValueError, match="sum to 1"):
            EmotionScores(np.full((1, 8), 0.2, np.float32), FERPLUS8)

    def test_must_fit_their_label_set(self) -> None:
        with pytest.raises(ValueError, match="do not fit label set cinema7"):
            EmotionScores(np.full((1, 8), 0.125, np.float32), CINEMA7)


class Unsorted(FaceDetector):
    """Finds the same three faces, weakest first."""

    name, sha256 = "unsorted", "0" * 64

    def _detect(self, image: UInt8Array) -> Faces:
        return three()


class Brightness(EmotionClassifier):
    """Calls bright crops happy; notes the size of each batch."""

    name, sha256, labels = "brightness", "0" * 64, FERPLUS8
    geometry = CropGeometry(size=4, side=2.0, raise_centre=0.0)
    batch_size = 2

    def __init__(self) -> None:
        self.batches: list[int] = []

    def _classify(self, pixels: UInt8Array) -> FloatArray:
        self.batches.append(len(pixels))
        happy = pixels.reshape(len(pixels), -1).mean(axis=1) / 255
        out = np.zeros((len(pixels), 8), np.float32)
        out[:, 0], out[:, 1] = 1 - happy, happy
        return out


def test_a_detector_gives_the_strongest_face_first() -> None:
    frame = Frame(np.zeros((8, 8, 3), np.uint8), 0, 0.0)
    found = Unsorted().detect([frame, frame])
    assert [faces.scores.tolist() for faces in found] == [pytest.approx([0.9, 0.5, 0.2])] * 2


class TestClassifier:
    @staticmethod
    def crops(*levels: int, size: int = 4) -> FaceCrops:
        pixels = np.stack([np.full((size, size, 3), level, np.uint8) for level in levels])
        return FaceCrops(pixels, np.ones(len(levels), np.float32))

    def test_works_in_batches_and_keeps_order(self) -> None:
        classifier = Brightness()
        scores = classifier.classify(self.crops(0, 51, 102, 153, 204))
        assert classifier.batches == [2, 2, 1]
        assert scores.probabilities[:, 1].tolist() == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8])

    def test_is_not_asked_about_nobody(self) -> None:
        classifier = Brightness()
        nobody = FaceCrops(np.zeros((0, 4, 4, 3), np.uint8), np.zeros(0, np.float32))
        assert classifier.classify(nobody).probabilities.shape == (0, 8)
        assert classifier.batches == []

    def test_refuses_grey_crops_where_it_sees_colour(self) -> None:
        coloured = Brightness()
        coloured.colour = "rgb"
        grey = FaceCrops(np.zeros((1, 4, 4), np.uint8), np.ones(1, np.float32))
        assert len(Brightness().classify(grey)) == 1
        with pytest.raises(ValueError, match="brightness reads RGB crops, got grey ones"):
            coloured.classify(grey)

    def test_refuses_crops_of_another_size(self) -> None:
        with pytest.raises(ValueError, match="reads 4-pixel crops, got 6"):
            Brightness().classify(self.crops(0, size=6))
