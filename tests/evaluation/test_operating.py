"""The balanced operating point is chosen on the faces it is given, and within its rule."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import SettingsError
from mien.core.labels import EMOTIONS
from mien.core.operating import logit_adjustment
from mien.evaluation.operating import BalanceRule, choose_balanced, score_points
from mien.models import bundled
from tests.evaluation.votes import answers, cast, judged, known

FREE = BalanceRule(least_accuracy=0.0, least_precision={})


@pytest.fixture(scope="module")
def faces() -> tuple[np.ndarray, np.ndarray]:
    return judged(4000)


def test_a_balanced_point_finds_more_of_what_is_rare(faces: tuple[np.ndarray, np.ndarray]) -> None:
    point = choose_balanced(*faces, FREE).point()
    told = score_points(*faces, {"balanced": point})
    plain, balanced = told["plain"].argmax8, told["balanced"].argmax8
    assert balanced.macro_recall > plain.macro_recall + 0.05
    assert known(balanced.recall["contempt"]) > known(plain.recall["contempt"])
    assert balanced.accuracy < plain.accuracy


def test_the_rule_is_kept(faces: tuple[np.ndarray, np.ndarray]) -> None:
    free = choose_balanced(*faces, FREE)
    plain = score_points(*faces, {})["plain"].argmax8.accuracy
    strict = choose_balanced(*faces, BalanceRule(least_accuracy=plain - 0.02, least_precision={}))
    assert 0 < strict.strength < free.strength
    assert strict.held_out_accuracy >= plain - 0.03


def test_a_rule_that_cannot_be_kept_is_no_choice(faces: tuple[np.ndarray, np.ndarray]) -> None:
    plain = score_points(*faces, {})["plain"].argmax8
    with pytest.raises(
        SettingsError, match=rf"accuracy at 99.9 % \(at the plain point it is {plain.accuracy:.1%}"[:-2]
    ):
        choose_balanced(*faces, BalanceRule(least_accuracy=0.999))
    with pytest.raises(SettingsError, match="calls of fear 99 % right"):
        choose_balanced(*faces, BalanceRule(least_accuracy=0.0, least_precision={"fear": 0.99}))


def test_calls_that_are_all_false_keep_no_limit() -> None:
    probabilities, votes = judged(400)
    votes[votes.argmax(axis=1) == EMOTIONS.index("fear")] = 0
    with pytest.raises(SettingsError, match=r"calls of fear 45 % right \(at the plain point 0.0 % are\)"):
        choose_balanced(probabilities, votes, BalanceRule(least_accuracy=0.0))


def test_the_plain_point_may_be_the_best_that_keeps_the_rule(faces: tuple[np.ndarray, np.ndarray]) -> None:
    plain = score_points(*faces, {})["plain"].argmax8.accuracy
    assert choose_balanced(*faces, BalanceRule(least_accuracy=plain, least_precision={})).strength <= 0.05


def test_precision_of_fear_bounds_the_strength(faces: tuple[np.ndarray, np.ndarray]) -> None:
    bound = choose_balanced(*faces, BalanceRule(least_accuracy=0.0, least_precision={"fear": 0.6}))
    assert bound.strength < choose_balanced(*faces, FREE).strength


def test_folds_choose_alike_and_the_choice_is_repeatable(faces: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = choose_balanced(*faces, FREE), choose_balanced(*faces, FREE)
    assert first == second
    assert len(first.fold_strengths) == 5
    assert max(first.fold_strengths) - min(first.fold_strengths) <= 0.3
    assert sum(first.prior) == pytest.approx(1)


def test_too_few_faces_are_refused() -> None:
    votes = cast(3)
    with pytest.raises(ValueError, match="too few"):
        choose_balanced(answers(votes), votes)


@pytest.mark.parametrize("folder", bundled().values(), ids=bundled())
def test_shipped_points_follow_from_what_is_stored(folder: Path) -> None:
    stored = json.loads((folder / "preprocess.json").read_text(encoding="utf-8"))["operating_points"]["balanced"]
    point = logit_adjustment(stored["strength"], [stored["prior"][e] for e in EMOTIONS])
    assert point.offsets[EMOTIONS.index("fear")] > point.offsets[0]
    assert re.search("training|train.npz", stored["reason"]), "never on the split that reports figures"
