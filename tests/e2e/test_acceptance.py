"""Figures that must not slip: detectors on the crowd photos, the shipped classifier, and train–serve skew."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import detectors, skew
from benchmarks.pipeline import build
from mien.assembly import load_classifier, load_detector
from mien.core.settings import DEFAULT_CLASSIFIER, DetectionSettings, InferenceSettings
from mien.evaluation.evaluate import evaluate_probabilities
from mien.evaluation.faces import classify_pictures, load_voted_faces


@pytest.mark.parametrize(("name", "least"), [("yunet", 70), ("centerface", 68)])
def test_the_faces_of_the_crowd_photos_are_found(name: str, least: int, shared: Path) -> None:
    detector, _ = load_detector(name, DetectionSettings(), InferenceSettings())
    told = detectors.measure(shared / "data" / "crowd", detector)
    assert told["faces"] == 70
    assert told["found"] >= least
    assert told["false"] <= 2


def test_the_shipped_classifier_agrees_with_the_majority(shared: Path) -> None:
    classifier = load_classifier(DEFAULT_CLASSIFIER, InferenceSettings(threads=1))
    faces = load_voted_faces(shared / "data" / "ferplus" / "valid.npz")
    told = evaluate_probabilities(classify_pictures(classifier, faces.images), faces.votes)
    assert told.majority8.faces == 3191
    assert told.majority8.accuracy >= 0.86
    assert told.ece <= 0.03


def test_a_face_is_read_in_a_scene_as_it_is_by_itself(shared: Path) -> None:
    """A sample of the benchmark: 300 faces at two sizes, with the slack that so few need."""
    told = skew.measure(build(skew.open_gate(), None), shared / "data" / "ferplus" / "valid.npz", 300, (64, 128))
    assert told["pipeline_accuracy"]["128"] >= told["crop_accuracy"]["128"] - 4  # type: ignore[index]
    assert told["pipeline_accuracy"]["64"] >= told["crop_accuracy"]["64"] - 7  # type: ignore[index]
