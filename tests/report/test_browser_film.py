"""The film beside the timeline, in a real browser: each follows the other, and either is well without the other."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from mien.analysis.alignment import CameraClock, Playback, PlaybackEvent, PlaybackKind, PlaybackLog
from mien.analysis.scenes import Scene
from mien.report import write_reports
from mien.report.screening import FilmFile, Screening
from tests.report.factory import CREATED, hall, one_person
from tests.report.test_browser import CONTRASTS
from tests.visits import Visits, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., Any]
SCENES = (Scene("Arrival", 0, 9), Scene("Garden", 9, 22), Scene("Night", 22, 34))
FILM_SECONDS = 34
START = 4.0
"""Recorded second at which the shifted film begins."""


def film(path: Path, seconds: int = FILM_SECONDS) -> Path:
    """A film in a format that any Chromium plays."""
    with av.open(str(path), "w") as media:
        stream = media.add_stream("libvpx", rate=5)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        stream.options = {"deadline": "realtime", "cpu-used": "8", "g": "5"}
        for number in range(seconds * 5):
            grey = np.full((90, 160, 3), 20 + number % 200, np.uint8)
            media.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        media.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("screenings")
    path = film(root / "the film – 50 %.webm")
    own = FilmFile.open(path)
    plain = Screening(film=own, scenes=SCENES, scene_list="scenes.csv")
    log = PlaybackLog.of(
        [
            PlaybackEvent(0, PlaybackKind.PLAY, 0),
            PlaybackEvent(10, PlaybackKind.PAUSE, 10),
            PlaybackEvent(15, PlaybackKind.PLAY, 10),
            PlaybackEvent(25, PlaybackKind.SEEK, 5),
        ],
        end_wall_seconds=34,
    )
    for name, screening in {
        "plain": plain,
        "shifted": replace(plain, start_seconds=START),
        "paused": replace(plain, playback=Playback(log, CameraClock())),
    }.items():
        write_reports(one_person(), root / name, created=CREATED, screening=screening)
    write_reports(hall(), root / "hall", created=CREATED, screening=Screening(film=own, scenes=SCENES))
    write_reports(one_person(), root / "lost" / "away", created=CREATED, screening=Screening(film=own))
    shutil.move(root / "lost" / "away" / "report.html", root / "lost" / "report.html")
    return root


@pytest.fixture
def visit(visits: Visits, folder: Path) -> Iterator[Visit]:
    """Opens a report and waits for its film, if it has one; at the end, that nothing went over the network."""

    def _visit(name: str, *, script: bool = True, wait: bool = True, **look: Any) -> Page:
        page = visits.open((folder / name / "report.html").as_uri(), script=script, **look)
        if wait and script:
            until(page, "document.getElementById('film').readyState >= 2")
        return page

    yield _visit
    assert all(url.startswith(("file://", "data:", "blob:")) for url in visits.requests)
    assert [text for text in visits.complaints if "ERR_FILE_NOT_FOUND" not in text] == []


def playhead(page: Page, chart: str = "#stage") -> float:
    """Where its line is, seconds of the recording (which is 34 long)."""
    share: str = page.locator(f"{chart} > .playhead").first.evaluate("(line) => line.style.left")
    return float(share.removesuffix("%")) / 100 * 34


def position(page: Page) -> float:
    """Where the film is, seconds."""
    until(page, "!document.getElementById('film').seeking")
    return float(page.evaluate("document.getElementById('film').currentTime"))


def go(page: Page, seconds: float) -> None:
    """Take the film to a second, as its own controls do."""
    page.evaluate("(at) => { document.getElementById('film').currentTime = at }", seconds)
    position(page)
    page.wait_for_timeout(50)


def place(page: Page, chart: str) -> tuple[float, float, float, float]:
    """Left, top, width and height of a chart that was brought into view."""
    element = page.locator(chart).first
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def press_at(page: Page, chart: str, share: float) -> None:
    left, top, width, height = place(page, chart)
    page.mouse.click(left + width * share, top + height * 0.6)


def test_the_timeline_follows_the_film(visit: Visit) -> None:
    page = visit("plain")
    go(page, 12.1)
    assert playhead(page) == pytest.approx(12.1, abs=0.05)
    assert playhead(page, ".field") == pytest.approx(12.1, abs=0.05)
    assert page.locator("#readout-time").inner_text() == "00:12.0"
    assert page.locator("#now-time").inner_text() == "00:12"
    assert page.locator("#now-scene").inner_text() == "Garden"
    assert page.locator(".felt [data-emotion=happiness] b").inner_text().startswith("8")
    assert (
        page.get_by_role("slider", name="Time cursor of the chart").get_attribute("aria-valuetext").endswith("Garden")
    )


def test_it_follows_while_the_film_plays(visit: Visit) -> None:
    page = visit("plain")
    page.locator("#stage").focus()
    page.keyboard.press("Space")
    until(page, "document.getElementById('film').currentTime > 1.2")
    page.keyboard.press("Space")
    assert page.evaluate("document.getElementById('film').paused")
    page.wait_for_timeout(100)
    assert playhead(page) == pytest.approx(position(page), abs=0.3)


def test_the_film_follows_a_press_and_a_drag(visit: Visit) -> None:
    page = visit("plain")
    press_at(page, "#stage", 0.5)
    assert position(page) == pytest.approx(17, abs=0.1)
    press_at(page, ".field", 0.25)
    assert position(page) == pytest.approx(8.5, abs=0.1)
    left, top, width, _ = place(page, "#stage")
    page.mouse.move(left + width * 0.2, top + 120)
    page.mouse.down()
    page.mouse.move(left + width * 0.75, top + 120, steps=6)
    page.mouse.up()
    assert position(page) == pytest.approx(25.5, abs=0.2)
    assert playhead(page) == pytest.approx(25.5, abs=0.2)


def test_pointing_alone_reads_out_and_leaves_the_film_where_it_is(visit: Visit) -> None:
    page = visit("plain")
    go(page, 3)
    left, top, width, _ = place(page, "#stage")
    page.mouse.move(left + width * 0.5, top + 120)
    assert page.locator("#readout-time").inner_text() == "00:17.0"
    assert position(page) == 3
    page.mouse.move(5, 5)
    assert page.locator("#readout-time").inner_text() == "00:03.0"


def test_arrow_keys_step_through_film_and_timeline(visit: Visit) -> None:
    page = visit("plain")
    for chart in ("Time cursor of the chart", "Time cursor of Sentiment"):
        slider = page.get_by_role("slider", name=chart)
        slider.focus()
        page.keyboard.press("Home")
        for _ in range(4):
            page.keyboard.press("ArrowRight")
            position(page)
        assert position(page) == 2
        assert playhead(page) == pytest.approx(2, abs=0.01)
        page.keyboard.press("ArrowLeft")
        assert position(page) == 1.5
        assert slider.get_attribute("aria-valuetext").startswith("00:01.5")


def test_moments_scenes_and_marks_take_the_film_there(visit: Visit) -> None:
    page = visit("plain")
    page.get_by_role("region", name="Scenes", exact=True).last.get_by_role("link", name="Night").click()
    assert position(page) == 22
    page.locator("#moment-1 a").click()
    at = position(page)
    assert page.locator("#moment-1 a").inner_text() == f"00:{int(at):02d}"
    page.get_by_role("link", name="Moment 2").click()
    assert position(page) != at
    go(page, 0)
    page.get_by_role("button", name="Next mark").click()
    first = position(page)
    assert first > 0
    page.get_by_role("button", name="Previous mark").click()
    assert position(page) in (0, first)


def test_a_scare_takes_the_film_there(visit: Visit) -> None:
    page = visit("hall")
    assert page.locator(".scares i").count() == 3
    page.get_by_role("region", name="Events").get_by_role("link").first.click()
    until(page, "document.activeElement.id === 'stage'")


def test_a_film_that_began_later_is_shifted(visit: Visit) -> None:
    page = visit("shifted")
    assert playhead(page) == pytest.approx(START, abs=0.01)
    go(page, 12)
    assert playhead(page) == pytest.approx(12 + START, abs=0.01)
    press_at(page, "#stage", 0.5)
    assert position(page) == pytest.approx(17 - START, abs=0.1)
    press_at(page, "#stage", 0.03)
    assert position(page) == 0
    assert playhead(page) == pytest.approx(0.03 * 34, abs=0.1), "before the film began, the chosen second stays"


def test_a_players_pause_and_second_viewing_are_followed(visit: Visit) -> None:
    page = visit("paused")
    press_at(page, "#stage", 12 / 34)
    assert position(page) == pytest.approx(10, abs=0.05)
    assert playhead(page) == pytest.approx(12, abs=0.1)
    press_at(page, "#stage", 28 / 34)
    assert position(page) == pytest.approx(8, abs=0.1)
    assert playhead(page) == pytest.approx(28, abs=0.1), "in the second viewing, where it was asked for"
    go(page, 30)
    assert page.locator("#stage > .playhead").is_hidden()
    assert "was not shown" in page.locator("#now-about").inner_text()


def test_a_missing_film_is_said_kindly_and_the_timeline_works(visit: Visit, folder: Path) -> None:
    page = visit("lost", wait=False)
    page.wait_for_selector("#film-missing:not([hidden])")
    assert "The timeline works without it" in page.locator("#film-note").inner_text()
    press_at(page, "#stage", 0.5)
    assert page.locator("#readout-time").inner_text() == "00:17.0"
    assert playhead(page) == pytest.approx(17, abs=0.1)
    page.get_by_label("Choose the film on this computer").set_input_files(folder / "the film – 50 %.webm")
    until(page, "document.getElementById('film').readyState >= 2")
    assert page.locator("#film-missing").is_hidden()
    assert position(page) == pytest.approx(17, abs=0.1)
    assert page.evaluate("document.getElementById('film').src").startswith("blob:")


def test_a_file_that_is_no_film_or_another_cut_is_said(visit: Visit, folder: Path, tmp_path: Path) -> None:
    page = visit("lost", wait=False)
    page.wait_for_selector("#film-missing:not([hidden])")
    (tmp_path / "notes.mp4").write_text("no film")
    page.get_by_label("Choose the film on this computer").set_input_files(tmp_path / "notes.mp4")
    until(page, "document.getElementById('film-note').textContent.includes('notes.mp4')")
    page.get_by_label("Choose the film on this computer").set_input_files(film(tmp_path / "short.webm", 20))
    until(page, "document.getElementById('film').readyState >= 2")
    assert page.get_by_text("it may be another cut").is_visible()


@pytest.mark.parametrize("width", [1440, 1280, 900, 390, 320])
@pytest.mark.parametrize("name", ["plain", "hall"])
def test_no_page_scrolls_sideways(visit: Visit, name: str, width: int) -> None:
    page = visit(name, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1440, 390])
def test_the_film_stays_in_view_beside_the_charts(visit: Visit, width: int) -> None:
    page = visit("hall", width=width)
    page.locator(".field").last.scroll_into_view_if_needed()
    page.evaluate("document.querySelector('.field:last-of-type').scrollIntoView({ block: 'center' })")
    box = page.locator("#film").bounding_box()
    assert 0 <= box["y"] < 300
    assert box["height"] > 150


def test_without_script_the_film_has_its_own_controls(visit: Visit) -> None:
    page = visit("plain", script=False)
    assert page.locator("#film").get_attribute("controls") is not None
    assert page.locator("#now, #film-missing").evaluate_all("(all) => all.every((e) => e.hidden)")
    assert page.get_by_role("table").filter(has_text="Garden").is_visible()


def test_on_paper_there_is_no_player(visit: Visit) -> None:
    page = visit("hall", width=695)
    page.emulate_media(media="print")
    assert page.locator(".film").is_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 695


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1440, 390])
def test_text_is_read_easily_in_the_light_and_in_the_dark(visit: Visit, dark: bool, width: int) -> None:
    ratios = visit("hall", dark=dark, width=width).evaluate(CONTRASTS)
    assert len(ratios) > 100
    assert [entry for entry in ratios if entry["ratio"] < 4.5] == []


def test_what_is_said_of_a_missing_film_is_read_easily(visit: Visit) -> None:
    page = visit("lost", wait=False)
    page.wait_for_selector("#film-missing:not([hidden])")
    assert [entry for entry in page.evaluate(CONTRASTS) if entry["ratio"] < 4.5] == []


def test_the_player_and_its_marks_have_names_for_a_screen_reader(visit: Visit) -> None:
    page = visit("hall")
    assert page.get_by_role("region", name="Film", exact=True).count() == 1
    assert page.locator("#film").get_attribute("aria-label").startswith("The film that the audience watched")
    assert page.get_by_role("slider").count() == 1 + page.locator(".field").count()
    for slider in page.get_by_role("slider").all():
        assert slider.get_attribute("aria-label")
        assert slider.get_attribute("aria-valuetext") != "no time chosen"
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((h) => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
