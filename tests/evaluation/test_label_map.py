"""A label map is followed in whatever case it is written, and one that would be ignored is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from mien.cli import main
from mien.core.errors import SettingsError
from mien.core.labels import EMOTIONS
from mien.evaluation.faces import load_voted_faces
from mien.evaluation.label_map import check_label_map, translated
from mien.evaluation.layouts import ReadOptions
from tests.evaluation.test_layouts import PIXELS, TREES, class_folders, npz, save, table

SAID = r"label_map: no class of the data is called 'contemp': they are anger, contempt, .*surprise"


@pytest.mark.parametrize("key", ["contempt", "Contempt", " CONTEMPT "])
@pytest.mark.parametrize("tree", [npz, class_folders, table])
def test_a_name_is_translated_whatever_its_case(tree: Callable[[Path], Path], key: str, tmp_path: Path) -> None:
    faces = load_voted_faces(tree(tmp_path), ReadOptions(label_map={key: "ignore"}))
    assert len(faces) == 7
    assert not faces.votes[:, EMOTIONS.index("contempt")].any()


def test_a_name_is_its_own_before_it_is_another_s() -> None:
    assert translated("not_a face", {"Not-A-Face": "ignore"}) == "ignore"
    assert [translated(name, {"a": "anger", "B": "fear"}) for name in ("A", "b", "c")] == ["anger", "fear", "c"]
    assert translated("A", {"a": "anger", "A": "fear"}) == "fear"


def test_a_key_that_no_class_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match=SAID):
        check_label_map({"contemp": "ignore"}, [EMOTIONS], "label_map")
    with pytest.raises(SettingsError, match="'Fear' and 'fear' are one name"):
        check_label_map({"Fear": "ignore", "fear": "surprise"}, [EMOTIONS], "label_map")
    check_label_map({"Fear": "anger", "fear": "anger"}, [EMOTIONS], "label_map")
    check_label_map({"bored": "ignore"}, [EMOTIONS, ("Bored",)], "label_map")
    check_label_map({}, [], "label_map")


@pytest.mark.parametrize("name", TREES)
def test_every_layout_tells_the_names_of_its_classes_whatever_part_is_read(name: str, tmp_path: Path) -> None:
    path = TREES[name](tmp_path)
    called = load_voted_faces(path, layout=name).called
    assert called
    part = "all" if name == "npz" else "train"
    assert load_voted_faces(path, ReadOptions(part), name).called == called  # type: ignore[arg-type]
    for key in called:
        check_label_map({key: "ignore"}, [called], "label_map")


def test_a_class_that_only_another_part_shows_may_be_named(tmp_path: Path) -> None:
    assert "contempt" in load_voted_faces(class_folders(tmp_path), ReadOptions("train")).called
    (tmp_path / "table").mkdir()
    assert "contempt" in load_voted_faces(table(tmp_path / "table"), ReadOptions("train")).called


def told(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["data", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


def test_a_command_refuses_what_none_of_its_data_sets_has(tmp_path: Path) -> None:
    for part, names in (("seen", ("happy", "bored")), ("held", ("happy", "moved"))):
        for row, name in enumerate(names):
            save(tmp_path / part / name / "a.png", PIXELS[row])
    both = ("audit", tmp_path / "seen", tmp_path / "held", "--layout", "class-folders")
    code, _ = told(*both, "--label-map", "Bored=unknown", "--label-map", "moved=unknown")
    assert code == 0
    known = ("--label-map", "bored=unknown", "--label-map", "moved=unknown")
    code, output = told(*both, *known, "--label-map", "bord=unknown")
    assert code == SettingsError.exit_code
    assert "--label-map: no class of the data is called 'bord': they are bored, happy, moved" in output
    code, output = told(
        "split", npz(tmp_path), "--out", tmp_path / "out", "--shares", 1, 0, 0, "--label-map", "contemp=ignore"
    )
    assert code == SettingsError.exit_code
    assert "'contemp'" in output
    assert not (tmp_path / "out").exists()
