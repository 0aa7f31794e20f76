"""Faces in an npz: what its arrays may hold, which rows are kept, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError, UnsupportedMediaError
from mien.evaluation.faces import load_voted_faces
from tests.evaluation.test_layouts import PIXELS, read


def test_an_npz_brings_classes_of_its_own(tmp_path: Path) -> None:
    votes = np.zeros((2, 4), np.uint8)
    np.savez(tmp_path / "own.npz", images=PIXELS[:2], votes=votes, labels=np.array(["calm", "tense"]))
    assert load_voted_faces(tmp_path / "own.npz").labels == ("calm", "tense")
    np.savez(tmp_path / "bad.npz", images=PIXELS[:2], votes=votes)
    with pytest.raises(UnsupportedMediaError, match="votes N×10"):
        load_voted_faces(tmp_path / "bad.npz")


def test_a_tie_is_won_by_the_first_and_no_votes_are_no_ignored_class(tmp_path: Path) -> None:
    votes = np.zeros((3, 10), np.uint8)
    votes[0, :2] = 5
    votes[1, 1:3] = 5
    np.savez(tmp_path / "tie.npz", images=PIXELS[:3], votes=votes)
    kept = read("npz", tmp_path / "tie.npz", label_map={"neutral": "ignore"})
    assert (kept.images == PIXELS[1:3]).all()


def test_ignoring_every_face_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", images=PIXELS[:1], votes=np.eye(10, dtype=np.uint8)[:1])
    with pytest.raises(UnsupportedMediaError, match="every face is of a class that is ignored"):
        read("npz", tmp_path / "one.npz", label_map={"neutral": "ignore"})


def test_classes_that_become_one_with_too_many_votes_are_refused(tmp_path: Path) -> None:
    votes = np.zeros((1, 10), np.uint8)
    votes[0, 3:5] = 200
    np.savez(tmp_path / "many.npz", images=PIXELS[:1], votes=votes)
    with pytest.raises(UnsupportedMediaError, match="400 votes for a face together, at most 255"):
        read("npz", tmp_path / "many.npz", label_map={"anger": "sadness"})


def array(path: Path, **changed: object) -> Path:
    """An npz of two faces in which some arrays are others."""
    arrays = {"images": PIXELS[:2], "votes": np.full((2, 10), 1, np.uint8)} | changed
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"images": np.zeros((2, 48, 40), np.uint8)}, "square pictures, got some 48 pixels high and 40 wide"),
        ({"images": np.zeros((2, 0, 0), np.uint8)}, "square pictures, got some 0 pixels high"),
        ({"images": PIXELS[:0], "votes": np.zeros((0, 10), np.uint8)}, "holds no face: expected one or more rows"),
        ({"votes": np.full((2, 10), 0.1)}, "whole numbers from 0 to 255, got 0.1, 0.1, .* in row 0; shares become"),
        ({"votes": np.full((2, 10), np.nan)}, "whole numbers from 0 to 255, got nan"),
        ({"votes": np.array([[1] * 10, [-1] * 10])}, "whole numbers from 0 to 255, got -1, .* in row 1"),
        ({"votes": np.full((2, 10), 256)}, "whole numbers from 0 to 255, got 256"),
        ({"votes": np.full((2, 10), "1")}, "votes that are numbers, got <U1"),
        ({"votes": np.full((2, 10), None)}, "is not an npz with arrays 'images' and 'votes': .*pickle"),
        ({"labels": np.array("calm")}, "is not an npz with arrays"),
        ({"files": np.array(["a.jpg"])}, r"'files' to name each of 2 pictures with a text, got <U5 \(1,\)"),
        ({"files": np.array([1, 2])}, "'files' to name each of 2 pictures"),
    ],
)
def test_an_npz_with_other_numbers_is_refused_with_what_is_expected(
    changed: dict[str, np.ndarray], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedMediaError, match=rf"odd\.npz.*{said}"):
        load_voted_faces(array(tmp_path / "odd.npz", **changed))


@pytest.mark.parametrize("dtype", [np.int64, np.float32, bool])
def test_whole_numbers_are_votes_however_they_are_stored(dtype: type, tmp_path: Path) -> None:
    faces = load_voted_faces(array(tmp_path / "whole.npz", votes=np.eye(10)[:2].astype(dtype)))
    assert faces.votes.dtype == np.uint8
    assert faces.votes.argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"no zip"])
def test_a_file_that_is_no_npz_is_refused(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = array(tmp_path / "damaged.npz")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UnsupportedMediaError, match=r"damaged\.npz is not an npz"):
        load_voted_faces(path)


def test_a_bare_array_is_no_npz(tmp_path: Path) -> None:
    with (tmp_path / "bare.npz").open("wb") as stream:
        np.save(stream, PIXELS)
    with pytest.raises(UnsupportedMediaError, match=r"bare\.npz is not an npz"):
        load_voted_faces(tmp_path / "bare.npz")


def test_a_folder_without_parts_is_no_npz(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of train\.npz, valid\.npz, test\.npz"):
        read("npz", tmp_path)


def test_names_of_pictures_are_read_from_every_part_or_from_none(tmp_path: Path) -> None:
    array(tmp_path / "train.npz", files=np.array(["a.jpg", "ä.jpg"]))
    array(tmp_path / "valid.npz", files=np.array(["b.jpg", "c.jpg"]))
    assert load_voted_faces(tmp_path).files == ("a.jpg", "ä.jpg", "b.jpg", "c.jpg")
    array(tmp_path / "test.npz")
    assert load_voted_faces(tmp_path).files == ()
    assert load_voted_faces(array(tmp_path / "half.npz", files=np.array(["a.jpg", ""]))).files == ()
