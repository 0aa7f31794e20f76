"""``mien predict`` on what it is asked to leave out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mien.cli import main
from mien.core.errors import SettingsError


def run(picture: Path, *left_out: str) -> Result:
    asked = [word for name in left_out for word in ("--leave-out", name)]
    return CliRunner().invoke(main, ["predict", str(picture), "--label-set", "engagement5", *asked])


def test_of_two_labels_that_are_left_each_face_is_given_one_and_the_other_comes_second(shared: Path) -> None:
    result = run(shared / "data" / "crowd" / "group-1.jpg", "happiness", "neutral", "surprise")
    assert result.exit_code == 0, result.output
    faces = json.loads(result.stdout)["read"]
    assert faces
    for face in faces:
        assert set(face["scores"]) == {"angry", "sad"}
        assert face["second"] in {"angry", "sad"} - {face["label"]}


@pytest.mark.parametrize(("further", "left"), [((), "angry"), (("anger",), "none")])
def test_fewer_labels_than_two_are_refused_before_a_picture_is_opened(further: tuple[str, ...], left: str) -> None:
    result = run(Path("nowhere.jpg"), "happiness", "neutral", "surprise", "sadness", *further)
    assert result.exit_code == SettingsError.exit_code
    assert f"of the labels of engagement5 {left} would be left without" in result.output
    assert "leave out fewer emotions" in result.output
