"""A report is read back as it was written, and what is no report is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mien.analysis.moments import find_peaks
from mien.core.errors import InputError
from mien.core.findings import MomentKind
from mien.report import write_reports
from mien.report.document import Report, build_report
from mien.report.reading import duration_of, moments_of, read_report, stretches_of
from tests.report.factory import (
    CREATED,
    analysis_of,
    empty_step,
    gap_step,
    hall,
    percents,
    read_step,
    steps_of,
    suppressed_step,
)


def report_of(*emotions: str) -> Report:
    return build_report(analysis_of(steps_of([percents(**{e: 90.0}) for e in emotions])), CREATED)


def test_a_report_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_reports(hall(), tmp_path, created=CREATED)
    assert read_report(tmp_path / "report.json") == build_report(hall(), CREATED)


def test_its_moments_are_those_that_were_found_in_order_of_time() -> None:
    found = sorted(find_peaks(hall().timeline.snapshots), key=lambda m: m.start)
    told = moments_of(build_report(hall(), CREATED))
    assert [m.start for m in told] == sorted(m.start for m in told)
    peaks = [m for m in told if m.kind is MomentKind.PEAK]
    assert [(m.subject, m.start, m.peak, m.end, m.readable) for m in peaks] == [
        (m.subject, m.start, m.peak, m.end, m.readable) for m in found
    ]
    for one, other in zip(peaks, found, strict=True):
        assert (one.value, one.rise, one.low, one.high, one.coverage) == pytest.approx(
            (other.value, other.rise, other.low, other.high, other.coverage), abs=1e-4
        )


def test_stretches_join_steps_of_one_strongest_label() -> None:
    stretches = stretches_of(report_of("fear", "fear", "anger", "fear"))
    assert [(s.label, s.start, s.end) for s in stretches] == [("fear", 0, 1), ("anger", 1, 1.5), ("fear", 1.5, 2)]


def test_steps_in_which_nothing_was_read_are_in_no_stretch() -> None:
    fear = percents(fear=90)
    steps = [read_step(0.0, fear), empty_step(0.5), gap_step(1.0), read_step(1.5, fear), suppressed_step(2.0)]
    stretches = stretches_of(build_report(analysis_of(steps), CREATED))
    assert [(s.label, s.start, s.end) for s in stretches] == [("fear", 0, 0.5), ("fear", 1.5, 2)]


def test_a_step_of_one_frame_lasts_until_the_next() -> None:
    steps = [read_step(i / 25, percents(fear=90), duration_seconds=0.0, frames=1) for i in range(25)]
    [stretch] = stretches_of(build_report(analysis_of(steps), CREATED))
    assert (stretch.start, stretch.end) == (0, 0.96)


def test_a_picture_has_no_time() -> None:
    picture = build_report(analysis_of([read_step(0.0, percents(fear=90), duration_seconds=0.0, frames=1)]), CREATED)
    with pytest.raises(InputError, match="single picture"):
        duration_of(picture)
    assert duration_of(report_of("fear", "fear")) == 1.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file: invalid json"),
        ("{}", "is no report.json of this version: created: field required"),
        ("[1]", "is no report.json"),
        ("\x00", "invalid json"),
    ],
)
def test_what_is_no_report_is_told(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_report(path)


def test_a_later_version_is_not_misread(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    told = json.loads(report_of("fear").model_dump_json())
    path.write_text(json.dumps({**told, "schema_version": 2}))
    with pytest.raises(InputError, match="schema_version"):
        read_report(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*absent\.json: no such file"):
        read_report(tmp_path / "absent.json")
    with pytest.raises(InputError, match="is a directory"):
        read_report(tmp_path)


def test_moments_that_make_no_sense_are_refused() -> None:
    report = build_report(hall(), CREATED)
    odd = report.moments[0].model_copy(update={"kind": "omen"})
    with pytest.raises(InputError, match="'omen'"):
        moments_of(report.model_copy(update={"moments": (odd,)}))
    late = report.moments[0].model_copy(update={"end_seconds": 0.0})
    with pytest.raises(InputError, match="out of order"):
        moments_of(report.model_copy(update={"moments": (late,)}))
