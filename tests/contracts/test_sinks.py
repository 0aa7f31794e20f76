"""What every sink promises, whichever there are."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import get_type_hints

import pytest

from mien.core.audience import AudienceSnapshot, Sink
from mien.core.plugins import available, load
from tests.sinks.receivers import Told, receiver_for
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


def told(name: str, folder: Path, *snapshots: AudienceSnapshot, complete: bool = True) -> list[Told]:
    """What arrives of snapshots at the other end of a sink."""
    receiver = receiver_for(name, folder)
    sink = load("sinks", name).create(receiver.target, **receiver.options)
    receiver.listen()
    for one in snapshots:
        sink.write(one)
    sink.close(complete=complete)
    sink.close(complete=complete)
    return receiver.received()


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("name", SINKS)
def test_a_sink_tells_snapshots_in_order(name: str, complete: bool, tmp_path: Path) -> None:
    arrived = told(name, tmp_path, snapshot(0.0), suppressed(0.5), snapshot(1.0), complete=complete)
    assert [(one["media_time"], bool(one["suppressed"])) for one in arrived] == [(0.0, 0), (0.5, 1), (1.0, 0)]
    assert [one.get("readable") for one in arrived] == [32, None, 32]


@pytest.mark.parametrize("name", SINKS)
def test_a_sink_that_was_told_nothing_closes(name: str, tmp_path: Path) -> None:
    assert told(name, tmp_path, complete=False) == []


@pytest.mark.parametrize("name", SINKS)
def test_a_suppressed_snapshot_leaves_no_figure(name: str, tmp_path: Path) -> None:
    (one,) = told(name, tmp_path, suppressed())
    assert set(one) <= {"schema_version", "media_time", "duration", "duration_seconds", "suppressed", "demo"}
