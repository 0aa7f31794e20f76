"""The shapes of a face and of its emotion that earlier systems' clients expect, word for word."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mien.core.faces import FaceReading, Faces, UnreadReason
from mien.core.labels import INDEXED7
from mien.face_views import detection_arrays, emotion_record, face_record, pixel_boxes

LANDMARKS = np.array([(130, 110), (170, 111), (150, 135), (135, 160), (166, 161)], np.float32)


def read(probabilities: list[float] | None, unread: UnreadReason | None = None) -> FaceReading:
    return FaceReading(
        track=0,
        box=np.array([100.2, 79.8, 200.4, 200.1], np.float32),
        landmarks=LANDMARKS,
        score=0.95,
        sharpness=0.5,
        yaw_degrees=0.0,
        pitch_degrees=0.0,
        roll_degrees=0.0,
        unread=unread,
        probabilities=None if probabilities is None else np.array(probabilities, np.float32),
        label=None,
        confidence=None,
    )


def test_a_face_has_the_published_shape() -> None:
    record = face_record(read(None))
    assert record == {
        "box": [100, 80, 100, 120],
        "confidence": pytest.approx(0.95),
        "keypoints": {
            "left_eye": (130, 110),
            "right_eye": (170, 111),
            "nose": (150, 135),
            "mouth_left": (135, 160),
            "mouth_right": (166, 161),
        },
    }
    assert list(record) == ["box", "confidence", "keypoints"]
    assert all(type(v) is int for v in record["box"])
    assert type(record["confidence"]) is float
    assert all(type(v) is int for point in record["keypoints"].values() for v in point)


def test_an_emotion_has_the_published_shape() -> None:
    # neutral, happiness, surprise, sadness, anger, disgust, fear, contempt
    record = emotion_record(read([0.04, 0.01, 0.20, 0.03, 0.05, 0.02, 0.65, 0.0]))
    rounded = {label: round(p, 2) for label, p in record["emotion_scores"].items()}
    published = """{"dominant_emotion": "fear",
     "emotion_scores": {"angry": 0.05, "disgust": 0.02, "fear": 0.65, "happy": 0.01, "sad": 0.03, "surprise": 0.2,
                        "neutral": 0.04}}"""
    assert json.dumps({**record, "emotion_scores": rounded}) == json.dumps(json.loads(published))
    assert all(type(p) is float for p in record["emotion_scores"].values())


def test_an_emotion_can_be_told_in_another_label_set() -> None:
    record = emotion_record(read([0.1, 0.2, 0.0, 0.0, 0.6, 0.1, 0.0, 0.0]), INDEXED7)
    assert record["dominant_emotion"] == "anger"
    assert tuple(record["emotion_scores"]) == INDEXED7.labels


def test_an_unread_face_has_no_emotion() -> None:
    with pytest.raises(ValueError, match="too_small"):
        emotion_record(read(None, UnreadReason.TOO_SMALL))


def test_boxes_are_shares_of_the_frame_and_come_back_clipped() -> None:
    boxes = np.array([[160, 90, 320, 180], [-32, -18, 64, 36], [600, 300, 700, 400]], np.float32)
    faces = Faces(boxes, np.array([0.9, 0.8, 0.7], np.float32), np.stack([LANDMARKS] * 3))
    arrays = detection_arrays(faces, 640, 360)
    assert list(arrays) == ["detection_boxes", "detection_scores"]
    assert arrays["detection_boxes"].dtype == np.float32
    assert arrays["detection_boxes"][0].tolist() == [0.25, 0.25, 0.5, 0.5]
    assert arrays["detection_scores"].tolist() == pytest.approx([0.9, 0.8, 0.7])
    pixels = pixel_boxes(arrays["detection_boxes"], 640, 360)
    assert pixels[0].tolist() == [160, 90, 320, 180]
    assert pixels[1].tolist()[:2] == [0, 0]
    assert pixels[2].tolist()[2:] == [640, 360]


def test_no_face_gives_empty_arrays() -> None:
    arrays = detection_arrays(Faces.none(), 640, 360)
    assert arrays["detection_boxes"].shape == (0, 4)
    assert arrays["detection_scores"].shape == (0,)
