"""``mien scenes`` from a film or a list to a table that ``mien compare`` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from mien.analysis.scene_lists import read_scenes
from mien.analysis.scenes import Scene
from mien.cli import main
from tests.analysis.test_scene_detection import RATE, film


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["scenes", *map(str, arguments)])


def test_a_film_becomes_a_list_of_its_scenes(tmp_path: Path) -> None:
    done = run(film(tmp_path / "film.mp4", 2, 3), "--out", tmp_path / "scenes.csv")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'scenes.csv'}: 2 scenes\n"
    scenes = read_scenes(tmp_path / "scenes.csv")
    np.testing.assert_allclose([(s.start_seconds, s.end_seconds) for s in scenes], [(0, 2), (2, 5)], atol=1 / RATE)


def test_an_edl_becomes_a_table_in_seconds(tmp_path: Path) -> None:
    edl = tmp_path / "cut.edl"
    edl.write_text("001  AX  V  C  00:00:00:00 00:00:04:00 01:00:02:00 01:00:06:00\n* FROM CLIP NAME: Cellar\n")
    assert run(edl, "--frame-rate", "25", "--out", tmp_path / "scenes.csv").exit_code == 0
    assert read_scenes(tmp_path / "scenes.csv") == (Scene("Cellar", 2, 6),)


def test_what_has_no_scenes_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    for name, code in (("none.mp4", 3), ("text.mp4", 4), ("cut.edl", 2), ("none.vtt", 3)):
        done = run(tmp_path / name, "--out", tmp_path / "scenes.csv")
        assert (done.exit_code, name in done.stderr) == (code, True), done.stderr
        assert not (tmp_path / "scenes.csv").exists()


def test_what_is_no_film_is_told_in_one_line_with_a_remedy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "report.json").write_text('{"schema_version": 1}')
    done = run(tmp_path / "report.json", "--out", tmp_path / "scenes.csv")
    assert done.exit_code == 4
    assert len(done.stderr.strip().splitlines()) == 1
    assert "give a video, or a list of scenes as .csv, .edl or .vtt" in done.stderr
    assert caplog.records == []
    folder = run(tmp_path, "--out", tmp_path / "scenes.csv")
    assert "is a folder: give the film itself" in folder.stderr
