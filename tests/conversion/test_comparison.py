"""What a converted model answers beside its source."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mien.conversion.comparison import Bounds, Comparison, Run, compare
from mien.core.faces import FloatArray
from mien.evaluation.protocols import Truth

BOUNDS = Bounds(label_agreement=0.9, mean_share_difference=0.05)


def shares(outputs: FloatArray) -> FloatArray:
    scaled = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), np.float32)


def run(outputs: FloatArray) -> Run:
    return Run("a runtime 1.0", np.asarray(outputs, np.float32), {"8": 1.0})


def certain(labels: list[int]) -> FloatArray:
    """Outputs that leave no doubt."""
    return np.asarray(20 * np.eye(8)[labels], np.float32)


def truth(labels: list[int]) -> Truth:
    return Truth(np.arange(len(labels)), np.array(labels))


def beside(source: FloatArray, target: FloatArray, labels: list[int] | None = None) -> Comparison:
    return compare(run(source), run(target), shares, None if labels is None else truth(labels))


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 9), st.just(8)), elements=st.floats(-30, 30, width=32)))
def test_a_model_agrees_with_itself(outputs: FloatArray) -> None:
    told = beside(outputs, outputs)
    assert (told.label_agreement, told.largest_share_difference, told.mean_share_difference) == (1.0, 0.0, 0.0)
    assert told.beyond(Bounds(1.0, 0.0)) == []


def test_agreement_and_differences_are_of_shares() -> None:
    told = beside(certain([0, 1, 2, 3]), certain([0, 1, 2, 4]))
    assert told.label_agreement == 0.75
    assert told.largest_share_difference == pytest.approx(1.0, abs=1e-4)
    assert told.mean_share_difference == pytest.approx(2 / 32, abs=1e-4)
    assert len(told.beyond(BOUNDS)) == 2


def test_accuracy_is_of_the_labelled_faces() -> None:
    told = beside(certain([0, 1, 2, 3]), certain([0, 1, 2, 4]), [0, 1, 2, 3])
    assert (told.labelled, told.source_accuracy, told.target_accuracy) == (4, 1.0, 0.75)
    assert beside(certain([0]), certain([0])).source_accuracy is None


@pytest.mark.parametrize(("wrong", "refused"), [(2, False), (3, True), (12, True)])
def test_two_faces_may_be_lost_of_a_few(wrong: int, refused: bool) -> None:
    """Half a point of a hundred faces is no face."""
    labels = [0] * 100
    told = beside(certain(labels), certain([1] * wrong + [0] * (100 - wrong)), labels)
    assert bool([clause for clause in told.beyond(Bounds(0.0, 1.0)) if "accuracy" in clause]) == refused


def test_half_a_point_may_be_lost_of_many() -> None:
    labels = [0] * 2000
    for wrong, refused in ((10, False), (11, True)):
        told = beside(certain(labels), certain([1] * wrong + [0] * (2000 - wrong)), labels)
        assert bool(told.beyond(Bounds(0.0, 1.0))) == refused


def test_no_number_for_an_answer_is_a_wrong_answer() -> None:
    broken = certain([0, 1])
    broken[1] = np.nan
    told = beside(certain([0, 1]), broken, [0, 1])
    assert told.label_agreement == 0.5
    assert told.target_accuracy == 0.5
    assert told.largest_share_difference == 1.0
    json.dumps(told.as_document(), allow_nan=False)
