"""How many faces of each declared group, and of each emotion in it, a data set has."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mien.core.labels import EMOTIONS
from mien.evaluation.coverage import coverage
from tests.evaluation.votes import known


def named(*emotions: str) -> np.ndarray:
    """Ten votes for one column each: an emotion, ``unknown`` or ``nothing`` for no vote at all."""
    votes = np.zeros((len(emotions), 10), np.uint8)
    for row, name in enumerate(emotions):
        if name != "nothing":
            votes[row, 8 if name == "unknown" else EMOTIONS.index(name)] = 10
    return votes


def test_groups_are_counted_by_emotion_and_what_is_undeclared_enters_no_share() -> None:
    votes = named(*["happiness"] * 20, *["fear"] * 10, *["neutral"] * 6, "unknown", "nothing", *["anger"] * 12)
    ages = ("young",) * 30 + ("old",) * 8 + ("old",) * 2 + ("",) * 10
    report = coverage(votes, EMOTIONS, {"age": ages}, least_group=10)
    told = report.attributes["age"]
    assert (report.faces, told.undeclared, told.undeclared_share) == (50, 10, 0.2)
    young, old = known(told.groups["young"]), known(told.groups["old"])
    assert (young.faces, young.share, young.unnamed) == (30, 0.75, 0)
    assert (old.faces, old.share, old.unnamed) == (10, 0.25, 2), "no vote is no emotion"
    assert {e: n for e, n in young.emotions.items() if n} == {"happiness": 20, "fear": 10}
    assert {e: n for e, n in old.emotions.items() if n} == {"neutral": 6, "anger": 2}
    assert tuple(young.emotions) == EMOTIONS, "an emotion that nobody shows is told as such"


@pytest.mark.parametrize(("asked", "least"), [(30, 30), (1, 10)])
def test_small_groups_are_few_and_no_request_counts_fewer_than_ten(asked: int, least: int) -> None:
    groups = {"age": ("young",) * 60 + ("old",) * (least - 1)}
    report = coverage(named(*["neutral"] * (59 + least)), EMOTIONS, groups, asked)
    assert report.least_group == least
    assert list(report.attributes["age"].groups) == ["old", "young"]
    assert report.attributes["age"].groups["old"] is None
    assert report.attributes["age"].shortfalls == ()


def test_an_emotion_that_a_group_hardly_shows_is_warned_of() -> None:
    """Half of all faces are of the old, and 5 of 40 that show fear; of disgust there are too few to tell."""
    young = ["neutral"] * 60 + ["fear"] * 35 + ["disgust"] * 5
    old = ["neutral"] * 95 + ["fear"] * 5
    told = coverage(named(*young, *old), EMOTIONS, {"age": ("young",) * 100 + ("old",) * 100}).attributes["age"]
    (short,) = told.shortfalls
    assert (short.group, short.emotion, short.faces) == ("old", "fear", 5)
    assert (short.share_of_emotion, short.share_of_all) == (0.125, 0.5)


def test_half_of_what_its_share_would_give_is_not_far_below() -> None:
    votes = named(*["neutral"] * 70, *["fear"] * 30, *["neutral"] * 90, *["fear"] * 10)
    told = coverage(votes, EMOTIONS, {"age": ("young",) * 100 + ("old",) * 100}).attributes["age"]
    assert told.shortfalls == ()


def test_classes_of_ones_own_are_counted_under_their_names() -> None:
    votes = np.zeros((40, 4), np.uint8)
    votes[:30, 0], votes[30:, 1] = 10, 10
    told = coverage(votes, ("calm", "awe"), {"hall": ("a",) * 40}).attributes["hall"].groups["a"]
    assert known(told).emotions == {"calm": 30, "awe": 10}


def test_of_nothing_declared_nothing_is_told() -> None:
    told = coverage(named("fear", "anger"), EMOTIONS, {"age": ("", "")}).attributes["age"]
    assert (told.groups, told.undeclared_share, told.shortfalls) == ({}, 1.0, ())


def test_the_json_says_few_without_a_number() -> None:
    report = coverage(named(*["fear"] * 45), EMOTIONS, {"age": ("young",) * 40 + ("old",) * 5})
    document = json.loads(report.as_json("faces.npz"))
    assert (document["schema_version"], document["data"], document["faces"]) == (1, "faces.npz", 45)
    assert document["attributes"]["age"]["groups"]["old"] is None
    assert document["attributes"]["age"]["groups"]["young"]["emotions"]["fear"] == 40
