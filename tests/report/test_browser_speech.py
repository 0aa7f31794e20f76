"""The transcript beside the timeline, in a real browser: each follows the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mien.report import write_reports
from mien.report.screening import FilmFile, Screening
from tests.report.factory import CREATED, hall, one_person
from tests.report.talks import generated, long_talk, silent, talk
from tests.report.test_browser import CONTRASTS
from tests.report.test_browser_film import film
from tests.visits import Visits, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("talks")
    own = Screening(film=FilmFile.open(film(root / "film.webm")))
    write_reports(hall(), root / "hall", created=CREATED, content=talk())
    write_reports(hall(), root / "long", created=CREATED, content=long_talk())
    whole = talk()
    write_reports(hall(), root / "short", created=CREATED, content=replace(whole, paragraphs=whole.paragraphs[:1]))
    write_reports(hall(), root / "generated", created=CREATED, content=generated())
    write_reports(hall(), root / "silent", created=CREATED, content=silent())
    write_reports(one_person(), root / "film", created=CREATED, content=talk(), screening=own)
    return root


@pytest.fixture
def visit(visits: Visits, folder: Path) -> Iterator[Visit]:
    """Opens a report; at the end, that it asked for nothing but itself and complained of nothing."""

    def _visit(name: str, *, width: int = 1440, **look: Any) -> Page:
        return visits.open((folder / name / "report.html").as_uri(), width=width, **look)

    yield _visit
    assert all(url.startswith(("file://", "data:", "blob:")) for url in visits.requests)
    assert visits.complaints == []


def now(page: Page) -> str | None:
    """The sentence that is marked."""
    marked = page.locator("[data-sentence][aria-current=true]")
    assert marked.count() <= 1
    return str(marked.inner_text()) if marked.count() else None


@pytest.mark.parametrize("width", [1440, 390])
def test_a_sentence_takes_the_timeline_there(visit: Visit, width: int) -> None:
    page = visit("hall", width=width)
    page.get_by_role("link", name="Nobody speaks in the cellar.").click()
    assert page.locator("#readout-time").inner_text() == "01:20.0"
    assert now(page) == "Nobody speaks in the cellar."
    assert page.locator("#said").inner_text() == "Nobody speaks in the cellar."
    cursor = page.locator("#stage > .cursor").evaluate("(line) => parseFloat(line.style.left)")
    assert cursor == pytest.approx(80.25 / 360 * 100, abs=0.05)


def test_the_cursor_marks_the_sentence_and_brings_it_into_its_box(visit: Visit) -> None:
    page = visit("hall")
    page.set_viewport_size({"width": 1440, "height": 420})
    stage = page.get_by_role("slider", name="Time cursor of the chart")
    stage.focus()
    page.keyboard.press("Home")
    assert now(page) is None
    assert page.locator("#said").inner_text() == "Nothing was said here."
    before = page.evaluate("window.scrollY")
    box = stage.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 251 / 360, box["y"] + 200)
    assert now(page) == "A hand reaches out."
    inside, around = (page.locator(s).bounding_box() for s in ("[data-sentence='5']", ".speech-box"))
    assert around["y"] <= inside["y"] <= around["y"] + around["height"]
    assert page.evaluate("window.scrollY") == before, "the box is scrolled, never the page"
    page.mouse.move(2, 2)
    page.keyboard.press("Escape")
    assert now(page) is None


def test_the_film_marks_what_was_said_where_it_is(visit: Visit) -> None:
    page = visit("film")
    until(page, "document.getElementById('film').readyState >= 2")
    page.get_by_role("link", name="Good evening.").click()
    until(page, "Math.abs(document.getElementById('film').currentTime - 5) < 0.05")
    assert now(page) == "Good evening."
    page.get_by_role("link", name="We measured").click()
    page.mouse.move(2, 2)
    page.locator("#stage").blur()
    until(page, "Math.abs(document.getElementById('film').currentTime - 6.4) < 0.05")
    assert str(now(page)).startswith("We measured"), "it begins within a step, and is what was chosen"
    page.evaluate("document.getElementById('film').currentTime = 8")
    until(page, "document.querySelector('[aria-current=true]')?.textContent.startsWith('We measured')")


@pytest.mark.parametrize("width", [1920, 1280, 900, 320])
@pytest.mark.parametrize("name", ["film", "generated"])
def test_no_page_scrolls_sideways(visit: Visit, name: str, width: int) -> None:
    page = visit(name, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_wide_screen_the_transcript_stands_beside_the_timeline(visit: Visit) -> None:
    page = visit("hall")
    chart, said = (page.locator(s).bounding_box() for s in ("#timeline", "section.speech"))
    assert said["x"] >= chart["x"] + chart["width"]
    assert said["height"] <= 900
    page.locator(".field").last.scroll_into_view_if_needed()
    assert page.locator("section.speech").bounding_box()["y"] >= 0, "it stays in view"


@pytest.mark.parametrize("width", [1280, 390])
def test_a_transcript_that_goes_on_below_ends_in_a_fade_until_its_end_is_reached(visit: Visit, width: int) -> None:
    page = visit("long", width=width)
    box = page.locator(".speech-box")
    assert box.evaluate("(box) => box.scrollHeight > box.clientHeight + 100")
    masks = "(box) => getComputedStyle(box).maskImage.includes('gradient')"
    assert box.evaluate(masks)
    box.evaluate("(box) => { box.scrollTop = box.scrollHeight; }")
    until(page, "!document.querySelector('.speech-box').classList.contains('more')")
    assert not box.evaluate(masks)


def test_a_transcript_that_is_seen_whole_has_no_fade(visit: Visit) -> None:
    page = visit("short", width=1280)
    assert not page.locator(".speech-box").evaluate("(box) => box.classList.contains('more')")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("name", "width"), [("hall", 1440), ("generated", 390)])
def test_text_is_read_easily_in_the_light_and_in_the_dark(visit: Visit, name: str, width: int, dark: bool) -> None:
    page = visit(name, dark=dark, width=width)
    page.get_by_role("link", name="Nobody speaks in the cellar.").click()
    ratios = page.evaluate(CONTRASTS)
    assert len(ratios) > 100
    assert [entry for entry in ratios if entry["ratio"] < 4.5] == []


def test_without_script_it_is_all_there(visit: Visit) -> None:
    page = visit("hall", script=False)
    assert page.get_by_text("A hand reaches out.").first.is_visible()


def test_on_paper_the_whole_transcript_is_shown(visit: Visit) -> None:
    page = visit("hall", width=695)
    page.emulate_media(media="print")
    height, whole = page.locator(".speech-box").evaluate("(box) => [box.clientHeight, box.scrollHeight]")
    assert height >= whole - 1
    assert page.locator("#said").is_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 695
