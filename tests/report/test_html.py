"""The page is one file that needs nothing else, and tells what the findings tell."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mien.analysis.series import Series
from mien.core.audience import Analysis
from mien.report.document import build_findings
from mien.report.html import render
from tests.report.factory import (
    CREATED,
    SHAPES,
    STEP,
    analysis_of,
    hall,
    nobody,
    nothing,
    one_person,
    percents,
    repeated,
    steps_of,
    suppressed_step,
)


def page_of(analysis: Analysis) -> str:
    series = Series.of(analysis.timeline.snapshots)
    return render(build_findings(analysis, CREATED, series), series, analysis.timeline.series)


class Outline(HTMLParser):
    """Tags in order, ids, attributes that fetch, and what was left open."""

    VOID = ("meta", "link", "br", "path", "input")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if tag == "a" and name == "href":
                self.links.append(value or "")
            elif name in ("src", "srcset", "href", "action", "data", "poster"):
                self.fetched.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)

    @property
    def words(self) -> str:
        """What is read, any kind of space as one space."""
        return " ".join(" ".join(self.text).split())


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_every_page_is_well_formed_and_self_contained(shape: str) -> None:
    outline = Outline(page_of(SHAPES[shape]()))
    assert outline.open == []
    assert outline.fetched == ["data:,"]
    assert not {"img", "iframe", "video", "object", "image"} & {*outline.tags}
    assert len(outline.ids) == len(set(outline.ids))
    assert all(link.startswith("#") and link[1:] in outline.ids for link in outline.links)
    assert outline.tags.count("h1") == outline.tags.count("main") == 1


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_no_page_fetches_from_its_style_or_asks_for_more_than_it_holds(shape: str) -> None:
    page = page_of(SHAPES[shape]())
    assert "url(" not in page
    assert "@import" not in page
    assert not re.search(r"https?://", page)
    assert "default-src &#39;none&#39;" in page


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_no_not_a_number_is_drawn_or_written(shape: str) -> None:
    assert not re.search(r"\b(nan|NaN|inf|None|Undefined)\b", page_of(SHAPES[shape]()))


def test_headings_step_down_one_level_at_a_time() -> None:
    levels = [int(tag[1]) for tag in Outline(page_of(hall())).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_tells_the_findings() -> None:
    findings = build_findings(hall(), CREATED)
    words = Outline(page_of(hall())).words
    for part in findings.headline.split("; "):
        assert part in words
    for moment in findings.moments:
        assert f"{moment.subject} {moment.peak}" in words
    for note in (*findings.notes.means, *findings.notes.does_not_mean, *findings.policy.notices):
        assert note in words
    for digest in (findings.provenance.detector.sha256, findings.provenance.classifier.sha256):
        assert digest is not None
        assert digest in words
    assert "In the labels of cinema7" in words


def test_demo_and_incomplete_are_said_first_and_only_when_so() -> None:
    assert "DEMO The pictures were composed, not filmed." in Outline(page_of(hall())).words
    assert "INCOMPLETE It was interrupted before the end." in Outline(page_of(nothing())).words
    ended = analysis_of(steps_of([percents()]), stopped_because="truncated")
    assert "INCOMPLETE The media ended early or is damaged." in Outline(page_of(ended)).words
    words = Outline(page_of(one_person())).words
    assert "DEMO" not in words
    assert "INCOMPLETE" not in words


def test_single_people_are_called_personal_data() -> None:
    assert "This report is not anonymous" in Outline(page_of(one_person())).words
    assert "anonymous" not in Outline(page_of(hall())).words


def test_says_why_there_is_no_interval_for_one_person() -> None:
    assert "There is no interval" in Outline(page_of(one_person())).words
    assert "There is no interval" not in Outline(page_of(hall())).words
    assert 'class="band"' not in page_of(one_person())


def test_a_long_timeline_says_how_it_was_reduced() -> None:
    words = Outline(page_of(SHAPES["hour"]())).words
    assert "Every point is the mean of 10 steps (5 s), 7 200 steps in all" in words
    assert "Each row is the mean of 60 steps" in words


def test_without_a_face_the_page_says_so_and_draws_no_emotion() -> None:
    page = page_of(nobody())
    assert "No face was seen in 600" in page
    assert 'class="line"' not in page
    assert "No face was read, so there is no distribution." in page


def test_withheld_throughout_the_page_tells_nothing() -> None:
    page = page_of(analysis_of([suppressed_step(i * STEP) for i in range(40)], profile="cinema"))
    assert "Fewer than 5 faces were readable at once throughout" in Outline(page).words
    assert "withheld: group too small" in page
    assert 'class="line"' not in page


def test_names_from_outside_are_escaped() -> None:
    hostile = "<script>alert(1)</script>\"&'.mp4"
    analysis = analysis_of(steps_of([percents()]), input_name=hostile, detector_note="</script><img src=x>")
    page = page_of(analysis)
    assert "<script>alert" not in page
    assert "<img" not in page
    assert Outline(page).open == []


def test_the_same_analysis_gives_the_same_page() -> None:
    assert page_of(hall()) == page_of(hall())


def test_three_hours_are_less_than_a_megabyte() -> None:
    assert len(page_of(repeated(hall(), 30))) < 1_000_000


def test_the_page_names_the_operating_point_of_single_faces() -> None:
    assert "single faces called at the balanced operating point" in page_of(hall())
    assert "single faces called at the plain operating point" in page_of(one_person())


def test_zones_are_a_table_with_the_hall_last() -> None:
    whole, small = hall(minutes=1, people=40), analysis_of([suppressed_step(i * STEP) for i in range(4)])
    analysis = replace(whole, zones={"stalls": whole.timeline, "box": small.timeline})
    page = page_of(analysis)
    table = page.split('<table class="scene-table zone-table">')[1].split("</table>")[0]
    rows = re.findall(r"<th scope=\"row\" class=\"text\">(.*?)</tr>", table)
    assert [row.split("<")[0] for row in rows] == ["stalls", "box", "Whole hall"]
    assert "withheld: fewer faces than the smallest group" in rows[1]
    scares = rows[2].split("<td")[-3]
    assert re.fullmatch(r">\d+</td>", scares), "a hall with a baseline has a number of scares, be it 0"
    assert 'aria-labelledby="zones-h"' not in page_of(whole)
