from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from mien.report.document import build_findings
from mien.report.terminal import summary
from tests.report.factory import CREATED, SHAPES, analysis_of, hall, nothing, one_person, percents, steps_of


def printed(shape: str, folder: Path | None = None) -> str:
    out = io.StringIO()
    Console(file=out, width=100, color_system=None).print(
        summary(build_findings(SHAPES[shape](), CREATED), folder), soft_wrap=True
    )
    return out.getvalue()


def test_tells_the_headline_the_moments_and_where_the_report_is() -> None:
    told = printed("one_person", Path("out"))
    findings = build_findings(one_person(), CREATED)
    assert findings.headline in told
    assert "out/report.html" in told
    for moment in findings.moments:
        assert moment.peak in told


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"hour"}))
def test_every_shape_can_be_told(shape: str) -> None:
    assert build_findings(SHAPES[shape](), CREATED).headline in printed(shape)


def test_says_demo_and_incomplete() -> None:
    assert "DEMO" in printed("hall")
    assert "INCOMPLETE  It was interrupted before the end." in printed("nothing")
    assert "DEMO" not in printed("one_person")
    assert hall().provenance.demo
    assert not nothing().timeline.complete


def test_a_file_name_is_never_taken_for_markup() -> None:
    analysis = analysis_of(steps_of([percents()]), input_name="[red]x[/red].mp4")
    out = io.StringIO()
    Console(file=out).print(summary(build_findings(analysis, CREATED), Path("[bold]out")))
    assert "[bold]out" in out.getvalue()
