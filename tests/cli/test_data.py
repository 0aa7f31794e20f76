"""``mien data``: which part of a data set is read, under which names, and what is refused."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from mien.cli import main
from mien.core.errors import InputError, OutputError, SettingsError
from mien.core.labels import COMPOUND12
from mien.evaluation.faces import load_voted_faces
from mien.evaluation.layouts import ReadOptions
from tests.evaluation.test_layouts import PIXELS, rafdb_compound, save
from tests.evaluation.votes import cast, pictures

SIDES = ("train", "valid", "test")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["data", *map(str, arguments)])


@pytest.fixture
def rafdb(tmp_path: Path) -> Path:
    """RAF-DB's basic half: pictures for training are dark, those of its test part bright."""
    generator = np.random.default_rng(0)
    lines = []
    for part, count, light in (("train", 80, 0), ("test", 20, 150)):
        for number in range(count):
            lines.append(f"{part}_{number:05d}.jpg {4 + number % 2}")
            pixels = generator.integers(0, 100, (100, 100), dtype=np.uint8) + np.uint8(light)
            save(tmp_path / "rafdb" / "Image" / "aligned" / f"{part}_{number:05d}_aligned.jpg", pixels)
    home = tmp_path / "rafdb" / "EmoLabel"
    home.mkdir()
    (home / "list_patition_label.txt").write_text("\n".join(lines))
    return tmp_path / "rafdb"


