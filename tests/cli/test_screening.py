"""``mien analyze --film`` and ``--scenes``: what is refused before any time is spent, and what is taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mien.cli import main
from mien.cli._screening import screening_of
from mien.core.errors import SettingsError
from tests.analysis.test_scene_detection import film

LOG = {
    "camera": {"start_wall_seconds": 0},
    "events": [{"wall_seconds": 2, "event": "play", "media_seconds": 0}],
    "end_wall_seconds": 60,
}
NOTHING = {
    "film": None,
    "film_start": None,
    "playback": None,
    "scene_list": None,
    "frame_rate": None,
    "start_timecode": "01:00:00:00",
}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["analyze", *map(str, arguments)])


def test_nothing_asked_for_is_nothing_told(tmp_path: Path) -> None:
    told = screening_of(NOTHING, tmp_path, ["talk.mp4"])
    assert (told.film, told.scenes) == (None, ())


def test_a_film_and_its_scenes_are_taken(tmp_path: Path) -> None:
    path = film(tmp_path / "night.mp4", 2)
    (tmp_path / "cut.csv").write_text("name,start_seconds,end_seconds\nCellar,0,2\n")
    asked = {**NOTHING, "film": path, "film_start": -3.5, "scene_list": tmp_path / "cut.csv"}
    told = screening_of(asked, tmp_path, ["talk.mp4"])
    assert told.film is not None
    assert told.film.path == path
    assert told.start_seconds == -3.5
    assert [scene.name for scene in told.scenes] == ["Cellar"]
    assert told.scene_list == "cut.csv"


def test_a_log_beside_the_results_is_taken_unless_another_time_is_told(tmp_path: Path) -> None:
    path = film(tmp_path / "night.mp4", 2)
    (tmp_path / "playback.json").write_text(json.dumps(LOG))
    assert screening_of({**NOTHING, "film": path}, tmp_path, ["talk.mp4"]).playback is not None
    assert screening_of({**NOTHING, "film": path, "film_start": 1.0}, tmp_path, ["talk.mp4"]).playback is None


def test_two_ways_of_telling_the_time_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="give one of them"):
        screening_of({**NOTHING, "film_start": 1.0, "playback": tmp_path / "log.json"}, tmp_path, ["talk.mp4"])
    with pytest.raises(SettingsError, match="--film"):
        screening_of({**NOTHING, "film_start": 1.0}, tmp_path, ["talk.mp4"])


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--film", "none.mp4"), 3, "none.mp4"),
        (("--scenes", "none.csv"), 3, "none.csv"),
        (("--scenes", "cut.edl"), 2, "frame rate"),
        (("--film-start", "3"), 2, "--film"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    tmp_path: Path, options: tuple[str, str], code: int, told: str
) -> None:
    talk = film(tmp_path / "talk.mp4", 1)
    name, value = options
    given = value if value.isdigit() else tmp_path / value
    done = run(talk, name, given, "--out", tmp_path / "out")
    assert (done.exit_code, told in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "out").exists()


def test_the_recording_is_no_film(tmp_path: Path) -> None:
    talk = film(tmp_path / "talk.mp4", 1)
    done = run(talk, "--film", talk, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "recording of the audience" in done.stderr


def test_a_film_that_would_begin_after_the_recording_is_refused_at_once(tmp_path: Path) -> None:
    talk, night = film(tmp_path / "talk.mp4", 1), film(tmp_path / "night.mp4", 1)
    done = run(talk, "--film", night, "--film-start", 60, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "1 seconds long" in done.stderr
    assert not (tmp_path / "out").exists()


def test_without_a_browser_a_pdf_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_BROWSER", "no-such-browser")
    done = run(film(tmp_path / "talk.mp4", 1), "--pdf", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "no-such-browser" in done.stderr
    assert not (tmp_path / "out").exists()
