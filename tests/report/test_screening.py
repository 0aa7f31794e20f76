"""What was watched, as a report tells it: the film by its name, its scenes by what was read in them."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

import pytest

from mien.analysis.scenes import Scene
from mien.analysis.series import Series
from mien.core.errors import InputError, SettingsError, UnsupportedMediaError
from mien.report.document import Report, build_findings, build_report
from mien.report.html import render
from mien.report.screening import FilmFile, Screening
from tests.analysis.test_scene_detection import film
from tests.report.factory import CREATED, STEP, analysis_of, hall, nobody, one_person, suppressed_step
from tests.report.test_html import Outline

SCENES = (Scene("Stairs", 0, 88), Scene("Cellar", 88, 110), Scene("Black-out", 205.5, 216.5), Scene("Rest", 217, 360))


def page(screening: Screening, film_address: str | None = None) -> str:
    analysis = hall()
    series = Series.of(analysis.timeline.snapshots)
    findings = build_findings(analysis, CREATED, series, screening)
    return render(findings, series, analysis.timeline.series, film_address)


def test_a_report_without_a_screening_tells_of_none() -> None:
    findings = build_findings(one_person(), CREATED)
    assert (findings.film, findings.scenes) == (None, None)
    assert build_findings(one_person(), CREATED, screening=Screening()).film is None


def test_a_film_is_named_without_its_folder(tmp_path: Path) -> None:
    own = FilmFile.open(film(tmp_path / "secret folder.mp4", 1))
    told = build_findings(hall(), CREATED, screening=Screening(film=own, start_seconds=2.5)).film
    assert told is not None
    assert told.name == "secret folder.mp4"
    assert told.duration_seconds == pytest.approx(1, abs=0.1)
    [stretch] = told.stretches
    assert (stretch.recorded_start_seconds, stretch.film_start_seconds) == (2.5, 0)
    assert str(tmp_path) not in told.model_dump_json()


def test_scenes_tell_what_was_read_in_them_and_what_is_withheld() -> None:
    report = build_report(hall(), CREATED, Screening(scenes=SCENES, scene_list="cut.csv"))
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert report.scenes is not None
    assert report.scenes.source == "cut.csv"
    stairs, cellar, dark, _ = report.scenes.scenes
    assert stairs.emotions_percent is not None
    assert cellar.emotions_percent is not None
    assert cellar.emotions_percent.fear > stairs.emotions_percent.fear + 8
    assert (stairs.scares, cellar.scares) == (0, 1)
    assert dark.withheld == "fewer than 5 faces were readable at once"
    assert set(dark.model_dump(exclude_none=True)) == {
        "name", "start_seconds", "end_seconds", "start", "end", "recorded", "read_share", "withheld",
    }  # fmt: skip


def test_withheld_throughout_no_scene_tells_anything() -> None:
    analysis = analysis_of([suppressed_step(i * STEP) for i in range(40)], profile="cinema")
    told = build_findings(analysis, CREATED, screening=Screening(scenes=(Scene("S", 0, 20),))).scenes
    assert told is not None
    assert told.scenes[0].emotions_percent is None
    assert told.scenes[0].read_share == 0


def test_a_session_without_steps_has_scenes_without_figures() -> None:
    told = build_findings(analysis_of([]), CREATED, screening=Screening(scenes=(Scene("S", 0, 20),))).scenes
    assert told is not None
    assert told.scenes[0].withheld is not None


def test_an_address_leads_from_the_page_to_the_film(tmp_path: Path) -> None:
    (tmp_path / "films: new").mkdir()
    path = film(tmp_path / "films: new" / "50 % & “more”.mp4", 1)
    folder = tmp_path / "reports" / "one"
    folder.mkdir(parents=True)
    own = FilmFile.open(path)
    address = own.address(folder)
    assert not set(address) & set(' "<>&“')
    assert (folder / unquote(address)).resolve() == path.resolve()
    assert own.address(path.parent).startswith("./"), "a name with a colon is no scheme"


def test_only_what_can_be_a_film_is_taken(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        FilmFile.open(tmp_path / "none.mp4")
    (tmp_path / "notes.mp4").write_text("no film")
    with pytest.raises(UnsupportedMediaError, match="notes"):
        FilmFile.open(tmp_path / "notes.mp4")
    path = film(tmp_path / "audience.mp4", 1)
    os.link(path, tmp_path / "same.mp4")
    with pytest.raises(SettingsError, match="recording of the audience"):
        FilmFile.open(tmp_path / "same.mp4", [path])


def test_a_page_may_play_the_film_and_load_nothing_else() -> None:
    text = page(Screening(film=FilmFile(Path("night.webm"), 360.0)), "../night.webm")
    assert "media-src &#39;self&#39; blob:;" in text
    assert "default-src &#39;none&#39;" in text
    outline = Outline(text)
    assert outline.fetched == ["data:,", "../night.webm"]
    assert outline.open == []
    assert outline.tags.count("video") == 1
    assert "night.webm is not part of this page" in outline.words


def test_a_page_without_the_film_cannot_play_any() -> None:
    text = page(Screening(scenes=SCENES))
    assert "media-src" not in text
    assert "video" not in Outline(text).tags


def test_the_page_shows_scenes_over_the_timeline_and_in_a_table() -> None:
    text = page(Screening(scenes=SCENES, scene_list="cut.csv"))
    outline = Outline(text)
    assert outline.open == []
    assert text.count('<span class="band') == 4
    assert "Stairs" in outline.words
    assert "withheld: fewer than 5 faces were readable at once" in outline.words
    assert "of cut.csv" in outline.words
    assert text.count('class="lane scares"') == 1


def test_names_of_scenes_and_films_are_escaped() -> None:
    scenes = (Scene('</script><script>alert(1)</script>"', 0, 300),)
    text = page(Screening(film=FilmFile(Path('"><img src=x>.mp4'), None), scenes=scenes), "x.mp4")
    assert "<script>alert" not in text
    assert "<img" not in text
    assert Outline(text).open == []


def test_a_session_in_which_nobody_was_seen_still_has_its_film() -> None:
    analysis = nobody()
    series = Series.of(analysis.timeline.snapshots)
    screening = Screening(film=FilmFile(Path("night.webm"), None), scenes=(Scene("S", 0, 20),))
    text = render(build_findings(analysis, CREATED, series, screening), series, analysis.timeline.series, "night.webm")
    assert Outline(text).open == []
    assert "nothing was read in this scene" in text


def test_a_film_ends_where_its_file_does_and_not_with_the_recording() -> None:
    """What an audience showed after the last frame is no part of the film, and of no scene."""
    night = FilmFile(Path("night.webm"), 100.0)
    time = Screening(film=night, start_seconds=20.0).film_time(360.0)
    assert [(s.recorded_start, s.recorded_end, s.film_start, s.film_end) for s in time.stretches] == [(20, 120, 0, 100)]
    scenes = (Scene("Stairs", 0, 60), Scene("Credits", 60, 100), Scene("Never made", 100, 130))
    told = build_findings(hall(), CREATED, screening=Screening(film=night, start_seconds=20.0, scenes=scenes))
    assert told.film is not None
    assert told.film.stretches[0].recorded_end_seconds == 120
    assert told.scenes is not None
    stairs, rolling, beyond = told.scenes.scenes
    assert [(r.start_seconds, r.end_seconds) for r in rolling.recorded] == [(80, 120)]
    assert stairs.emotions_percent is not None
    assert beyond.recorded == ()
    assert beyond.withheld == "this scene was not shown while the recording was made"


def test_when_it_was_shown_is_told_without_the_film_itself() -> None:
    """Markers and comparisons read film time from the report, whether or not its owner gave the film."""
    told = build_findings(hall(), CREATED, screening=Screening(start_seconds=10.0, scenes=SCENES)).film
    assert told is not None
    assert (told.name, told.duration_seconds) == (None, None)
    assert [(s.recorded_start_seconds, s.film_start_seconds) for s in told.stretches] == [(10, 0)]
    words = " ".join(Outline(page(Screening(start_seconds=10.0, scenes=SCENES))).words.split())
    assert "Film not given, shown from 00:10 of the recording on" in words
    assert build_findings(hall(), CREATED, screening=Screening(scenes=SCENES)).film is None


def test_a_film_longer_than_the_recording_ends_with_it() -> None:
    time = Screening(film=FilmFile(Path("night.webm"), 500.0), start_seconds=-30.0).film_time(360.0)
    assert [(s.recorded_start, s.recorded_end, s.film_start, s.film_end) for s in time.stretches] == [(0, 360, 30, 390)]


def test_a_scene_without_a_scare_says_none_and_one_without_a_score_says_why() -> None:
    text = page(Screening(scenes=(Scene("Before it stands", 0, 20), Scene("Calm", 30, 60))))
    table = text.split('<table class="scene-table')[1].split("</table>")[0]
    _, early, calm = table.split('<tr><th scope="row"')
    assert '<td class="why" title="the baseline is not established yet">–</td>' in early
    assert "<td>0</td>" in calm