def test_the_split_that_rafdb_needs_is_told_and_takes_no_test_picture(rafdb: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_voted_faces(rafdb, ReadOptions(part="valid"))
    told = re.search(r"mien data (split .+ --out) DIR", str(caught.value))
    assert told is not None
    result = run(*shlex.split(told[1]), tmp_path / "parts")
    assert result.exit_code == 0, result.output
    parts = [load_voted_faces(tmp_path / "parts" / f"{side}.npz") for side in SIDES]
    assert sum(map(len, parts)) == 80
    assert max(part.images.mean(axis=(1, 2)).max() for part in parts) < 100, "a picture of the test part"
    assert load_voted_faces(rafdb, ReadOptions(part="test")).images.mean(axis=(1, 2)).min() > 150


def test_names_and_classes_of_the_data_are_given(tmp_path: Path) -> None:
    others = {"happily disgusted", "sadly fearful", "sadly surprised", "sadly disgusted", "fearfully angry",
              "angrily surprised", "angrily disgusted", "disgustedly surprised"}  # fmt: skip
    named = [word for name in sorted(others) for word in ("--label-map", f"{name}=other")]
    data = rafdb_compound(tmp_path)
    result = run("split", data, "--out", tmp_path / "out", "--shares", 1, 0, 0, "--labels", "compound12", *named)
    assert result.exit_code == 0, result.output
    faces = load_voted_faces(tmp_path / "out" / "train.npz")
    assert faces.labels == COMPOUND12.labels
    assert faces.votes.argmax(axis=1).tolist().count(COMPOUND12.index("other")) == 5


def test_classes_of_ones_own_are_split(tmp_path: Path) -> None:
    save(tmp_path / "faces" / "1" / "a.png", PIXELS[0])
    save(tmp_path / "faces" / "moved" / "a.png", PIXELS[1])
    own = ("--layout", "class-folders", "--labels", "moved, bored", "--label-map", "1=bored")
    result = run("split", tmp_path / "faces", "--out", tmp_path / "out", "--shares", 1, 0, 0, *own)
    assert result.exit_code == 0, result.output
    faces = load_voted_faces(tmp_path / "out" / "train.npz")
    assert (faces.labels, faces.votes.argmax(axis=1).tolist()) == (("moved", "bored"), [1, 0])


def test_an_audit_takes_a_part_of_each(rafdb: Path, tmp_path: Path) -> None:
    first = rafdb / "Image" / "aligned" / "train_00000_aligned.jpg"
    with Image.open(first) as picture:
        picture.save(rafdb / "Image" / "aligned" / "test_00003_aligned.jpg")
    result = run("audit", rafdb, rafdb, "--train-part", "train", "--valid-part", "test", "--layout", "rafdb-basic")
    assert result.exit_code == 0, result.output
    assert "1 of 20 faces" in result.output
    clean = ("--clean", tmp_path / "clean.npz", "--colour", "rgb", "--size", 64)
    assert run("audit", rafdb, rafdb, "--train-part", "train", "--valid-part", "test", *clean).exit_code == 0
    assert load_voted_faces(tmp_path / "clean.npz").images.shape == (19, 64, 64, 3)


def test_too_few_faces_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    few = pictures(cast(3))
    np.savez(tmp_path / "few.npz", images=few.images, votes=few.votes)
    result = run("split", tmp_path / "few.npz", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "3 faces" in result.output
    assert "valid and test would be empty" in result.output
    assert not (tmp_path / "out").exists()


def test_a_side_without_a_share_is_not_written_and_an_old_one_is_not_left_beside(tmp_path: Path) -> None:
    some = pictures(cast(60))
    np.savez(tmp_path / "some.npz", images=some.images, votes=some.votes)
    result = run("split", tmp_path / "some.npz", "--out", tmp_path / "out", "--shares", 0.7, 0.3, 0)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["train.npz", "valid.npz"]
    np.savez(tmp_path / "out" / "test.npz", images=some.images, votes=some.votes)
    again = run("split", tmp_path / "some.npz", "--out", tmp_path / "out", "--shares", 0.7, 0.3, 0)
    assert again.exit_code == 8
    assert "test.npz is of another split" in again.output


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """A folder for each of two classes, thirty pictures in each."""
    some = pictures(cast(60)).images
    for row, image in enumerate(some):
        save(tmp_path / "faces" / ("happy" if row % 2 else "sad") / f"{row}.png", image)
    return tmp_path / "faces"


def test_a_split_keeps_the_names_that_groups_are_declared_by(named: Path, tmp_path: Path) -> None:
    files = [path.relative_to(named).as_posix() for path in sorted(named.rglob("*.png"))]
    table = tmp_path / "declared.csv"
    table.write_text("file,light\n" + "".join(f"{f},{'dim' if 'sad' in f else 'bright'}\n" for f in files))
    assert run("split", named, "--out", tmp_path / "out").exit_code == 0
    parts = [load_voted_faces(tmp_path / "out" / f"{side}.npz") for side in SIDES]
    assert sorted(file for part in parts for file in part.files) == sorted(files)
    for part in parts:
        assert all((image == pixels(named / file)).all() for image, file in zip(part.images, part.files, strict=True))
    told = run("coverage", tmp_path / "out" / "train.npz", "--groups", table, "--min-group", 10)
    assert told.exit_code == 0, told.output
    assert "light: nothing declared of 0 faces" in told.output
    assert re.search(r"bright +\d+ \(.*happiness [1-9]", told.output)
    again = run("split", tmp_path / "out", "--out", tmp_path / "again", "--shares", 0.5, 0.5, 0)
    assert again.exit_code == 0, again.output
    assert len(load_voted_faces(tmp_path / "again" / "valid.npz").files) > 0


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("given", ["out/train.npz", "out", "link.npz"])
def test_a_split_never_takes_the_place_of_what_it_reads(given: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    source = some_faces(tmp_path / "out" / "train.npz")
    (tmp_path / "link.npz").symlink_to(source)
    before = source.read_bytes()
    result = run("split", tmp_path / given, "--out", tmp_path / "out" / ".." / "out")
    assert result.exit_code == SettingsError.exit_code, result.output
    assert "train.npz is what is read: choose another folder with '--out'" in result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train.npz"]
    assert source.read_bytes() == before


def test_a_split_never_takes_the_place_of_another(tmp_path: Path) -> None:
    source = some_faces(tmp_path / "some.npz")
    assert run("split", source, "--out", tmp_path / "out").exit_code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert sorted(before) == ["test.npz", "train.npz", "valid.npz"]
    again = run("split", source, "--out", tmp_path / "out", "--seed", 1)
    assert again.exit_code == OutputError.exit_code
    assert re.search(r"each of .*train\.npz and .*valid\.npz and .*test\.npz is of another split: remove", again.output)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize("option", ["--clean", "--pairs", "--sheet"])
def test_an_audit_never_takes_the_place_of_what_it_reads(option: str, tmp_path: Path) -> None:
    train, valid = some_faces(tmp_path / "train.npz", 1), some_faces(tmp_path / "valid.npz", 2)
    before = valid.read_bytes()
    result = run("audit", train, valid, option, valid)
    assert result.exit_code == SettingsError.exit_code, result.output
    assert "valid.npz is what is read: choose another file" in result.output
    parts = run("audit", tmp_path, tmp_path, "--train-part", "train", "--valid-part", "valid", option, valid)
    assert parts.exit_code == SettingsError.exit_code, parts.output
    assert valid.read_bytes() == before


def test_soft_labels_never_take_the_place_of_their_faces(tmp_path: Path) -> None:
    data = some_faces(tmp_path / "some.npz")
    before = data.read_bytes()
    result = run("teach", data, "--teacher", "mien-m", "--out", data)
    assert result.exit_code == SettingsError.exit_code, result.output
    assert data.read_bytes() == before


def test_what_an_audit_writes_goes_to_a_file_of_its_own(tmp_path: Path) -> None:
    train, valid = some_faces(tmp_path / "train.npz", 1), some_faces(tmp_path / "valid.npz", 2)
    result = run("audit", train, valid, "--pairs", tmp_path / "out", "--sheet", tmp_path / "out")
    assert result.exit_code == SettingsError.exit_code, result.output
    assert "out is to be written twice" in result.output


def test_no_picture_of_a_folder_that_is_read_is_written_over(named: Path, tmp_path: Path) -> None:
    picture = next(path for path in sorted(named.rglob("*")) if path.is_file())
    before = picture.read_bytes()
    result = run("audit", named, named, "--sheet", picture)
    assert result.exit_code == SettingsError.exit_code, result.output
    assert "lies in what is read" in result.output
    assert picture.read_bytes() == before


@pytest.mark.parametrize("name", ["some.npz", "faces"])
def test_a_layout_that_there_is_not_is_refused_whatever_is_read(name: str, named: Path, tmp_path: Path) -> None:
    some_faces(tmp_path / "some.npz")
    result = run("split", tmp_path / name, "--out", tmp_path / "out", "--layout", "nonsense")
    assert result.exit_code == SettingsError.exit_code, result.output
    assert "unknown data layout 'nonsense': choose one of" in result.output


def some_faces(path: Path, seed: int = 1) -> Path:
    some = pictures(cast(60, seed), seed)
    np.savez(path, images=some.images, votes=some.votes)
    return path
