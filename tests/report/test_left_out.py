"""What was not to be told is in no distribution, on no chart and in no comparison, and its absence is said (EMO23)."""

from __future__ import annotations

import copy
import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mien.analysis.session_files import ReadOptions, read_version
from mien.core.audience import Analysis
from mien.core.errors import InputError
from mien.report import write_reports
from mien.report.document import build_findings, build_report
from mien.report.terminal import summary
from tests.report.factory import CREATED, STEP, analysis_of, percents, read_step


def without_contempt() -> Analysis:
    """One person, whose contempt and fear were not to be told."""
    run = analysis_of([read_step(i * STEP, percents(happiness=30 + i % 7)) for i in range(40)])
    settings: dict[str, Any] = copy.deepcopy(dict(run.provenance.settings))
    settings["audience"]["left_out"] = ["fear", "contempt"]
    return replace(run, provenance=replace(run.provenance, settings=settings))


def test_the_report_names_them_and_tells_nothing_of_them() -> None:
    told = build_report(without_contempt(), CREATED)
    assert told.session.left_out == ("fear", "contempt")
    assert [level.label for level in told.distribution.canonical] == [
        "neutral", "happiness", "surprise", "sadness", "anger", "disgust",
    ]  # fmt: skip
    assert build_report(analysis_of([]), CREATED).session.left_out == ()


def test_the_page_and_the_terminal_say_so(tmp_path: Path) -> None:
    write_reports(without_contempt(), tmp_path, created=CREATED)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (
        "fear, contempt: not told, by the operator’s choice or because the classifier does not know them. Their shares "
        "were given to the other"
    ) in page
    assert 'data-emotion="happiness"' in page
    assert 'data-emotion="fear"' not in page
    out = io.StringIO()
    Console(file=out, width=120).print(summary(build_findings(without_contempt(), CREATED)))
    assert "Not told, and given to the others: fear, contempt" in out.getvalue()


def test_their_cells_are_empty_in_the_table(tmp_path: Path) -> None:
    """A zero would say that nobody was afraid."""
    write_reports(without_contempt(), tmp_path, created=CREATED)
    with (tmp_path / "timeline.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["fear_percent"] for row in rows} == {row["contempt_percent"] for row in rows} == {""}
    assert float(rows[0]["happiness_percent"]) == 30
    assert float(rows[0]["anger_percent"]) == 0


def test_what_was_not_told_is_not_compared(tmp_path: Path) -> None:
    write_reports(without_contempt(), tmp_path, created=CREATED)
    with pytest.raises(InputError, match="does not tell fear: it was left out, or its classifier did not know it"):
        read_version(tmp_path, ReadOptions(("fear",)))
    assert len(read_version(tmp_path, ReadOptions(("happiness",)))) == 1
