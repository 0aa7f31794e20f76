"""The page of a comparison in a real browser: offline, on a phone, in the dark, by keyboard, on paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mien.report.comparison import write_comparison
from tests.report.test_browser import CONTRASTS
from tests.report.test_comparison_page import documents
from tests.visits import Visits

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., Any]
PAGES = {"shown": "shown", "single": "single", "scenes": "scenes", "several": "several"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("comparisons")
    for name in PAGES:
        (root / name).mkdir()
        write_comparison(documents()[name], root / name)
    return root


@pytest.fixture
def visit(visits: Visits, folder: Path) -> Iterator[Visit]:
    """Opens a comparison; at the end, that it asked for nothing but itself and complained of nothing."""

    def _visit(name: str, **look: Any) -> Page:
        return visits.open((folder / name / "comparison.html").as_uri(), **look)

    yield _visit
    assert all(url.startswith("data:") or url.endswith("/comparison.html") for url in visits.requests)
    assert visits.complaints == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1440, 768, 390, 320])
def test_no_page_scrolls_sideways(visit: Visit, name: str, width: int) -> None:
    assert visit(name, width=width).evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["scenes", "several"])
def test_text_is_read_easily_in_the_light_and_in_the_dark(visit: Visit, name: str, dark: bool) -> None:
    ratios = visit(name, dark=dark).evaluate(CONTRASTS)
    assert len(ratios) > 80
    assert [entry for entry in ratios if entry["ratio"] < 4.5] == []


def test_both_charts_share_a_cursor_that_is_read_out(visit: Visit) -> None:
    page = visit("scenes")
    slider = page.get_by_role("slider", name="Time cursor of the difference in fear")
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(24):
        page.keyboard.press("ArrowRight")
    assert page.locator(".readout-time").inner_text() == "00:12.0"
    about = page.locator(".readout-about").inner_text()
    for words in ("theatrical ", "director ", "difference +", "band of all steps", "12 and 12 sessions"):
        assert words in about
    assert slider.get_attribute("aria-valuetext") == f"00:12.0, {about}"
    assert page.locator(".cursor:visible").count() == 2
    page.keyboard.press("Escape")
    assert page.locator(".readout-time").inner_text() == "Whole timeline"


def test_the_pointer_reads_out_where_it_is(visit: Visit) -> None:
    page = visit("shown")
    means = page.locator(".field.means")
    means.scroll_into_view_if_needed()
    box = means.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 12.2 / 20, box["y"] + 40)
    assert page.locator(".readout-time").inner_text() == "00:12.0"


def test_a_finding_leads_to_its_place(visit: Visit) -> None:
    page = visit("scenes")
    page.locator("#finding-1-1 a").click()
    assert page.locator(".readout-time").inner_text().startswith(page.locator("#finding-1-1 a").inner_text())
    page.get_by_role("navigation", name="Findings about fear along the timeline").get_by_role("link").first.click()
    assert page.url.endswith("#finding-1-1")


def test_every_comparison_has_a_cursor_of_its_own(visit: Visit) -> None:
    page = visit("several")
    assert page.get_by_role("slider").count() == 4
    page.get_by_role("link", name="No difference in fear is shown between short and theatrical").click()
    second = page.locator("#comparison-2")
    second.get_by_role("slider").first.focus()
    page.keyboard.press("End")
    assert second.locator(".readout-time").inner_text() == "00:19.5"
    assert page.locator("#comparison-1 .readout-time").inner_text() == "Whole timeline"


def test_the_page_has_landmarks_and_names_for_a_screen_reader(visit: Visit) -> None:
    page = visit("scenes")
    for role in ("banner", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1
    assert page.get_by_role("heading", level=1).count() == 1
    for image in page.get_by_role("img").all():
        assert image.get_attribute("aria-label")
    for scrolled in page.locator(".scroll").all():
        assert scrolled.get_attribute("aria-label")
        assert scrolled.get_attribute("tabindex") == "0"
    table = page.get_by_role("region", name="Scenes, fear, director against theatrical").get_by_role("table")
    assert table.get_by_role("columnheader").count() == 11
    assert table.get_by_role("row").count() == 3


def test_without_script_the_page_is_complete(visit: Visit) -> None:
    page = visit("scenes", script=False)
    assert page.locator("[role=slider]").count() == 0
    assert page.locator(".field.between path.line").is_visible()
    assert page.locator(".hint").first.is_hidden()


@pytest.mark.parametrize("width", [695, 718])
def test_on_paper_nothing_is_cut(visit: Visit, width: int) -> None:
    page = visit("scenes", width=width)
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter((e) => e.checkVisibility()"
        " && e.scrollWidth > e.clientWidth + 1).length"
    )
    assert wide == 0
    assert page.get_by_text("family-wise control").is_visible()
