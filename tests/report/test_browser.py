"""The page in a real browser: offline, on a phone, in the dark, by keyboard, on paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mien.report import write_reports
from tests.report.factory import CREATED, SHAPES
from tests.visits import Visits

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., Any]
"""Opens a report by its shape and gives its Playwright page."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reports")
    for shape, make in SHAPES.items():
        write_reports(make(), root / shape, created=CREATED)
    return root


@pytest.fixture
def visit(visits: Visits, folder: Path) -> Iterator[Visit]:
    """Opens a report; at the end, that it asked for nothing but itself and complained of nothing."""

    def _visit(shape: str, **look: Any) -> Page:
        return visits.open((folder / shape / "report.html").as_uri(), **look)

    yield _visit
    assert all(url.startswith(("file://", "data:")) for url in visits.requests)
    assert [url for url in visits.requests if url.startswith("file://") and not url.endswith("/report.html")] == []
    assert visits.complaints == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width", [1280, 768, 390, 320])
def test_no_page_scrolls_sideways(visit: Visit, shape: str, width: int) -> None:
    page = visit(shape, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_read_easily_in_the_light_and_in_the_dark(visit: Visit, dark: bool) -> None:
    page = visit("hall", dark=dark)
    ratios = page.evaluate(CONTRASTS)
    assert len(ratios) > 100
    assert [entry for entry in ratios if entry["ratio"] < 4.5] == []


def test_the_dark_is_dark(visit: Visit) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    assert visit("hall", dark=True).evaluate(ground) == "rgb(14, 16, 20)"
    assert visit("hall").evaluate(ground) == "rgb(244, 243, 239)"


def test_the_keyboard_moves_the_cursor_and_reads_it_out(visit: Visit) -> None:
    page = visit("one_person")
    stage = page.get_by_role("slider", name="Time cursor of the chart")
    assert page.locator("#stage .cursor").is_hidden()
    stage.focus()
    page.keyboard.press("Home")
    assert page.locator("#stage .cursor").is_visible()
    assert page.locator("#readout-time").inner_text() == "00:00.0"
    for _ in range(24):
        page.keyboard.press("ArrowRight")
    assert page.locator("#readout-time").inner_text() == "00:12.0"
    assert stage.get_attribute("aria-valuetext").startswith("00:12.0, happiness 8")
    assert "coverage" in page.locator("#readout-about").inner_text()
    page.keyboard.press("End")
    assert page.locator("#readout-about").inner_text() == "no face"
    assert page.locator("#legend [data-emotion=happiness] b").inner_text() == "–"
    page.keyboard.press("Escape")
    assert page.locator("#stage .cursor").is_hidden()
    assert page.locator("#readout-time").inner_text() == "Whole session"


def test_the_pointer_reads_out_with_intervals(visit: Visit) -> None:
    page = visit("hall")
    page.locator("#stage").scroll_into_view_if_needed()
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 262.2 / 360, box["y"] + box["height"] / 2)
    assert page.locator("#readout-time").inner_text() == "04:22.0"
    low, high = page.locator("#legend [data-emotion=fear] small").inner_text().split("–")
    mean = float(page.locator("#legend [data-emotion=fear] b").inner_text().removesuffix(" %"))
    assert float(low) < mean < float(high)
    page.mouse.move(box["x"] + box["width"] * 210 / 360, box["y"] + box["height"] / 2)
    assert page.locator("#readout-about").inner_text() == "withheld: group too small"


def test_an_emotion_can_be_hidden_and_shown(visit: Visit) -> None:
    page = visit("hall")
    button = page.get_by_role("button", name="fear")
    line = page.locator(".lines g[data-emotion=fear]")
    assert line.is_visible()
    button.press("Enter")
    assert line.is_hidden()
    assert button.get_attribute("aria-pressed") == "false"
    button.press("Enter")
    assert line.is_visible()


def test_a_moment_leads_to_its_place_on_the_timeline(visit: Visit) -> None:
    page = visit("hour")
    link = page.locator("#moment-1 a")
    moment = link.inner_text()
    link.click()
    first, last = page.locator("#readout-time").inner_text().split("–")
    assert first <= moment <= last
    assert page.evaluate("document.activeElement.id") == "stage"


def test_without_script_the_page_is_complete(visit: Visit) -> None:
    page = visit("hall", script=False)
    assert page.locator("button, [role=slider]").count() == 0
    assert page.locator(".hint").is_hidden()
    assert page.locator("path.line").first.is_visible()
    assert page.locator("#legend li").count() == 8
    assert page.locator(".moments li").count() == 7


def test_the_page_has_landmarks_and_names_for_a_screen_reader(visit: Visit) -> None:
    page = visit("hall")
    for role in ("banner", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("region", name="Timeline", exact=True).count() == 1
    assert page.get_by_role("navigation", name="Strongest moments along the timeline").get_by_role("link").count() == 7
    page.get_by_text("The timeline as a table").click()
    assert page.get_by_role("table").filter(has_text="Coverage").first.get_by_role("row").count() == 121


@pytest.mark.parametrize("shape", ["one_person", "hall"])
def test_printed_on_a4_nothing_is_cut(visit: Visit, shape: str) -> None:
    page = visit(shape, width=695)
    page.emulate_media(media="print")
    # A4 less its margins, in CSS pixels.
    assert page.evaluate("document.documentElement.scrollWidth") <= 695
    heights = page.evaluate(
        "[...document.querySelectorAll('#timeline, .moments li, .pair')].map((e) => e.getBoundingClientRect().height)"
    )
    assert max(heights) < 1016
    assert page.get_by_text("Detector SHA-256").is_visible()
    assert page.locator("#timeline details.table").is_hidden()
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


CONTRASTS = """
() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const flat = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
  const linear = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const luminance = (c) => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = flat(getComputedStyle(e).backgroundColor);
      if (colour[3] > 0.5) return colour;
    }
    return [255, 255, 255, 1];
  };
  const out = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!text || !element.checkVisibility() || element.closest('script, style, .unseen')) continue;
    const [a, b] = [luminance(flat(getComputedStyle(element).color)), luminance(ground(element))].sort((x, y) => y - x);
    out.push({ text: element.textContent.trim().slice(0, 40), ratio: (a + 0.05) / (b + 0.05) });
  }
  return out;
}
"""
