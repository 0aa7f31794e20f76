"""What is learned of each face, and what counts as right: soft and hard labels, views, classes of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from mien.core.errors import SettingsError  # noqa: E402
from mien.core.labels import COMPOUND12, EMOTIONS, ENGAGEMENT5  # noqa: E402
from mien.evaluation.duplicates import CANDIDATES  # noqa: E402
from mien.evaluation.faces import VotedFaces  # noqa: E402
from mien.training.data import class_targets, digest, held, load_training  # noqa: E402
from mien.training.recipe import DataSection  # noqa: E402
from tests.training.toy import recipe, toy  # noqa: E402

VOTES = np.array(
    [
        [6, 4, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 5, 5, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 9, 1, 0, 0],
        [1, 0, 0, 3, 0, 0, 0, 0, 6, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 10],
    ],
    np.uint8,
)
"""Mostly neutral; happily surprised; fear and one for contempt; mostly unknown; no face."""
FACES = VotedFaces(np.zeros((5, 48, 48), np.uint8), VOTES)


def section(**changes: Any) -> DataSection:
    return DataSection.model_validate({"train": "t.npz", "valid": "v.npz", **changes})


def targets(**changes: Any) -> list[list[float]]:
    return [[round(float(v), 3) for v in row] for row in class_targets(FACES, section(**changes))[0]]


def one(label: str, labels: tuple[str, ...] = EMOTIONS) -> list[float]:
    return [float(label == name) for name in labels]


NOTHING = [0.0] * 8


def test_soft_labels_are_vote_shares() -> None:
    assert targets(drop_single_votes=False)[:3] == [
        [0.6, 0.4, 0, 0, 0, 0, 0, 0],
        [0, 0.5, 0.5, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0.9, 0.1],
    ]
    assert targets()[2] == one("fear"), "a single vote is dropped"
    assert targets()[4] == NOTHING


def test_hard_labels_are_a_protocols_and_its_other_faces_are_dropped() -> None:
    assert targets(targets="majority") == [one("neutral"), NOTHING, one("fear"), NOTHING, NOTHING]
    assert targets(targets="argmax") == [one("neutral"), one("happiness"), one("fear"), NOTHING, NOTHING]


def test_a_view_leaves_out_faces_that_are_mostly_something_else() -> None:
    found, labels = class_targets(FACES, section(label_set="engagement5"))
    assert labels == ENGAGEMENT5.labels
    assert found[0].tolist() == pytest.approx([0, 0.4, 0.6, 0, 0])
    assert found[2].tolist() == [0] * 5, "fear has no place among the five"


def test_compounds_are_made_of_shared_votes() -> None:
    found, labels = class_targets(FACES, section(label_set="compound12"))
    assert labels == COMPOUND12.labels
    assert found[1].tolist() == one("happily surprised", COMPOUND12.labels)
    assert found[0].argmax() == COMPOUND12.index("neutral")


def test_validation_is_judged_by_the_votes_whatever_is_learned(tmp_path: Path) -> None:
    for changes in ({}, {"targets": "majority"}, {"drop_single_votes": True}):
        judged = held(FACES, recipe(tmp_path, data=changes))
        assert judged.targets[2].tolist() == pytest.approx([0, 0, 0, 0, 0, 0, 0.9, 0.1])
        assert judged.majority.keep.tolist() == [0, 2]
        assert judged.argmax.keep.tolist() == [0, 1, 2]
        assert judged.argmax.label.tolist() == [0, 1, 6]


def test_a_view_is_judged_in_its_own_classes(tmp_path: Path) -> None:
    judged = held(FACES, recipe(tmp_path, data={"label_set": "compound12"}))
    assert judged.argmax.keep.tolist() == [0, 1, 2]
    assert [COMPOUND12.labels[i] for i in judged.argmax.label] == ["neutral", "happily surprised", "fear"]


def test_classes_of_ones_own_are_learned_as_they_are(tmp_path: Path) -> None:
    faces = VotedFaces(
        np.zeros((2, 48, 48), np.uint8), np.array([[8, 2, 0, 0], [0, 1, 3, 6]], np.uint8), ("calm", "tense")
    )
    found, labels = class_targets(faces, section())
    assert labels == ("calm", "tense")
    assert found.tolist() == [[pytest.approx(0.8), pytest.approx(0.2)], [0, 1]]
    assert held(faces, recipe(tmp_path)).majority.keep.tolist() == [0]
    np.savez(tmp_path / "own.npz", images=faces.images, votes=faces.votes, labels=np.array(faces.labels))
    with pytest.raises(SettingsError, match="classes calm, tense"):
        load_training(recipe(tmp_path, data={"train": str(tmp_path / "own.npz")}))


def test_a_view_of_the_eight_is_none_of_classes_of_ones_own() -> None:
    faces = VotedFaces(np.zeros((1, 48, 48), np.uint8), np.array([[8, 2, 0, 0]], np.uint8), ("calm", "tense"))
    with pytest.raises(SettingsError, match=r"data\.label_set: engagement5 .* \(calm, tense\): leave it out"):
        class_targets(faces, section(label_set="engagement5"))


def test_naming_the_view_that_the_classes_are_changes_nothing() -> None:
    faces = VotedFaces(np.zeros((1, 48, 48), np.uint8), np.eye(14, dtype=np.uint8)[:1], COMPOUND12.labels)
    named, plain = class_targets(faces, section(label_set="compound12"))[0], class_targets(faces, section())[0]
    assert named.tolist() == plain.tolist()


def test_a_validation_split_without_any_vote_is_refused(tmp_path: Path) -> None:
    nobody = np.zeros((6, 10), np.uint8)
    nobody[:, 8] = 10
    np.savez(tmp_path / "unknown.npz", images=np.zeros((6, 48, 48), np.uint8), votes=nobody)
    with pytest.raises(SettingsError, match=r"unknown\.npz: no face has a vote for any of neutral"):
        load_training(recipe(tmp_path, data={"valid": str(tmp_path / "unknown.npz")}))


def test_copies_of_validation_pictures_are_left_out(tmp_path: Path) -> None:
    smooth = np.random.default_rng(0).integers(0, 256, (40, 6, 6)).astype(np.uint8)
    images = np.kron(smooth, np.ones((8, 8), np.uint8))
    votes = np.tile(VOTES[0], (40, 1))
    np.savez(tmp_path / "seen.npz", images=images, votes=votes)
    np.savez(tmp_path / "held.npz", images=images[:10] // 2, votes=votes[:10])
    data = {"train": str(tmp_path / "seen.npz"), "valid": str(tmp_path / "held.npz")}
    assert len(load_training(recipe(tmp_path, data=data))[0]) == 40
    kept = load_training(recipe(tmp_path, data=data | {"drop_copies": True}))[0]
    assert (kept.images == images[10:]).all()


@pytest.mark.parametrize("mirrored", [False, True])
def test_every_copy_of_one_validation_picture_is_left_out(mirrored: bool, tmp_path: Path) -> None:
    """A photograph may be in training more often than a search from its side keeps pairs of it."""
    smooth = np.random.default_rng(0).integers(0, 256, (30, 6, 6)).astype(np.uint8)
    images = np.kron(smooth, np.ones((8, 8), np.uint8))
    turned = images[:1, :, ::-1] if mirrored else images[:1]
    darker = [(turned * (1 - step / 40)).astype(np.uint8) for step in range(3 * CANDIDATES)]
    seen = np.concatenate([*darker, images[1:]])
    np.savez(tmp_path / "seen.npz", images=seen, votes=np.tile(VOTES[0], (len(seen), 1)))
    np.savez(tmp_path / "held.npz", images=images[:1], votes=VOTES[:1])
    data = {"train": str(tmp_path / "seen.npz"), "valid": str(tmp_path / "held.npz"), "drop_copies": True}
    assert (load_training(recipe(tmp_path, data=data))[0].images == images[1:]).all()


def test_a_label_map_names_a_class_of_either_split(tmp_path: Path) -> None:
    images, votes = np.zeros((20, 48, 48), np.uint8), np.tile(VOTES[:1, :4], (20, 1))
    for name, labels in (("one", ("calm", "tense")), ("other", ("calm", "bored"))):
        np.savez(tmp_path / f"{name}.npz", images=images, votes=votes, labels=np.array(labels))
    data = {"train": str(tmp_path / "one.npz"), "valid": str(tmp_path / "other.npz"), "labels": ("calm", "stirred")}
    both = {"Tense": "stirred", "bored": "stirred"}
    assert load_training(recipe(tmp_path, data=data | {"label_map": both}))[0].labels == ("calm", "stirred")
    with pytest.raises(SettingsError, match=r"data\.label_map: no class .* 'tens': they are bored, calm, .* tense"):
        load_training(recipe(tmp_path, data=data | {"label_map": both | {"tens": "stirred"}}))


def test_too_few_faces_are_refused(tmp_path: Path) -> None:
    few = str(toy(tmp_path / "few.npz", 12, 1))
    with pytest.raises(SettingsError, match=r"12 faces .* fewer than schedule.batch_size"):
        load_training(recipe(tmp_path, data={"train": few}))


def test_what_is_learned_and_judged_by_has_a_digest(tmp_path: Path) -> None:
    plain = digest(*load_training(recipe(tmp_path)))
    assert plain == digest(*load_training(recipe(tmp_path)))
    other = str(toy(tmp_path / "other.npz", 320, 9))
    for split in ("train", "valid"):
        assert plain != digest(*load_training(recipe(tmp_path, data={split: other})))
    assert plain == digest(*load_training(recipe(tmp_path, data={"targets": "majority"}))), "all ten votes agree"
