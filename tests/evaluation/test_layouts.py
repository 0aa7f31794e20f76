"""Every layout of labelled faces, as tiny trees: found by itself, read in order, its bad rows named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.core.errors import InputError, SettingsError, UnsupportedMediaError
from mien.core.labels import COMPOUND12, EMOTIONS
from mien.evaluation.faces import VotedFaces, load_voted_faces
from mien.evaluation.layouts import ReadOptions, find_layout, layouts, load_layout

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(0, 256, (8, 48, 48), dtype=np.uint8)
"""Eight pictures: the first six are for training, then one each for validation and test where there are such parts."""
COLUMNS = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
USAGE = ["Training"] * 6 + ["PublicTest", "PrivateTest"]
FOLDER = {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}


def votes_of(row: int) -> list[int]:
    votes = [0] * 10
    votes[row] = 7
    votes[(row + 1) % 10] = 3
    return votes


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def words(pixels: np.ndarray) -> str:
    return " ".join(map(str, pixels.ravel()))


def npz(root: Path) -> Path:
    np.savez(root / "train.npz", images=PIXELS, votes=np.array([votes_of(i) for i in range(8)], np.uint8))
    return root / "train.npz"


def fer2013(root: Path) -> Path:
    codes = [6, 3, 5, 4, 0, 1, 2, 6]
    lines = [f"{c},{words(p)},{u}" for c, p, u in zip(codes, PIXELS, USAGE, strict=True)]
    (root / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *lines]))
    return root / "fer2013.csv"


def ferplus_table(root: Path) -> None:
    lines = [f"{u},fer{i:07d}.png,{','.join(map(str, votes_of(i)))}" for i, u in enumerate(USAGE)]
    left_out = "Training,,0,0,0,0,0,0,0,0,0,10"
    (root / "fer2013new.csv").write_text("\n".join([COLUMNS, *lines, left_out]))


def ferplus(root: Path) -> Path:
    ferplus_table(root)
    pixels = [f"0,{words(p)},{u}" for p, u in zip(PIXELS, USAGE, strict=True)]
    (root / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *pixels, f"0,{words(PIXELS[0])},Training"]))
    return root


def class_folders(root: Path) -> Path:
    for row, name in enumerate(["neutral", "happy", "Surprise", "sad", "angry", "disgust"]):
        save(root / "train" / name / "a.png", PIXELS[row])
    save(root / "val" / "fear" / "a.png", PIXELS[6])
    save(root / "test" / "contempt" / "a.png", PIXELS[7])
    return root


def rafdb(root: Path, codes: list[int]) -> Path:
    names = [f"{'train' if i < 7 else 'test'}_{i:05d}.jpg" for i in range(8)]
    (root / "EmoLabel").mkdir()
    (root / "EmoLabel" / "list_patition_label.txt").write_text(
        "\n".join(f"{n} {c}" for n, c in zip(names, codes, strict=True))
    )
    for name, pixels in zip(names, PIXELS, strict=True):
        save(
            root / "Image" / "aligned" / name.replace(".jpg", "_aligned.jpg"),
            np.kron(pixels, np.ones((2, 2), np.uint8)),
        )
    return root


def rafdb_basic(root: Path) -> Path:
    return rafdb(root, [7, 4, 1, 5, 6, 3, 2, 7])


def rafdb_compound(root: Path) -> Path:
    return rafdb(root, [1, 4, 8, 11, 9, 2, 3, 5])


def affectnet(root: Path) -> Path:
    head = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    codes = [0, 1, 3, 2, 6, 5, 4, 7]
    for name, rows in (("training.csv", range(7)), ("validation.csv", range(7, 8))):
        lines = [f"{r}/{r}.png,8,4,48,48,1;2,{codes[r]},0.1,0.2" for r in rows]
        (root / name).write_text("\n".join([head, *lines]))
    for row, pixels in enumerate(PIXELS):
        whole = np.zeros((60, 70), np.uint8)
        whole[4:52, 8:56] = pixels
        save(root / "Manually_Annotated_Images" / str(row) / f"{row}.png", whole)
    return root


def table(root: Path) -> Path:
    lines = [f"faces/{i}.png,{e},{'train' if i < 6 else 'valid'}" for i, e in enumerate(EMOTIONS)]
    (root / "faces.csv").write_text("\n".join(["image,label,part", *lines]))
    for row, pixels in enumerate(PIXELS):
        save(root / "faces" / f"{row}.png", pixels)
    return root / "faces.csv"


TREES: dict[str, Callable[[Path], Path]] = {
    "affectnet": affectnet,
    "class-folders": class_folders,
    "fer2013": fer2013,
    "ferplus": ferplus,
    "npz": npz,
    "rafdb-basic": rafdb_basic,
    "rafdb-compound": rafdb_compound,
    "table": table,
}
EXACT = ("affectnet", "fer2013", "ferplus", "npz", "table")
"""Layouts whose pictures reach us unchanged and in the order of :data:`PIXELS`."""


def read(name: str, path: Path, **options: object) -> VotedFaces:
    return load_voted_faces(path, ReadOptions(**options), name)  # type: ignore[arg-type]


def test_every_layout_has_a_tree_here() -> None:
    assert tuple(sorted(TREES)) == layouts()


@pytest.mark.parametrize("name", TREES)
def test_a_layout_is_found_and_read(name: str, tmp_path: Path) -> None:
    path = TREES[name](tmp_path)
    assert find_layout(path) == name
    faces = load_voted_faces(path)
    assert faces.images.shape == (8, 48, 48)
    assert faces.images.dtype == np.uint8
    assert faces.votes.shape == (8, len(faces.labels) + 2)
    assert set(faces.votes.sum(axis=1).tolist()) == {10}
    if name != "rafdb-compound":
        assert faces.labels == EMOTIONS
        assert sorted(set(faces.votes.argmax(axis=1).tolist())) == list(
            range(8 if "raf" not in name and name != "fer2013" else 7)
        )


@pytest.mark.parametrize("name", EXACT)
def test_pictures_are_as_they_were_in_the_order_of_the_files(name: str, tmp_path: Path) -> None:
    assert (load_voted_faces(TREES[name](tmp_path)).images == PIXELS).all()


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("affectnet", "0/0.png"),
        ("class-folders", "test/contempt/a.png"),
        ("fer2013", None),
        ("ferplus", "fer0000000.png"),
        ("npz", None),
        ("rafdb-basic", "train_00000.jpg"),
        ("rafdb-compound", "train_00000.jpg"),
        ("table", "faces/0.png"),
    ],
)
def test_pictures_are_called_as_the_data_set_calls_them(name: str, first: str | None, tmp_path: Path) -> None:
    faces = load_voted_faces(TREES[name](tmp_path))
    assert len(faces.files) == (0 if first is None else 8)
    assert first is None or faces.files[0] == first


@pytest.mark.parametrize(
    ("name", "part", "count"),
    [
        ("affectnet", "valid", 1),
        ("affectnet", "train", 7),
        ("class-folders", "train", 6),
        ("class-folders", "valid", 1),
        ("class-folders", "test", 1),
        ("fer2013", "train", 6),
        ("fer2013", "test", 1),
        ("ferplus", "train", 6),
        ("ferplus", "valid", 1),
        ("npz", "train", 8),
        ("rafdb-basic", "train", 7),
        ("rafdb-basic", "test", 1),
        ("table", "valid", 2),
    ],
)
def test_a_part_is_its_rows(name: str, part: str, count: int, tmp_path: Path) -> None:
    assert len(read(name, TREES[name](tmp_path), part=part)) == count


@pytest.mark.parametrize("name", ["affectnet", "npz", "rafdb-basic", "rafdb-compound", "table"])
def test_a_part_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    part = "valid" if "raf" in name else "test"
    with pytest.raises((InputError, UnsupportedMediaError), match=part):
        read(name, TREES[name](tmp_path), part=part)


def test_codes_mean_what_the_data_sets_say(tmp_path: Path) -> None:
    """Each tree is written so that row *n* is the canonical emotion *n*."""
    for name in ("affectnet", "table"):
        (tmp_path / name).mkdir()
        assert load_voted_faces(TREES[name](tmp_path / name)).votes.argmax(axis=1).tolist() == list(range(8))
    for name in ("fer2013", "rafdb-basic"):
        (tmp_path / name).mkdir()
        assert load_voted_faces(TREES[name](tmp_path / name)).votes.argmax(axis=1).tolist() == [*range(7), 0]


def test_votes_of_ferplus_are_kept_and_left_out_rows_are_left_out(tmp_path: Path) -> None:
    assert load_voted_faces(ferplus(tmp_path)).votes.tolist() == [votes_of(i) for i in range(8)]


@pytest.mark.parametrize("form", ["pictures", "label files"])
def test_ferplus_in_folders_is_ferplus_in_tables(form: str, tmp_path: Path) -> None:
    home = tmp_path / "images" if form == "pictures" else tmp_path
    for row, usage in enumerate(USAGE):
        save(home / FOLDER[usage] / f"fer{row:07d}.png", PIXELS[row])
    if form == "pictures":
        ferplus_table(tmp_path)
    else:
        for folder in set(FOLDER.values()):
            rows = [i for i, u in enumerate(USAGE) if FOLDER[u] == folder]
            lines = [f'fer{i:07d}.png,"(0, 0, 48, 48)",{",".join(map(str, votes_of(i)))}' for i in rows]
            (tmp_path / folder / "label.csv").write_text("\n".join(lines))
    faces = load_voted_faces(tmp_path)
    assert (faces.images == PIXELS).all()
    assert faces.votes.tolist() == [votes_of(i) for i in range(8)]


def test_affectnet_in_sets(tmp_path: Path) -> None:
    for row, code in enumerate([0, 1, 8, 10]):
        save(tmp_path / "train_set" / "images" / f"{row}.png", PIXELS[row])
        (tmp_path / "train_set" / "annotations").mkdir(exist_ok=True)
        np.save(tmp_path / "train_set" / "annotations" / f"{row}_exp.npy", np.array(str(code)))
    assert find_layout(tmp_path) == "affectnet"
    assert load_voted_faces(tmp_path).votes.argmax(axis=1).tolist() == [0, 1, 8, 9]


def test_rafdb_compound_has_eleven_classes_and_can_be_read_as_compound12(tmp_path: Path) -> None:
    path = rafdb_compound(tmp_path)
    faces = load_voted_faces(path)
    assert len(faces.labels) == 11
    assert [faces.labels[i] for i in faces.votes.argmax(axis=1)[:3]] == [
        "happily surprised", "sadly angry", "fearfully surprised",
    ]  # fmt: skip
    others = {name: "other" for name in faces.labels if name not in COMPOUND12.labels}
    twelve = read("rafdb-compound", path, labels=COMPOUND12.labels, label_map=others)
    assert [COMPOUND12.labels[i] for i in twelve.votes.argmax(axis=1)] == [
        "happily surprised", "sadly angry", "fearfully surprised", *["other"] * 5,
    ]  # fmt: skip


def test_folders_named_after_compounds_are_compound12(tmp_path: Path) -> None:
    save(tmp_path / "happily surprised" / "a.png", PIXELS[0])
    save(tmp_path / "Sad" / "a.png", PIXELS[1])
    faces = load_voted_faces(tmp_path)
    assert faces.labels == COMPOUND12.labels
    assert [faces.labels[i] for i in faces.votes.argmax(axis=1)] == ["sad", "happily surprised"]


def test_folders_with_numbers_need_a_map(tmp_path: Path) -> None:
    for number, row in (("1", 0), ("2", 1), ("9", 2)):
        save(tmp_path / number / "a.png", PIXELS[row])
    with pytest.raises(
        UnsupportedMediaError, match=r"like none of .* Folders of classes of your own are 'class-folders'"
    ):
        load_voted_faces(tmp_path)
    faces = read("class-folders", tmp_path, label_map={"1": "surprise", "2": "fear", "9": "ignore"})
    assert faces.votes.argmax(axis=1).tolist() == [EMOTIONS.index("surprise"), EMOTIONS.index("fear")]


def test_classes_of_ones_own(tmp_path: Path) -> None:
    save(tmp_path / "bored" / "a.png", PIXELS[0])
    save(tmp_path / "moved" / "a.png", PIXELS[1])
    faces = read("class-folders", tmp_path, labels=("moved", "bored"))
    assert faces.votes.argmax(axis=1).tolist() == [1, 0]


def test_colour_and_size_are_those_asked_for(tmp_path: Path) -> None:
    path = rafdb_basic(tmp_path)
    assert load_voted_faces(path, ReadOptions(size_px=64, colour="rgb")).images.shape == (8, 64, 64, 3)


def test_a_picture_that_is_not_square_loses_its_edges_not_its_shape(tmp_path: Path) -> None:
    wide = np.zeros((48, 68), np.uint8)
    wide[:, 10:58] = PIXELS[0]
    save(tmp_path / "happy" / "a.png", wide)
    assert (load_voted_faces(tmp_path).images[0] == PIXELS[0]).all()


def spoil_fer2013(root: Path) -> Path:
    path = fer2013(root)
    lines = path.read_text().splitlines()
    lines[2] = lines[2].replace(" ", "", 1)
    lines[4] = "9" + lines[4][1:]
    path.write_text("\n".join(lines))
    return path


def spoil_ferplus(root: Path) -> Path:
    path = ferplus(root)
    lines = (root / "fer2013new.csv").read_text().splitlines()
    lines[2] = lines[2].rsplit(",", 1)[0] + ",x"
    lines[4] = lines[4].replace("Training", "PublicTest")
    (root / "fer2013new.csv").write_text("\n".join(lines))
    return path


def spoil_folders(root: Path) -> Path:
    path = class_folders(root)
    (root / "train" / "happy" / "b.png").write_bytes(b"no picture")
    save(root / "train" / "bemused" / "c.png", PIXELS[0])
    return path


def spoil_rafdb(root: Path) -> Path:
    path = rafdb_basic(root)
    file = root / "EmoLabel" / "list_patition_label.txt"
    file.write_text(file.read_text() + "\ntrain_99999.jpg 3\ntrain_0.jpg 0")
    return path


def spoil_affectnet(root: Path) -> Path:
    path = affectnet(root)
    text = (root / "training.csv").read_text().splitlines()
    text[1] = text[1].replace(",0,0.1", ",77,0.1")
    text[2] = text[2].replace("8,4,48,48", "900,4,48,48")
    (root / "training.csv").write_text("\n".join(text))
    return path


def spoil_table(root: Path) -> Path:
    path = table(root)
    path.write_text(path.read_text().replace("happiness", "gloomy").replace("faces/2.png", "faces/none.png"))
    return path


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (spoil_fer2013, [r"2 rows", r"line 3: 230[3-4] pixels", r"line 5: emotion is '9'"]),
        (spoil_ferplus, [r"line 3: votes must be whole numbers", r"line 5: Usage is 'PublicTest' here"]),
        (spoil_folders, [r"happy/b\.png: b\.png is not a picture", r"bemused/c\.png: no class 'bemused'"]),
        (spoil_rafdb, [r"line 9: no such picture", r"line 10: 'train_0\.jpg 0'"]),
        (spoil_affectnet, [r"training\.csv line 2: expression is '77'", r"line 3: the face box .* outside"]),
        (spoil_table, [r"line 3: no class 'gloomy'", r"line 4: no such picture: none\.png"]),
    ],
)
def test_rows_that_cannot_be_used_are_named(spoil: Callable[[Path], Path], named: list[str], tmp_path: Path) -> None:
    for pattern in named:
        root = tmp_path / str(named.index(pattern))
        root.mkdir()
        with pytest.raises(UnsupportedMediaError, match=pattern):
            load_voted_faces(spoil(root))


def test_a_picture_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "happy" / "a.png", np.zeros((4, 9000), np.uint8))
    with pytest.raises(UnsupportedMediaError, match="9000×4 pixels"):
        load_voted_faces(tmp_path)


def test_nothing_there_and_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent"):
        load_voted_faces(tmp_path / "absent")
    with pytest.raises(InputError, match="absent"):
        load_voted_faces(tmp_path / "absent.npz")
    with pytest.raises(UnsupportedMediaError, match="like none of"):
        load_voted_faces(tmp_path)
    with pytest.raises(SettingsError, match="affectnet"):
        load_layout("imagenet")


def table_of_votes(root: Path) -> Path:
    lines = [f"faces/{i}.png,{','.join(map(str, votes_of(i)))}" for i in range(8)]
    table(root).write_text("\n".join([f"image,{','.join(EMOTIONS)},unknown,not-a-face", *lines]))
    return root / "faces.csv"


@pytest.mark.parametrize("tree", [npz, ferplus, table_of_votes])
def test_faces_of_an_ignored_class_are_left_out_wherever_votes_lie(
    tree: Callable[[Path], Path], tmp_path: Path
) -> None:
    """In folders of classes the whole face is left out; a face whose votes were only emptied would turn neutral."""
    happiness, surprise = EMOTIONS.index("happiness"), EMOTIONS.index("surprise")
    path = tree(tmp_path)
    faces = load_voted_faces(path, ReadOptions(label_map={"happiness": "ignore"}))
    whole = load_voted_faces(path)
    others = whole.votes.argmax(axis=1) != happiness
    assert len(faces) == 7
    assert (faces.images == whole.images[others]).all()
    assert faces.files == tuple(file for file, other in zip(whole.files, others, strict=False) if other)
    expected = whole.votes[others]
    expected[:, happiness] = 0
    assert (faces.votes == expected).all(), "votes of other faces for it are left out, too"
    merged = load_voted_faces(path, ReadOptions(label_map={"happiness": "surprise"}))
    assert merged.votes[happiness, surprise] == 10


@pytest.mark.parametrize("tree", [npz, ferplus, table_of_votes])
def test_votes_stay_with_their_emotions_in_whatever_order_these_are_asked_for(
    tree: Callable[[Path], Path], tmp_path: Path
) -> None:
    path, alphabetical = tree(tmp_path), tuple(sorted(EMOTIONS))
    whole = load_voted_faces(path)
    asked = load_voted_faces(path, ReadOptions(labels=alphabetical))
    assert asked.labels == alphabetical
    for column, emotion in enumerate(alphabetical):
        assert asked.votes[:, column].tolist() == whole.votes[:, EMOTIONS.index(emotion)].tolist(), emotion
    assert asked.votes[:, -2:].tolist() == whole.votes[:, -2:].tolist()
    left = load_voted_faces(path, ReadOptions(labels=alphabetical, label_map={"contempt": "ignore"}))
    assert [emotion for emotion in alphabetical if not left.votes[:, alphabetical.index(emotion)].any()] == ["contempt"]
