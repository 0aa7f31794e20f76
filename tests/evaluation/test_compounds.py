"""Two emotions that share the votes are a compound, and shares are held to the same view."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.labels import COMPOUND12, EMOTIONS
from mien.evaluation.compounds import score_compounds
from mien.evaluation.resampling import Resampling

FEW = Resampling(replicates=50)


def votes(**counts: int) -> list[int]:
    """FER+'s ten columns."""
    return [counts.get(emotion, 0) for emotion in EMOTIONS] + [0, counts.get("nothing", 0)]


def shares(rows: list[list[int]]) -> np.ndarray:
    counts = np.array(rows, np.float64)[:, :8]
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


ROWS = [
    votes(happiness=5, surprise=5),
    votes(happiness=10),
    votes(fear=5, surprise=4, neutral=1),
    votes(sadness=6, anger=4),
    votes(sadness=10),
    votes(nothing=10),
]


def test_a_model_that_shares_as_the_annotators_do_is_right_on_every_class() -> None:
    told = score_compounds(shares(ROWS), np.array(ROWS), FEW)
    assert told.faces == 5, "a face without a vote for an emotion is none"
    assert told.accuracy == 1
    assert "other" not in told.classes
    assert list(told.classes) == [label for label in COMPOUND12.labels if label != "other"]
    for label in ("happily surprised", "fearfully surprised", "sadly angry", "happy", "sad"):
        assert (told.classes[label].faces, told.classes[label].recall, told.classes[label].precision) == (1, 1, 1)
        assert told.classes[label].correlation.value == pytest.approx(1)
        assert told.classes[label].auc.value == 1
    assert (told.classes["disgust"].faces, told.classes["disgust"].recall) == (0, None)
    assert told.classes["disgust"].correlation.value is None


def test_a_model_that_sees_one_emotion_alone_finds_no_compound() -> None:
    alone = np.eye(8)[shares(ROWS).argmax(axis=1)]
    told = score_compounds(alone, np.array(ROWS), FEW)
    assert told.accuracy == pytest.approx(2 / 5)
    assert told.classes["happily surprised"].recall == 0
    assert told.classes["happily surprised"].precision is None
    assert told.classes["happy"].precision == pytest.approx(1 / 2)


def test_no_face_is_no_figure() -> None:
    told = score_compounds(np.zeros((1, 8)), np.array([votes(nothing=10)]), FEW)
    assert (told.faces, told.classes["happy"].recall) == (0, None)
