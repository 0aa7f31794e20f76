"""Figures by declared group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from mien.core.errors import InputError, UnsupportedMediaError
from mien.evaluation.groups import GroupScore, read_groups, score_groups
from tests.evaluation.votes import answers, cast, known


def table(folder: Path, text: str) -> Path:
    path = folder / "groups.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_declared_by_position(tmp_path: Path) -> None:
    groups = read_groups(table(tmp_path, "row,light,camera\n02,dim,a\n0,bright,\n"), 4)
    assert groups == {"light": ("bright", "", "dim", ""), "camera": ("", "", "a", "")}


def test_pictures_are_declared_by_name(tmp_path: Path) -> None:
    files = ("a/1.jpg", "a/2.jpg", "b/1.jpg", "a/2.jpg")
    path = table(tmp_path, "file,light\na/2.jpg,dim\nb/1.jpg,bright\nof/another/part.jpg,dim\n")
    assert read_groups(path, 4, files) == {"light": ("", "dim", "bright", "dim")}
    with pytest.raises(UnsupportedMediaError, match=r"appears twice"):
        read_groups(table(tmp_path, "file,light\na/2.jpg,dim\na/2.jpg,dim\n"), 4, files)
    with pytest.raises(UnsupportedMediaError, match=r"called such as 'a/1\.jpg'"):
        read_groups(table(tmp_path, "file,light\n2.jpg,dim\n"), 4, files)
    with pytest.raises(UnsupportedMediaError, match="has no names of pictures: use 'row'"):
        read_groups(path, 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("light\ndim\n", "column 'row'"),
        ("row\n1\n", "one column an attribute"),
        ("row,file,light\n1,a.jpg,dim\n", "either a column 'row'"),
        ("", "no header"),
        ("row,light\n9,dim\n", "no row of a data set of 4"),
        ("row,light\none,dim\n", "line 2"),
        ("row,light\n1,dim\n1,dim\n", "appears twice"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UnsupportedMediaError, match=said):
        read_groups(table(tmp_path, text), 4)


def test_a_missing_table_is_said() -> None:
    with pytest.raises(InputError, match="no such table"):
        read_groups(Path("nowhere.csv"), 4)


def test_a_group_that_is_read_worse_shows_and_a_small_one_is_withheld() -> None:
    votes = cast(300)
    p = answers(votes)
    p[100:200] = np.eye(8, dtype=np.float32)[7] * 0.9 + 0.0125
    groups = {"light": ("bright",) * 100 + ("dim",) * 100 + ("dusk",) * 20 + ("",) * 80}
    told = score_groups(p, votes, groups, least_group=30).attributes["light"]
    assert told.groups["dusk"] is None
    dim, bright = known(told.groups["dim"]), known(told.groups["bright"])
    assert known(dim.accuracy) < 0.2 < known(bright.accuracy)
    assert told.largest_gap == pytest.approx(known(bright.accuracy) - known(dim.accuracy))
    assert told.undeclared == 80


def test_no_request_tells_of_fewer_than_ten() -> None:
    votes = cast(20)
    groups = {"light": ("dim",) * 9 + ("bright",) * 11}
    report = score_groups(answers(votes), votes, groups, least_group=1)
    assert report.least_group == 10
    assert report.attributes["light"].groups["dim"] is None
    assert report.attributes["light"].largest_gap is None


def unlabelled(votes: np.ndarray, rows: slice) -> np.ndarray:
    """The votes, as if most people could not tell in some of the rows."""
    votes = votes.copy()
    votes[rows] = 0
    votes[rows, 8] = 10
    return votes


def test_what_stands_on_too_few_labelled_faces_is_withheld_with_their_number() -> None:
    """A group of forty of which one is labelled would have an accuracy of exactly 0 or 1."""
    votes = unlabelled(cast(160), slice(1, 40))
    groups = {"light": ("dim",) * 40 + ("bright",) * 60 + ("dusk",) * 60}
    told = score_groups(answers(np.maximum(votes, 1)), votes, groups).attributes["light"]
    dim, bright, dusk = (known(told.groups[name]) for name in ("dim", "bright", "dusk"))
    assert (dim.faces, dim.argmax_faces, dim.voted_faces) == (40, 1, 1)
    for figure in (dim.accuracy, dim.interval, dim.macro_recall, dim.macro_recall_interval, dim.fear_recall, dim.ece):
        assert figure is None
    assert known(bright.majority_faces) >= 30
    assert told.largest_gap == pytest.approx(abs(known(bright.accuracy) - known(dusk.accuracy)))


def test_a_group_that_nobody_labelled_has_no_accuracy_and_no_part_in_the_gap() -> None:
    votes = unlabelled(cast(60), slice(0, 15))
    groups = {"light": ("dim",) * 15 + ("bright",) * 45}
    told = score_groups(answers(np.maximum(votes, 1)), votes, groups, least_group=10).attributes["light"]
    dim = known(told.groups["dim"])
    assert (dim.accuracy, dim.majority_faces, dim.ece) == (None, 0, None)
    assert known(told.groups["bright"]).accuracy is not None
    assert told.largest_gap is None


def test_the_recall_of_fear_counts_the_faces_that_show_it() -> None:
    votes = np.zeros((80, 10), np.uint8)
    votes[:, 0] = 10
    votes[:12] = np.eye(10, dtype=np.uint8)[6] * 10
    groups = {"light": ("dim",) * 40 + ("bright",) * 40}
    for least, recall in ((10, 1.0), (30, None)):
        dim = known(score_groups(answers(votes), votes, groups, least).attributes["light"].groups["dim"])
        assert (dim.fear_faces, dim.fear_recall, dim.argmax_faces) == (12, recall, 40)


def test_figures_of_before_their_faces_were_told_are_read() -> None:
    old = {"faces": 40, "accuracy": 0.5, "interval": [0.4, 0.6], "macro_recall": 0.5, "macro_recall_interval": None,
           "fear_recall": None, "ece": 0.1}  # fmt: skip
    read = TypeAdapter(GroupScore).validate_python(old)
    assert (read.accuracy, read.majority_faces) == (0.5, None)
