from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from mien.analysis.compare import CompareOptions, compare
from mien.analysis.scenes import Scene, compare_scenes
from mien.analysis.sessions import SessionSet
from mien.report import schema
from mien.report.comparison import CURVE_COLUMNS, FILES, ComparisonDocument, build_comparison, write_comparison
from tests.report.factory import CREATED

OPTIONS = CompareOptions(shuffles=499)
SCENES = (Scene("Arrival", 0, 10), Scene("Cellar", 10, 20))


def version(name: str, seed: int, planted: float = 0.0, *, sessions: int = 12, min_group: int = 1) -> SessionSet:
    """Twenty seconds; ``planted`` points more in the steps from 12 to 13 seconds."""
    fear = np.random.default_rng(seed).normal(30, 6, (sessions, 40))
    fear[:, 24:26] += planted
    fear[0, 5] = np.nan
    return SessionSet.of({"fear": fear}, step_seconds=0.5, version=name, readable=[9] * sessions, min_group=min_group)


@cache
def report(*, min_group: int = 1, planted: float = 25.0) -> ComparisonDocument:
    a = version("theatrical", 1, min_group=min_group)
    b = version("director", 2, planted, min_group=min_group)
    rng = np.random.default_rng(5)
    found = compare(a, b, "fear", rng, OPTIONS)
    scenes = {("director", "fear"): compare_scenes(a, b, SCENES, SCENES, "fear", rng, OPTIONS)}
    return build_comparison((a, b), (found,), CREATED, seed=5, scenes=scenes, gaps={"director": ((), ((20.0, 25.0),))})


def test_a_document_tells_what_was_compared_and_what_was_found() -> None:
    told = report()
    assert [(v.version, v.sessions) for v in told.versions] == [("theatrical", 12), ("director", 12)]
    comparison = told.comparisons[0]
    assert (comparison.verdict.shown, comparison.version_a, comparison.version_b) == (True, "theatrical", "director")
    assert [(f.start_seconds, f.end_seconds) for f in comparison.findings] == [(12, 13)]
    assert told.options.seed == 5
    assert comparison.only_b_seconds == ((20, 25),)
    assert comparison.scenes is not None
    assert comparison.scenes.scenes[1].figures.difference == pytest.approx(2.5, abs=1)


def test_the_file_is_read_back_as_it_was(tmp_path: Path) -> None:
    write_comparison(report(), tmp_path)
    text = (tmp_path / "comparison.json").read_text(encoding="utf-8")
    assert ComparisonDocument.model_validate_json(text) == report()
    assert json.loads(text)["schema_version"] == 1
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)


def test_the_table_holds_the_timeline_step_by_step(tmp_path: Path) -> None:
    write_comparison(report(), tmp_path)
    with (tmp_path / "comparison.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    curve = report().comparisons[0].curve
    assert len(rows) == 40
    assert set(CURVE_COLUMNS) <= set(rows[0])
    assert [float(row["difference"]) for row in rows] == list(curve["difference"])
    assert (rows[24]["media_time_mmss"], rows[24]["version_a"]) == ("00:12", "theatrical")


def test_steps_below_the_smallest_group_are_empty_and_counted() -> None:
    told = report(min_group=200)
    comparison = told.comparisons[0]
    assert comparison.verdict.shown is None
    assert comparison.verdict.withheld is not None
    assert comparison.steps_suppressed == 40
    assert set(comparison.curve["difference"]) == set(comparison.curve["mean_b"]) == {None}
    assert not told.personal_data


def test_a_comparison_that_tells_of_single_people_says_so() -> None:
    assert report().personal_data


def test_only_the_date_differs_when_it_is_repeated() -> None:
    again = report.__wrapped__()
    assert again == report()


def test_no_difference_is_in_the_words_of_none_shown() -> None:
    told = report(planted=0.0).comparisons[0]
    assert told.verdict.shown is False
    assert "No difference shown" in told.verdict.text
    assert told.findings == ()
    assert "equal" not in report(planted=0.0).model_dump_json()


def test_the_packaged_schema_is_current() -> None:
    assert schema.packaged("comparison") == schema.text("comparison"), (
        "run: python -m mien.report.schema comparison > src/mien/report/comparison.schema.json"
    )


@pytest.mark.parametrize("told", [{}, {"planted": 0.0}, {"min_group": 200}])
def test_what_is_written_validates_against_the_packaged_schema(told: dict[str, Any], tmp_path: Path) -> None:
    write_comparison(report(**told), tmp_path)
    validator = jsonschema.Draft202012Validator(
        json.loads(schema.packaged("comparison")), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    document = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
    assert [error.message for error in validator.iter_errors(document)] == []
    assert list(validator.iter_errors({**document, "sessions": []})) != []


def test_a_version_tells_how_much_of_its_time_was_read() -> None:
    told = report().versions
    assert told[0].coverage_share == pytest.approx(1 - 1 / (12 * 40), abs=1e-4)
