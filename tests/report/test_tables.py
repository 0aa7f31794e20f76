"""The timeline's table is the same, whether its rows pass by on their way into another file or are made for it."""

from __future__ import annotations

import itertools

import pytest

from mien.core.audience import Analysis
from mien.report.document import timeline_rows
from mien.report.tables import TimelineTable, csv_text
from tests.report.factory import hall, one_person


@pytest.mark.parametrize("analysis", [one_person(), hall()], ids=["one_person", "hall"])
@pytest.mark.parametrize("taken", [None, 0, 3])
def test_it_is_whole_however_many_rows_passed_by(analysis: Analysis, taken: int | None) -> None:
    timeline, left_out = analysis.timeline, ("contempt",)
    table = TimelineTable(timeline, left_out)
    passed = list(itertools.islice(table.beside(timeline_rows(timeline)), taken))
    assert passed == list(itertools.islice(timeline_rows(timeline), taken))
    assert list(table.text()) == list(csv_text(timeline_rows(timeline), timeline, left_out))
