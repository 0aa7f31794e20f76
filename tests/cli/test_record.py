"""When a live session's reports are written while it runs."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from mien.cli import _record
from mien.cli._record import REPORT_EVERY_SECONDS, REPORT_SHARE, Record
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
    report = record.folder / "report.json"

    def is_written_at(now: float) -> bool:
        report.unlink(missing_ok=True)
        assert record.go_on(cast(LiveSession, SimpleNamespace(analysis=lambda: analysis)), now) == ()
        if record._writing is not None:
            record._writing.join()
        return report.exists()

    assert not is_written_at(1000.0)
    first = 1000.0 + REPORT_EVERY_SECONDS
    assert not is_written_at(first - 0.1)
    assert is_written_at(first)
    assert not is_written_at(first + next_after_seconds - 0.1)
    assert is_written_at(first + next_after_seconds)
    record.whole.close(complete=True)
    record.finish(analysis)
