"""The live page in a real browser: on a phone, in the dark, with a picture that moves, is paused, and ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mien.core.findings import Moment, MomentKind
from mien.report.live_figures import LiveFigures
from mien.report.live_page import LivePage, PageOptions, address, open_page
from tests.report.test_browser import CONTRASTS
from tests.report.test_live_figures import STATUS, shock, steps, timeline
from tests.report.test_live_page import TOKEN, reading
from tests.visits import Visits, until

if TYPE_CHECKING:
    from playwright.sync_api import Page


def figures(**changes: Any) -> dict[str, Any]:
    scare = Moment(MomentKind.SCARE, "shock", 20.0, 20.5, 21.0, 80.0, 40.0, 0.9, 12)
    made = timeline(steps(60))
    made = replace(made, series={"shock": shock(*(float(k) for k in range(60)))}, moments=(scare,))
    return LiveFigures().of(STATUS, made, ["01:02 side: it was lost; it is opened again"]) | changes


@pytest.fixture
def live() -> Iterator[LivePage]:
    made = open_page(PageOptions(TOKEN, ("hall", "side"), "ferplus8"), None)
    made.tell(json.dumps(figures()))
    done = threading.Event()

    def feed() -> None:
        level = 0
        while not done.wait(0.02):
            for camera in made.wanted():
                level += 1
                made.show(camera, np.full((360, 640, 3), level % 256, np.uint8), reading(level / 15), 25.0)

    threading.Thread(target=feed, daemon=True).start()
    yield made
    done.set()
    made.close()


@pytest.fixture
def visit(visits: Visits, live: LivePage) -> Iterator[Callable[..., Page]]:
    """Opens the live page; at the end, that it asked for nothing but itself and complained of nothing."""

    def _visit(**look: Any) -> Page:
        page = visits.open(address(live.port, TOKEN), **look)
        until(page, "document.getElementById('clock').textContent === '01:15'")
        return page

    yield _visit
    assert all(url.startswith((address(live.port, TOKEN), "data:")) for url in visits.requests)
    assert visits.complaints == []


@pytest.mark.parametrize("width", [1280, 768, 390, 320])
def test_it_does_not_scroll_sideways(visit: Callable[..., Page], width: int) -> None:
    assert visit(width=width).evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
def test_its_text_is_read_easily(visit: Callable[..., Page], dark: bool) -> None:
    ratios = visit(dark=dark).evaluate(CONTRASTS)
    assert len(ratios) > 40
    assert [entry for entry in ratios if entry["ratio"] < 4.5] == []


def test_it_tells_the_audience_and_the_machine(visit: Callable[..., Page]) -> None:
    page = visit()
    told = figures()
    strongest = max(told["emotions"], key=lambda emotion: emotion["points"])
    assert (
        page.locator(f"[data-emotion={strongest['name']}] .mean").inner_text() == f"{int(strongest['points'] + 0.5)} %"
    )
    assert page.locator("#measures [data-key=scare] dd").inner_text() == "00:20, shock 80"
    assert page.locator("#machine [data-key=p95] dd").inner_text() == "62 ms"
    assert "nothing comes from side" in page.locator("#state").inner_text()
    assert strongest["name"] in (page.locator("#strip").get_attribute("aria-label") or "")
    assert "now 59 of 100" in (page.locator("#shock .field").get_attribute("aria-label") or "")


def test_the_picture_moves_is_paused_and_goes_on(visit: Callable[..., Page], live: LivePage) -> None:
    page = visit()
    until(page, "document.getElementById('picture').naturalWidth === 640")
    assert page.locator("#no-picture").is_hidden()
    page.get_by_role("button", name="Pause").press("Enter")
    assert page.locator("#still").is_visible()
    deadline = time.monotonic() + 10
    while live.watched and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert not live.watched, "what is paused is not drawn"
    page.get_by_role("button", name="Go on").press("Enter")
    until(page, "document.getElementById('still').hidden")
    assert live.watched


def test_another_camera_can_be_chosen(visit: Callable[..., Page], live: LivePage) -> None:
    page = visit()
    page.get_by_role("button", name="side").click()
    assert page.get_by_role("button", name="side").get_attribute("aria-pressed") == "true"
    until(page, "document.getElementById('picture').src.includes('picture/1')")


def test_a_group_too_small_shows_nothing(visit: Callable[..., Page], live: LivePage) -> None:
    page = visit()
    nothing = [dict.fromkeys(("points", "low", "high")) | {"name": e["name"]} for e in figures()["emotions"]]
    live.tell(json.dumps(figures(state="fewer faces than the smallest group", emotions=nothing, faces=None)))
    until(page, "!document.getElementById('untold').hidden")
    assert set(page.locator(".emotions .mean").all_inner_texts()) == {"–"}


def test_the_end_is_told(visit: Callable[..., Page], live: LivePage) -> None:
    page = visit()
    live.close()
    until(page, "document.getElementById('state').textContent === 'the session has ended'")
    assert page.locator("#pause").is_hidden()
