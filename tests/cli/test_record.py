"""When a live session's reports are written while it runs."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from click.testing import CliRunner

from mien import report, weights
from mien.cli import _record, main
from mien.cli._record import REPORT_EVERY_SECONDS, REPORT_SHARE, Record
from mien.core.audience import Analysis
from mien.core.errors import OutputError
from mien.report import unfinished
from mien.report.unfinished import TIMELINE, ZONES
from mien.runtime.live.session import LiveSession
from tests.report.factory import one_person


@pytest.mark.parametrize(
    ("processor_seconds", "next_after_seconds"),
    [(0.1, REPORT_EVERY_SECONDS), (30.0, 30.0 / REPORT_SHARE)],
    ids=["a short session", "hours"],
)
def test_reports_take_a_twentieth_of_a_core_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processor_seconds: float, next_after_seconds: float
) -> None:
    told = itertools.count(step=processor_seconds)
    monkeypatch.setattr(_record, "time", SimpleNamespace(thread_time=lambda: next(told)))
    analysis = one_person()
    record = Record(tmp_path / "tonight", 1, by_zones=False)
    record.of(cast(LiveSession, SimpleNamespace(analysis=lambda: analysis)))
    told_in = record.folder / "report.json"

    def is_written_at(now: float) -> bool:
        told_in.unlink(missing_ok=True)
        assert record.go_on(cast(LiveSession, SimpleNamespace(analysis=lambda: analysis)), now) == ()
        if record._writing is not None:
            record._writing.join()
        return told_in.exists()

    assert not is_written_at(1000.0)
    first = 1000.0 + REPORT_EVERY_SECONDS
    assert not is_written_at(first - 0.1)
    assert is_written_at(first)
    assert not is_written_at(first + next_after_seconds - 0.1)
    assert is_written_at(first + next_after_seconds)
    record.whole.close(complete=True)
    record.finish(analysis)


def refused(*arguments: object, **options: object) -> None:
    raise OutputError("the disk is full.")


def test_no_line_is_written_before_it_is_said_what_it_is_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a hall's parts neither."""
    record = Record(tmp_path / "tonight", 1, by_zones=True)
    described = SimpleNamespace(described=lambda: (one_person().timeline.session, one_person().provenance))
    record.of(cast(LiveSession, described))
    monkeypatch.setattr(unfinished, "write_unfinished", refused)
    step = one_person().timeline.snapshots[0]
    sinks = [record.whole, *record.parts]
    for sink in sinks:
        with pytest.raises(OutputError):
            sink.write(step)
    assert {(record.folder / name).stat().st_size for name in (TIMELINE, ZONES)} == {0}
    monkeypatch.undo()
    for sink in sinks:
        sink.write(step)
        sink.close(complete=True)
    assert unfinished.is_unfinished(record.folder)
    assert all((record.folder / name).stat().st_size for name in (TIMELINE, ZONES))


@pytest.mark.parametrize("stopped_by", [OutputError("the disk is full."), KeyboardInterrupt()], ids=["disk", "Ctrl-C"])
@pytest.mark.parametrize("has_lines", [True, False])
def test_who_is_left_without_reports_is_told_what_makes_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stopped_by: BaseException,
    has_lines: bool,
) -> None:
    def stopped(*arguments: object, **options: object) -> None:
        raise stopped_by

    analysis, folder = one_person(), tmp_path / "tonight"
    record = Record(folder, 1, by_zones=False)
    if has_lines:
        unfinished.write_unfinished(folder, analysis.timeline.session, analysis.provenance)
    record.whole.close(complete=True)
    monkeypatch.setattr(report, "write_reports", stopped)
    with pytest.raises(type(stopped_by)) as told:
        record.finish(analysis)
    said = capsys.readouterr().err + str(told.value)
    assert (f"'mien recover {folder}' makes the reports" in said) == has_lines


def test_a_signal_while_the_last_reports_are_written_does_not_lose_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session has ended by itself: whoever ends the program now asks for what is being done."""
    finish = Record.finish

    def interrupted(record: Record, analysis: Analysis) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        finish(record, analysis)

    monkeypatch.setattr(Record, "finish", interrupted)
    folder = tmp_path / "tonight"
    clip = weights.resolve("demo-clip")
    session = ["live", str(clip), "--fast", "--seconds", "0.5", "--workers", "thread", "--record", str(folder)]
    done = CliRunner().invoke(main, session)
    assert done.exit_code == 0, done.output
    assert (folder / "report.json").exists()
    assert not unfinished.is_unfinished(folder)
