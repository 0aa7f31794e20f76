"""The page of a comparison: the verdict first, and nothing that the document does not tell."""

from __future__ import annotations

import itertools
import re
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from mien.analysis.compare import CompareOptions, compare
from mien.analysis.scenes import Scene, compare_scenes, scene_table
from mien.analysis.sessions import SessionSet
from mien.core.errors import OutputError
from mien.report import chart
from mien.report.comparison import FILES, ComparisonDocument, build_comparison, write_comparison
from mien.report.comparison_chart import Axis, curves, discovered, points_for
from mien.report.comparison_page import headline, render_comparison, short_verdict
from tests.report.factory import CREATED
from tests.report.test_comparison import OPTIONS, report, version
from tests.report.test_html import Outline

SCENES = (Scene("Arrival", 0, 10), Scene("Cellar", 10, 20))


def made(
    a: SessionSet,
    b: SessionSet,
    options: CompareOptions = OPTIONS,
    *,
    scenes: bool = False,
    filtered: str | None = None,
) -> ComparisonDocument:
    rng = np.random.default_rng(5)
    found = compare(a, b, "fear", rng, options)
    told, tables = {}, {}
    if scenes:
        told[b.version, "fear"] = compare_scenes(a, b, SCENES, (*SCENES, Scene("Coda", 20, 22)), "fear", rng, options)
        tables = {(s.version, "fear"): scene_table(s, "fear", SCENES, rng) for s in (a, b)}
    return build_comparison((a, b), (found,), CREATED, seed=5, scenes=told, scene_tables=tables, filtered=filtered)


@cache
def documents() -> dict[str, ComparisonDocument]:
    a = version("theatrical", 1)
    several = (version("director", 2, 25.0), version("short", 3))
    rng = np.random.default_rng(5)
    options = CompareOptions(shuffles=199, family=2)
    return {
        "shown": report(),
        "none": made(a, version("director", 2)),
        "withheld": report(min_group=200),
        "single": made(a, version("director", 2, sessions=1)),
        "only a scene": report(planted=0.0),
        "scenes": made(a, several[0], scenes=True, filtered="seat is front"),
        "several": build_comparison(
            (a, *several), [compare(a, other, "fear", rng, options) for other in several], CREATED, seed=5
        ),
    }


NAMES = ("shown", "none", "only a scene", "withheld", "single", "scenes", "several")


@pytest.mark.parametrize("name", NAMES)
def test_every_page_is_well_formed_and_self_contained(name: str) -> None:
    text = render_comparison(documents()[name])
    outline = Outline(text)
    assert outline.open == []
    assert outline.fetched == ["data:,"]
    assert len(outline.ids) == len(set(outline.ids))
    assert all(link.startswith("#") and link[1:] in outline.ids for link in outline.links)
    assert outline.tags.count("h1") == outline.tags.count("main") == 1
    assert "url(" not in text
    assert not re.search(r"https?://", text)
    assert not re.search(r"\b(nan|NaN|inf|Undefined|None)\b", text)
    levels = [int(tag[1]) for tag in outline.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("shown", "Fear is higher in director than in theatrical at 00:12."),
        ("none", "No difference in fear is shown between director and theatrical."),
        ("only a scene", "A difference in fear between director and theatrical is shown in “Cellar”."),
        ("withheld", "Nothing is concluded about fear in director and theatrical."),
        ("single", "Nothing is concluded about fear in director and theatrical."),
        ("several", "Fear is higher in director than in theatrical at 00:12; in 1 other comparison, none is."),
    ],
)
def test_the_verdict_comes_first_in_plain_words(name: str, told: str) -> None:
    document = documents()[name]
    assert headline(document) == told
    words = Outline(render_comparison(document)).words
    assert words.index(told) < words.index(document.comparisons[0].verdict.text)


def test_lower_and_both_ways_are_told_as_such() -> None:
    a, b = version("a", 1), version("b", 2, 25.0)
    assert "Fear is lower in a than in b" in headline(made(b, a))
    both = dict(b.series)
    both["fear"] = both["fear"].copy()
    both["fear"][:, 6:8] -= 28
    there_and_back = SessionSet.of(both, step_seconds=0.5, version="b", readable=[9] * 12)
    assert short_verdict(made(a, there_and_back).comparisons[0]).startswith(
        "Fear is higher in b than in a in 1 stretch and lower in 1"
    )


