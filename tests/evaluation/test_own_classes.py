"""A model with classes of its own is scored in them, on faces that have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.assembly import load_classifier
from mien.core.errors import UnsupportedMediaError, WeightsError
from mien.core.labels import CINEMA7, COMPOUND12, LabelSet
from mien.core.settings import InferenceSettings
from mien.evaluation.faces import VotedFaces, load_voted_faces
from mien.evaluation.layouts import ReadOptions
from mien.evaluation.own_classes import OwnEvaluation, evaluate_own_classes, own_steps, own_truth
from mien.evaluation.resampling import Resampling
from tests.conversion.nets import coloured_faces, seeing_colour

OWN = ("moved", "bored", "asleep")
PICTURES = np.zeros((4, 48, 48), np.uint8)


def test_a_model_that_is_right_but_for_one_class(tmp_path: Path) -> None:
    """Red faces are moved and blue ones asleep in the data; the model calls blue ones bored."""
    model = seeing_colour(tmp_path / "theirs", 64, OWN, ("moved", "bored", "asleep"))
    classifier = load_classifier(str(model), InferenceSettings(), own_classes=True)
    data = coloured_faces(tmp_path / "faces", 10, called=("moved", "asleep"))
    faces = load_voted_faces(data, ReadOptions(size_px=64, colour="rgb", labels=OWN), "class-folders")
    steps: list[str] = []
    told = evaluate_own_classes(
        classifier, faces, "planted", speed=False, resampling=Resampling(50), progress=steps.append
    )
    assert told.classes == OWN
    assert (told.argmax.accuracy, told.argmax.macro_recall) == (0.5, 0.5)
    assert told.argmax.confusion == [[20, 0, 0], [0, 0, 0], [0, 20, 0]]
    assert told.argmax.recall == {"moved": 1.0, "bored": None, "asleep": 0.0}
    assert len(steps) == own_steps(speed=False)
    assert OwnEvaluation.model_validate_json(told.as_json()).as_json() == told.as_json()


def test_what_serves_refuses_such_a_model(tmp_path: Path) -> None:
    model = seeing_colour(tmp_path / "theirs", 64, OWN, OWN)
    with pytest.raises(WeightsError, match=r"emotion: moved, bored, asleep.*can be evaluated and exported"):
        load_classifier(str(model), InferenceSettings())


def test_names_of_the_emotions_are_the_emotions_also_where_others_would_be_taken() -> None:
    classifier = load_classifier("mien-m", InferenceSettings(), own_classes=True)
    assert classifier.labels.name == "ferplus8"


def test_faces_that_nobody_named_do_not_count() -> None:
    votes = np.array([[0, 9, 0, 1, 0], [0, 0, 0, 0, 0], [1, 0, 0, 9, 0], [5, 5, 0, 0, 0]], np.uint8)
    truth = own_truth(VotedFaces(PICTURES, votes, OWN), LabelSet("own", OWN, ((),) * 3), "planted")
    assert (truth.keep.tolist(), truth.label.tolist()) == ([0, 3], [1, 0])
    with pytest.raises(UnsupportedMediaError, match="no face of it"):
        own_truth(VotedFaces(PICTURES, np.zeros_like(votes), OWN), LabelSet("own", OWN, ((),) * 3), "planted")


def test_votes_for_the_eight_are_seen_as_training_sees_them() -> None:
    """A face on which people are split between two emotions shows both: that is what a compound is learned from."""
    votes = np.array(
        [[10, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 5, 5, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0, 9, 0], [0] * 10],
        np.uint8,
    )
    truth = own_truth(VotedFaces(PICTURES, votes), COMPOUND12, "planted")
    assert truth.keep.tolist() == [0, 1]
    assert [COMPOUND12.labels[place] for place in truth.label] == ["neutral", "happily surprised"]


@pytest.mark.parametrize("labels", [CINEMA7.labels, ("moved", "bored")])
def test_other_classes_are_refused_with_what_to_do(labels: tuple[str, ...]) -> None:
    faces = VotedFaces(PICTURES, np.ones((4, len(labels) + 2), np.uint8), labels)
    with pytest.raises(UnsupportedMediaError, match=f"{', '.join(labels)}.*--label-map"):
        own_truth(faces, LabelSet("own", OWN, ((),) * 3), "planted")
