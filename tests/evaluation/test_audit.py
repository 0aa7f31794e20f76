"""An audit counts faces that training has seen, and shows them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from click.testing import CliRunner

from mien.cli import main
from mien.evaluation.audit import audit, contact_sheet, pair_rows
from mien.evaluation.faces import VotedFaces, load_voted_faces, save_voted_faces
from tests.evaluation.test_duplicates import COUNT, PLAIN, pictures


def voted(images: np.ndarray, emotion: int) -> VotedFaces:
    votes = np.zeros((len(images), 10), np.uint8)
    votes[:, emotion] = 10
    return VotedFaces(images, votes)


SEEN = voted(PLAIN, 1)
HELD = voted(np.concatenate([pictures(3, 5)[:, 8:56, 8:56], PLAIN[:2], np.ascontiguousarray(PLAIN[2:5, :, ::-1])]), 1)


def test_what_was_seen_is_counted() -> None:
    found = audit(HELD, SEEN)
    assert (found.leaked, found.identical, found.mirrored, found.agreement) == (5, 2, 3, 1.0)
    assert [count for _, count in found.at] == [5] * 5
    assert list(pair_rows(found.copies))[1:3] == [("5", "0", "1.0000", "no"), ("6", "1", "1.0000", "no")]
    assert audit(HELD, voted(PLAIN, 2)).agreement == 0.0


def test_the_sheet_shows_each_pair_alike() -> None:
    found = audit(HELD, SEEN)
    sheet = cv2.imdecode(np.frombuffer(contact_sheet(found.copies, HELD, SEEN), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert sheet is not None
    for pair in range(5):
        left, right = (sheet[:72, 150 * pair + 72 * side : 150 * pair + 72 * (side + 1)] for side in (0, 1))
        assert np.abs(left.astype(int) - right).mean() < 1


def test_the_command_audits_and_writes_the_rows_that_were_not_seen(tmp_path: Path) -> None:
    for name, faces in (("train", SEEN), ("valid", HELD)):
        save_voted_faces(tmp_path / f"{name}.npz", faces, np.arange(len(faces)))
    paths = {name: str(tmp_path / name) for name in ("train.npz", "valid.npz", "clean.npz", "pairs.csv", "sheet.png")}
    result = CliRunner().invoke(
        main,
        ["data", "audit", paths["train.npz"], paths["valid.npz"], "--clean", paths["clean.npz"],
         "--pairs", paths["pairs.csv"], "--sheet", paths["sheet.png"]],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "5 of 10 faces" in result.output
    assert "2 are identical by pixel, 3 mirrored" in result.output
    assert (load_voted_faces(tmp_path / "clean.npz").images == HELD.images[:5]).all()
    assert len((tmp_path / "pairs.csv").read_text().splitlines()) == 6


def test_the_command_splits_copies_to_one_side(tmp_path: Path) -> None:
    doubled = voted(np.concatenate([PLAIN, PLAIN]), 1)
    save_voted_faces(tmp_path / "all.npz", doubled, np.arange(2 * COUNT))
    result = CliRunner().invoke(
        main,
        [
            "data",
            "split",
            str(tmp_path / "all.npz"),
            "--out",
            str(tmp_path / "parts"),
            "--shares",
            "0.5",
            "0.25",
            "0.25",
        ],
    )
    assert result.exit_code == 0, result.output
    parts = [load_voted_faces(tmp_path / "parts" / f"{p}.npz") for p in ("train", "valid", "test")]
    assert sum(map(len, parts)) == 2 * COUNT
    seen = [{image.tobytes() for image in part.images} for part in parts]
    assert len(set().union(*seen)) == sum(map(len, seen)), "no picture is on two sides"