def test_everything_that_is_told_is_on_the_page() -> None:
    document = documents()["scenes"]
    words = Outline(render_comparison(document)).words
    [part] = document.comparisons
    for note in (*document.notes, *document.does_not_mean):
        assert note in words
    assert part.scenes is not None
    for text in (part.verdict.text, part.scenes.verdict.text, "Cellar", "Only in director: Coda", "seat is front"):
        assert text in words
    assert f"a true difference of {part.detectable_typically:.1f} points" in words
    assert "theatrical 12, coverage" in words
    assert "seed 5" in words
    assert words.count("95 % over sessions") == 2


def test_what_is_withheld_and_what_only_one_version_has_is_said() -> None:
    words = Outline(render_comparison(documents()["withheld"])).words
    assert "40 of 40: a step is told where at least 200 people were read in each version" in words
    assert "40 of them: somebody was read in both versions, but fewer than 200 people in one" in words
    assert "Withheld" in words
    shown = Outline(render_comparison(documents()["shown"])).words
    assert "Only in director 00:20–00:25, in director’s time" in shown


def test_where_nothing_is_inferred_no_band_is_drawn_and_no_error_rate_is_told() -> None:
    text = render_comparison(documents()["single"])
    assert 'path class="simultaneous"' not in text
    assert "False alarm" not in text
    assert "in one session only" in text
    assert 'path class="simultaneous"' in render_comparison(documents()["none"])


def test_names_from_outside_are_escaped() -> None:
    hostile = "<script>alert(1)</script>\"'"
    document = made(version(hostile, 1), version("b", 2, 25.0))
    text = render_comparison(document)
    assert "<script>alert" not in text
    assert Outline(text).open == []


def test_the_same_document_gives_the_same_page() -> None:
    assert render_comparison(documents()["scenes"]) == render_comparison(documents()["scenes"])


def test_all_files_appear_together_or_none_does(tmp_path: Path) -> None:
    write_comparison(report(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)
    before = (tmp_path / "comparison.json").read_bytes()
    (tmp_path / "comparison.html").unlink()
    (tmp_path / "comparison.html").mkdir()
    with pytest.raises(OutputError):
        write_comparison(report(planted=0.0), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    assert before


def test_three_hours_are_light() -> None:
    steps = 21_600
    rng = np.random.default_rng(1)
    fear = rng.normal(30, 6, (12, steps)).astype(np.float32)
    a = SessionSet.of({"fear": fear[:6]}, step_seconds=0.5, version="a", readable=[9] * 6)
    b = SessionSet.of({"fear": fear[6:]}, step_seconds=0.5, version="b", readable=[9] * 6)
    document = made(a, b, CompareOptions(shuffles=99))
    started = time.process_time()
    text = render_comparison(document)
    assert time.process_time() - started < 2
    assert len(text) < 400_000
    assert "Every point is the mean of 30 steps" in Outline(text).words


def test_many_comparisons_share_the_room() -> None:
    assert points_for(1) == points_for(4) == 720
    assert points_for(8) == 360
    assert points_for(100) == 240


def test_a_reduced_curve_holds_its_steps_mean_and_ends() -> None:
    [part] = documents()["shown"].comparisons
    whole, reduced = curves(part), curves(part, 10)
    assert (len(whole), len(reduced), reduced.steps_each) == (40, 10, 4)
    np.testing.assert_allclose(reduced.mean["difference"], whole.mean["difference"].reshape(10, 4).mean(axis=1))
    np.testing.assert_allclose(reduced.most["high"], whole.mean["high"].reshape(10, 4).max(axis=1))
    assert (reduced.start[0], reduced.end[-1]) == (0, 20)


def test_discoveries_are_the_steps_below_the_rate() -> None:
    [part] = documents()["shown"].comparisons
    level = 0.05
    found = discovered(part, level)
    steps = sum(round((end - start) / part.step_seconds) for start, end in found)
    assert steps == part.discoveries == sum(q is not None and q <= level for q in part.curve["q"])
    assert any(start <= 12 < end for start, end in found)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 18), (29.9, 30.2), (-80, 80), (0, 0), (-1e-3, 2e-3)])
def test_an_axis_covers_its_range_in_round_steps(low: float, high: float) -> None:
    axis = Axis.over(low, high)
    assert axis.low <= low
    assert axis.high >= high
    assert 2 <= len(axis.levels) <= 8
    gaps = np.diff(axis.levels)
    np.testing.assert_allclose(gaps, gaps[0])
    assert axis.marks()[-1]["top"] == 0


def test_findings_are_marked_where_they_are() -> None:
    [part] = documents()["shown"].comparisons
    text = render_comparison(documents()["shown"])
    drawn = curves(part)
    scale = chart.Scale.of(drawn)
    left = scale.left(12)
    assert f'<i class="found" style="left:{left}%;width:{scale.left(13) - left}%">' in text
