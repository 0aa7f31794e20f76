"""What every sink promises, whichever there are."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import get_type_hints

import pytest

from mien.core.audience import Sink
from mien.core.plugins import available, load
from tests.sinks.snapshots import snapshot, suppressed

SINKS = available("sinks")


def test_there_are_sinks() -> None:
    assert "jsonl" in SINKS


@pytest.mark.parametrize("name", SINKS)
def test_a_sink_is_made_by_create_and_options_are_named(name: str) -> None:
    create = load("sinks", name).create
    assert get_type_hints(create)["return"] is Sink
    target, *options = inspect.signature(create).parameters.values()
    assert target.default is inspect.Parameter.empty
    assert all(o.kind is inspect.Parameter.KEYWORD_ONLY and o.default is not o.empty for o in options)


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("name", SINKS)
def test_a_sink_takes_snapshots_in_order_and_closes(name: str, complete: bool, tmp_path: Path) -> None:
    sink = load("sinks", name).create(tmp_path / "out")
    for one in (snapshot(0.0), suppressed(0.5), snapshot(1.0)):
        sink.write(one)
    sink.close(complete=complete)
    sink.close(complete=complete)


@pytest.mark.parametrize("name", SINKS)
def test_a_sink_that_was_told_nothing_closes(name: str, tmp_path: Path) -> None:
    load("sinks", name).create(tmp_path / "out").close(complete=False)


@pytest.mark.parametrize("name", SINKS)
def test_a_suppressed_snapshot_leaves_no_figure(name: str, tmp_path: Path) -> None:
    sink = load("sinks", name).create(tmp_path / "out")
    sink.write(suppressed())
    sink.close(complete=True)
    written = (tmp_path / "out").read_text()
    assert not {"readable", "emotions", "present", "tracks"} & set(json.loads(written or "{}"))
