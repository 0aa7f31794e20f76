"""Figures by declared group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError, UnsupportedMediaError
from mien.evaluation.groups import read_groups, score_groups
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
    assert dim.accuracy < 0.2 < bright.accuracy
    assert told.largest_gap == pytest.approx(bright.accuracy - dim.accuracy)
    assert told.undeclared == 80


def test_no_request_tells_of_fewer_than_ten() -> None:
    votes = cast(20)
    groups = {"light": ("dim",) * 9 + ("bright",) * 11}
    report = score_groups(answers(votes), votes, groups, least_group=1)
    assert report.least_group == 10
    assert report.attributes["light"].groups["dim"] is None
    assert report.attributes["light"].largest_gap is None
