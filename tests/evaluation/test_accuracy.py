"""Accuracy, recall, precision and F1, with intervals over faces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.labels import EMOTIONS
from mien.evaluation.accuracy import ProtocolScore, score
from mien.evaluation.protocols import VIEWS, Truth, argmax_truth
from mien.evaluation.resampling import Resampling, confusion_draws, face_draws
from tests.evaluation.votes import answers, cast, known


def told(truth: list[int], answer: list[int], emotions: tuple[str, ...] = EMOTIONS) -> ProtocolScore:
    return score(np.eye(8)[answer] * 0.9 + 0.0125, Truth(np.arange(len(truth)), np.array(truth)), emotions)


def test_by_hand() -> None:
    """Three neutral (one called fear), one fear (found), two sad (one called neutral)."""
    result = told([0, 0, 0, 6, 3, 3], [0, 0, 6, 6, 3, 0])
    assert result.accuracy == pytest.approx(4 / 6)
    assert result.recall["neutral"] == pytest.approx(2 / 3)
    assert result.precision["fear"] == pytest.approx(1 / 2)
    assert result.classes["fear"].f1 == pytest.approx(2 / 3)
    assert result.classes["sadness"].f1 == pytest.approx(2 / 3)
    assert result.macro_recall == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
    assert result.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 2 / 3) / 3)
    assert result.confusion[0] == [2, 0, 0, 0, 0, 0, 1, 0]


def test_a_class_that_does_not_occur_is_no_class_that_was_missed() -> None:
    result = told([0, 6], [0, 6])
    assert result.classes["disgust"].recall is None
    assert result.classes["disgust"].recall_interval is None
    assert result.macro_recall == 1


def test_a_view_leaves_out_faces_and_answers() -> None:
    """With five classes a face of contempt does not count, and none is called fear."""
    probabilities = np.array([[0.3, 0, 0, 0, 0, 0, 0.7, 0], [0.1, 0, 0, 0, 0, 0, 0, 0.9]])
    result = score(probabilities, Truth(np.arange(2), np.array([0, 7])), VIEWS["5"])
    assert (result.faces, result.accuracy) == (1, 1)
    assert list(result.classes) == ["neutral", "happiness", "surprise", "sadness", "anger"]


def test_the_views_are_those_of_the_label_sets() -> None:
    assert VIEWS["8"] == EMOTIONS
    assert set(EMOTIONS) - set(VIEWS["7"]) == {"contempt"}
    assert set(EMOTIONS) - set(VIEWS["5"]) == {"contempt", "disgust", "fear"}


def test_drawing_cells_is_drawing_faces() -> None:
    """The interval from multinomial cells is that of the plain bootstrap over faces."""
    votes = cast(400)
    truth = argmax_truth(votes)
    p = answers(votes)
    by_cells = score(p, truth, resampling=Resampling(4000)).interval
    right = (p[truth.keep].argmax(axis=1) == truth.label).astype(float)
    drawn = np.concatenate([w @ right / len(right) for w in face_draws(len(right), Resampling(4000, 5))])
    assert by_cells == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.006)


def test_a_rare_class_has_a_wide_interval_even_when_all_were_found() -> None:
    low, high = known(told([5, 5, 5, 0], [5, 5, 5, 0]).classes["disgust"].recall_interval)
    assert low < 0.5
    assert high == pytest.approx(1)


def test_the_same_seed_gives_the_same_interval() -> None:
    votes = cast(100)
    first, second = (score(answers(votes), argmax_truth(votes)) for _ in range(2))
    assert first == second


@settings(max_examples=40, deadline=None)
@given(
    truth=st.lists(st.integers(0, 7), min_size=1, max_size=60),
    data=st.data(),
)
def test_figures_stay_in_range_and_agree_with_each_other(truth: list[int], data: st.DataObject) -> None:
    answer = data.draw(st.lists(st.integers(0, 7), min_size=len(truth), max_size=len(truth)))
    result = told(truth, answer)
    assert 0 <= result.accuracy <= 1
    assert result.interval[0] <= result.accuracy + 1e-9
    assert result.interval[1] >= result.accuracy - 1e-9
    occurring = [e for e, one in result.classes.items() if one.faces]
    recalls = [known(result.recall[e]) for e in occurring]
    weights = [result.classes[e].faces for e in occurring]
    assert np.average(recalls, weights=weights) == pytest.approx(result.accuracy)
    assert result.macro_recall == pytest.approx(np.mean(recalls))
    assert np.sum(result.confusion) == len(truth)


def test_no_face_has_no_figure() -> None:
    empty = np.zeros((8, 8), np.int64)
    assert confusion_draws(empty, Resampling(3)).shape == (3, 8, 8)
    result = score(np.zeros((0, 8)), Truth(np.zeros(0, np.intp), np.zeros(0, np.intp)))
    assert (result.faces, result.macro_recall_interval) == (0, None)
    assert result.interval == (0.0, 1.0)
