"""``mien data coverage`` as text and JSON, and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from mien.cli import main
from mien.core.errors import InputError, UnsupportedMediaError
from mien.core.labels import EMOTIONS


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["data", "coverage", *map(str, arguments)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A hundred faces: forty fearful ones, then sixty neutral ones."""
    votes = np.zeros((100, 10), np.uint8)
    votes[:40, EMOTIONS.index("fear")] = 10
    votes[40:, EMOTIONS.index("neutral")] = 10
    np.savez(tmp_path / "faces.npz", images=np.zeros((100, 48, 48), np.uint8), votes=votes)
    return tmp_path / "faces.npz"


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    """Fearful are the young, neutral the old, of four nobody said, and of six it was said that they are children."""
    ages = ["young"] * 38 + ["old"] * 2 + ["old"] * 50 + ["child"] * 6
    path = tmp_path / "groups.csv"
    path.write_text("row,age\n" + "".join(f"{row},{age}\n" for row, age in enumerate(ages)))
    return path


def test_groups_are_told_with_their_emotions_and_what_is_short(data: Path, groups: Path) -> None:
    result = run(data, "--groups", groups)
    assert result.exit_code == 0, result.output
    assert "age: nothing declared of 4 faces (4.0 %)" in result.output
    assert "child  few: fewer than 30" in result.output
    assert "old    52 (54.2 %): neutral 50, happiness 0" in result.output
    assert "warning: old is 54.2 % of all and 5.0 % of fear (2 faces)" in result.output
    assert "warning: young is 39.6 % of all and 0.0 % of neutral (0 faces)" in result.output


def test_the_json_has_every_figure(data: Path, groups: Path) -> None:
    result = run(data, "--groups", groups, "--json", "--min-group", 40)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["least_group"] == 40
    age = told["attributes"]["age"]
    assert age["undeclared"] == 4
    assert age["groups"]["young"] is None
    assert age["groups"]["old"]["emotions"]["fear"] == 2
    assert [short["emotion"] for short in age["shortfalls"]] == ["fear"]


def test_what_is_missing_or_does_not_fit_is_named(data: Path, groups: Path, tmp_path: Path) -> None:
    assert "--groups" in run(data).output, "groups are declared, or there is nothing to tell"
    for table, error, said in (
        (tmp_path / "absent.csv", InputError, "no such table of groups"),
        (tmp_path / "longer.csv", UnsupportedMediaError, "is no row of a data set of 100 faces"),
    ):
        (tmp_path / "longer.csv").write_text("row,age\n100,young\n")
        result = run(data, "--groups", table)
        assert result.exit_code == error.exit_code
        assert said in result.output
    assert run(tmp_path / "absent.npz", "--groups", groups).exit_code == InputError.exit_code
