"""The page of an evaluation: complete without script or network, whatever was measured."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core.operating import logit_adjustment
from mien.evaluation.evaluate import Evaluation, EvaluationOptions, evaluate
from mien.evaluation.html import render
from mien.evaluation.plots import curve_plot, matrix, reliability_dots
from mien.evaluation.resampling import Resampling
from mien.evaluation.robustness import RobustnessOptions
from tests.evaluation.votes import PRIOR, CornerReader, cast, known, pictures
from tests.visits import Visits

QUICK = EvaluationOptions(RobustnessOptions(0), speed=False, resampling=Resampling(50))


def measured(options: EvaluationOptions = QUICK, groups: dict[str, tuple[str, ...]] | None = None) -> Evaluation:
    reader = CornerReader()
    reader.operating_points = {"balanced": logit_adjustment(0.5, tuple(PRIOR), "by hand")}
    return evaluate(reader, pictures(cast(60)), "planted", options, groups)


@pytest.fixture(scope="module")
def whole() -> Evaluation:
    options = replace(QUICK, robustness=RobustnessOptions(20), speed=True)
    return measured(options, groups={"light<b>": ("dim",) * 40 + ("bright",) * 20})


def test_every_part_is_there_when_everything_was_measured(whole: Evaluation) -> None:
    page = render(whole)
    for heading in (
        "Accuracy by protocol",
        "Operating points",
        "By emotion",
        "Confusion, plain point",
        "Confusion, balanced point",
        "taken at their word",
        "Processor time a face",
        "When something gets in the way",
        "By declared group",
    ):
        assert heading in page
    assert "light&lt;b&gt;" in page
    assert "withheld: fewer than 30 faces" in page


def test_what_was_not_measured_is_left_out() -> None:
    page = render(measured())
    for heading in ("When something gets in the way", "By declared group", "Processor time a face"):
        assert heading not in page


def test_nothing_runs_and_nothing_is_fetched(whole: Evaluation) -> None:
    page = html.unescape(render(whole))
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert re.findall(r"(?:src|href)=\"(?!#|data:)", page) == []
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).lower().split()


def test_a_matrix_row_sums_to_everything() -> None:
    for row in matrix(measured().argmax8):
        assert sum(cell.percent for cell in row.cells) == pytest.approx(100 if row.faces else 0)
        assert sum(cell.count for cell in row.cells) == row.faces


def test_dots_lie_where_the_bins_say() -> None:
    told = measured().calibration
    dots = reliability_dots(told.bins)
    assert len(dots) == sum(b.votes > 0 for b in told.bins)
    first = next(b for b in told.bins if b.confidence is not None)
    assert (dots[0].x, dots[0].y) == pytest.approx(
        (known(first.confidence) * 100, 100 - known(first.agreement) * 100), abs=0.01
    )


def test_curves_run_over_every_level(whole: Evaluation) -> None:
    curve = known(whole.robustness).curves["blur"]
    plot = curve_plot(curve)
    assert [tick.text for tick in plot.ticks] == ["as is", "1", "2", "3", "4", "6"]
    assert plot.accuracy.count(",") == len(curve.points)
    assert plot.accuracy.startswith("M40.0,0.00")


@pytest.mark.parametrize("width", [1280, 768, 390, 320])
def test_it_fits_every_screen_in_a_real_browser(whole: Evaluation, tmp_path: Path, visits: Visits, width: int) -> None:
    (tmp_path / "evaluation.html").write_text(render(whole), encoding="utf-8")
    page = visits.open((tmp_path / "evaluation.html").as_uri(), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".matrix td.right").count() == 16
    assert [url for url in visits.requests if not url.startswith(("data:", "file://"))] == []
    assert visits.complaints == []


def test_a_figure_of_a_group_has_the_faces_behind_it_or_is_withheld() -> None:
    votes = cast(80)
    votes[1:40] = np.eye(10, dtype=np.uint8)[8] * 10
    groups = {"light": ("dim",) * 40 + ("bright",) * 40}
    page = render(evaluate(CornerReader(), pictures(votes), "planted", QUICK, groups))
    rows = {name: page.split(f'<th scope="row">{name}</th>')[1].split("</tr>")[0] for name in ("dim", "bright")}
    assert rows["dim"].startswith("<td>40</td><td>withheld<small>of 1</small></td>")
    assert "%" not in rows["dim"]
    assert re.match(
        r"<td>40</td><td><b>[\d.]+ %</b><small>[\d.]+ to [\d.]+</small><small>of \d+</small></td>", rows["bright"]
    )
