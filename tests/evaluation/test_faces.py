"""Labelled faces as arrays: scaled as a camera would see them, written and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import OutputError
from mien.evaluation.faces import VotedFaces, load_voted_faces, resized, save_voted_faces

SOME = VotedFaces(
    np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8),
    np.eye(4, dtype=np.uint8)[:3] * np.uint8(10),
    ("calm", "tense"),
    ("a/1.jpg", "a/2.jpg", "b/ü.jpg"),
)


def test_enlarged_pictures_are_smooth() -> None:
    """Repeated pixels would show as many values as before, in steps."""
    ramp = np.tile(np.linspace(0, 255, 12).astype(np.uint8), (12, 1))[None]
    large = resized(ramp, 60)
    assert large.shape == (1, 60, 60)
    assert len(np.unique(large)) > 2 * len(np.unique(ramp))
    assert np.abs(np.diff(large[0, 0].astype(int))).max() < 8


@pytest.mark.parametrize("colours", [(), (3,)])
def test_shrunk_pictures_are_means(colours: tuple[int, ...]) -> None:
    fine = np.random.default_rng(0).integers(0, 256, (2, 48, 48, *colours), dtype=np.uint8)
    small = resized(fine, 24)
    means = fine.reshape(2, 24, 2, 24, 2, *colours).mean(axis=(2, 4))
    assert np.abs(small - means).max() <= 0.5


def test_pictures_of_the_right_side_are_not_touched() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 48, 48), dtype=np.uint8)
    assert resized(pictures, 48) is pictures


def test_rows_come_back_with_their_classes_and_names(tmp_path: Path) -> None:
    save_voted_faces(tmp_path / "some.npz", SOME, np.array([2, 0]))
    back = load_voted_faces(tmp_path / "some.npz")
    assert (back.images == SOME.images[[2, 0]]).all()
    assert (back.votes == SOME.votes[[2, 0]]).all()
    assert (back.labels, back.files) == (("calm", "tense"), ("b/ü.jpg", "a/1.jpg"))


def test_a_file_is_whole_or_what_was_there_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "some.npz"
    save_voted_faces(path, SOME, np.arange(3))
    before = path.read_bytes()

    def half(stream: object, **arrays: object) -> None:
        stream.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(OutputError, match=r"some\.npz: the disk is full"):
        save_voted_faces(path, SOME, np.arange(2))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
