"""The terminal's view: nothing of it is cut off, wide or narrow."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from mien.core.labels import EMOTIONS
from mien.core.status import Heat
from mien.report.live_view import view
from tests.report.test_live_figures import STATUS, shock, steps, timeline

MADE = replace(timeline(steps(40)), series={"shock": shock(*[None] * 40)})


def shown(width: int, **changes: object) -> str:
    console = Console(file=io.StringIO(), width=width, height=40, color_system=None)
    status = replace(STATUS, **changes)  # type: ignore[arg-type]
    console.print(view(status, MADE, ["01:02 it was lost"], "http://127.0.0.1:80/secret/", width=width))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 90, 98, 120, 200])
def test_every_figure_is_there_at_any_width(width: int) -> None:
    told = shown(width)
    assert max(map(len, told.splitlines())) <= width
    last = steps(1)[0].emotions
    assert last is not None
    for emotion, value in zip(EMOTIONS, last.values(), strict=True):
        assert any(emotion in line and f"{value:.0f} %" in line for line in told.splitlines()), emotion
    for word in ("Coverage", "Last scare", "hall", "detector 14 ms", "http://127.0.0.1:80/secret/", "it was lost"):
        assert word in told
    assert "no baseline yet" in told
    assert len(told.splitlines()) <= 24


def test_heat_and_what_is_spared_for_it() -> None:
    told = shown(100, heat=Heat(gpu_celsius=88.0), relief="looks and reads 2 times less often")
    assert "GPU 88 °C" in told
    assert "spared for its heat: looks and reads 2 times less often" in told
    assert "°C" not in shown(100)
