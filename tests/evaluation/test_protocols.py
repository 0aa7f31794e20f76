"""How votes become truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.evaluation.accuracy import wilson
from mien.evaluation.calibration import calibration_error
from mien.evaluation.evaluate import evaluate_probabilities
from mien.evaluation.faces import load_voted_faces
from mien.evaluation.protocols import argmax_truth, majority_truth, vote_distribution


def votes(*rows: list[int]) -> np.ndarray:
    return np.array(rows, np.uint8)


def test_argmax_takes_the_first_on_ties_and_drops_unknown() -> None:
    truth = argmax_truth(votes([5, 5, 0, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 9, 0]))
    assert truth.keep.tolist() == [0]
    assert truth.label.tolist() == [0]


def test_majority_drops_single_votes_and_wants_more_than_half() -> None:
    truth = majority_truth(
        votes(
            [6, 4, 0, 0, 0, 0, 0, 0, 0, 0],
            [5, 5, 0, 0, 0, 0, 0, 0, 0, 0],
            [4, 2, 1, 1, 1, 1, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 8, 2],
        )
    )
    assert truth.keep.tolist() == [0, 2]


def test_a_face_that_nobody_gave_a_vote_has_no_class() -> None:
    empty = votes([0] * 10, [0, 10, 0, 0, 0, 0, 0, 0, 0, 0])
    for truth in (argmax_truth(empty), majority_truth(empty)):
        assert (truth.keep.tolist(), truth.label.tolist()) == ([1], [1])


def test_a_majority_of_more_votes_than_half_a_byte_counts() -> None:
    assert majority_truth(votes([200, 50, 0, 0, 0, 0, 0, 0, 0, 0])).keep.tolist() == [0]


def test_the_published_counts_of_the_validation_split(shared: Path) -> None:
    faces = load_voted_faces(shared / "data" / "ferplus" / "valid.npz")
    assert len(argmax_truth(faces.votes).keep) == 3555
    assert len(majority_truth(faces.votes).keep) == 3191


def test_shares_of_votes() -> None:
    share = vote_distribution(votes([6, 3, 1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 10, 0]))
    assert share[0, :3] == pytest.approx([0.6, 0.3, 0.1])
    assert share[1].sum() == 0
    assert vote_distribution(votes([6, 3, 1, 0, 0, 0, 0, 0, 0, 0]), drop_single_votes=True)[0, :3] == pytest.approx(
        [2 / 3, 1 / 3, 0]
    )


def test_a_perfect_answer_is_perfect() -> None:
    truth = votes([10, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 10, 0, 0, 0])
    result = evaluate_probabilities(vote_distribution(truth), truth)
    assert result.majority8.accuracy == 1
    assert result.majority8.recall["fear"] == 1
    assert result.majority8.recall["anger"] is None
    assert result.ece == pytest.approx(0)


def test_overconfidence_is_measured() -> None:
    """Certain of neutral, which half of the votes deny: off by one half."""
    cast = votes([5, 5, 0, 0, 0, 0, 0, 0])
    assert calibration_error(np.eye(8, dtype=np.float32)[:1], cast) == pytest.approx(0.5)


def test_wilson_against_a_table() -> None:
    assert wilson(86, 100) == pytest.approx((0.7786, 0.9147), abs=1e-3)
