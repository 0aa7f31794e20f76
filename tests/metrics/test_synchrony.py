"""Synchrony: BEY2. How it is computed is the gate's, see ``tests/test_aggregation.py``."""

from __future__ import annotations

import pytest

from mien.metrics.synchrony import Synchrony
from tests.metrics.steps import empty, read


def test_it_tells_what_left_the_gate_and_its_mean() -> None:
    metric = Synchrony()
    for step in (read(0.0, people=5), read(0.5, people=1), empty(1.0)):
        metric.update(step)
    result = metric.compute()
    assert [s.value for s in result.series["synchrony"]] == [0.5, None, None]
    assert [s.withheld for s in result.series["synchrony"]][1:] == [
        "fewer than three faces moved and were read throughout the last seconds",
        "no face was seen",
    ]
    assert result.figures[0].value == pytest.approx(0.5)
