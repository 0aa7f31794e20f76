"""The display: it copies and hands over only what is looked at, never waits, and outlives its worker."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.core.errors import DeviceError
from mien.core.faces import Frame, FrameReading, UInt8Array
from mien.runtime.live.display import Display
from mien.runtime.live.engine import LiveOptions
from mien.runtime.live.pace import Cadence
from mien.runtime.live.session import LiveSession, Watched
from mien.runtime.live.supervision import Patience
from mien.runtime.live.workers import Kind
from tests.runtime.live.parts import PERMITTED, RATE, even_networks, film

HASTY = Patience(stuck_seconds=1.5, first_wait_seconds=0.1)


class Diary:
    """A screen that writes down what it is told, a line each; somebody looks while the file ``look`` is there."""

    def __init__(self, folder: Path, port: int | None) -> None:
        self.port = port or 4711
        self._folder = folder
        self._write("open", port)

    @property
    def watched(self) -> bool:
        return (self._folder / "look").exists()

    def wanted(self) -> frozenset[int]:
        return frozenset({0}) if self.watched else frozenset()

    def remember(self, camera: int, reading: FrameReading) -> None:
        self._write("remember", reading.media_time)

    def show(self, camera: int, image: UInt8Array, reading: FrameReading, frames_per_second: float) -> None:
        self._write("show", reading.media_time, int(image[0, 0, 0]), image.shape[:2])

    def tell(self, figures: str) -> None:
        self._write("tell", figures)

    def close(self) -> None:
        self._write("close")

    def _write(self, *told: object) -> None:
        with (self._folder / "diary").open("a") as stream:
            stream.write(json.dumps(told) + "\n")


def taken(folder: Path, port: int | None) -> Diary:
    raise DeviceError("the port is taken")


def diary(folder: Path, kind: str | None = None) -> list[Any]:
    lines = [json.loads(line) for line in (folder / "diary").read_text().splitlines()]
    return [line for line in lines if kind in (None, line[0])]


def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)


@contextlib.contextmanager
def opened(folder: Path, workers: Kind = "thread", port: int | None = None) -> Iterator[Display]:
    display = Display(partial(Diary, folder), port, 1, workers, HASTY)
    display.open()
    try:
        yield display
    finally:
        display.close()


def look(folder: Path) -> None:
    (folder / "look").touch()


def frame(index: int, *, blank: bool = False, size: tuple[int, int] = (6, 8)) -> tuple[Frame, FrameReading]:
    at = index / RATE
    picture = np.full((*size, 3), index % 256, np.uint8)
    if blank:
        picture = np.broadcast_to(np.zeros(1, np.uint8), picture.shape)
    return Frame(picture, index, at), FrameReading(index, at, (), 0.0, 0.0)


def test_nothing_is_wanted_while_nobody_looks(tmp_path: Path) -> None:
    with opened(tmp_path) as display:
        for index in range(20):
            assert not display.wants(0)
            display.observe(0, *frame(index, blank=True))
            time.sleep(0.01)
    assert diary(tmp_path, "show") == diary(tmp_path, "remember") == []


@pytest.mark.parametrize("workers", ["thread", "process"])
def test_whoever_looks_sees_one_picture_at_a_time_after_its_history(workers: Kind, tmp_path: Path) -> None:
    with opened(tmp_path, workers) as display:
        for index in range(40):
            display.observe(0, *frame(index, blank=True))
        look(tmp_path)
        for index in range(40, 43):
            until(lambda: display.wants(0))
            display.observe(0, *frame(index, size=(6 + index % 2, 8)))
            assert not display.wants(0)
        until(lambda: len(diary(tmp_path, "show")) == 3)
    told = [line for line in diary(tmp_path) if line[0] in ("remember", "show")]
    assert [line[1] for line in told] == sorted(line[1] for line in told)
    assert [line for line in told if line[0] == "show"] == [
        ["show", index / RATE, index, [6 + index % 2, 8]] for index in range(40, 43)
    ]
    # Ten a second of twenty, and none twice.
    assert [line[1] for line in told if line[0] == "remember"] == [k / 10 for k in range(20)]


def test_a_picture_is_never_shown_black(tmp_path: Path) -> None:
    look(tmp_path)
    with opened(tmp_path) as display:
        until(lambda: display.wants(0))
        display.observe(0, *frame(5, blank=True))
        assert display.wants(0)
        display.observe(0, *frame(6))
        until(lambda: diary(tmp_path, "show"))
    assert diary(tmp_path, "show")[0][2] == 6


def test_history_is_half_a_minute(tmp_path: Path) -> None:
    with opened(tmp_path) as display:
        for index in range(2000):
            display.observe(0, *frame(index, blank=True))
        look(tmp_path)
        until(lambda: display.wants(0))
        display.observe(0, *frame(2000))
        until(lambda: diary(tmp_path, "show"))
    remembered = [line[1] for line in diary(tmp_path, "remember")]
    assert 99.0 < remembered[-1] < 100.0
    assert remembered[-1] - remembered[0] == pytest.approx(30.0, abs=0.2)


def test_the_last_figures_are_shown_before_the_end(tmp_path: Path) -> None:
    with opened(tmp_path) as display:
        display.tell('{"a": 1}', [20.0])
        until(lambda: diary(tmp_path, "tell"))
        display.tell('{"a": 2}', [20.0])
    assert diary(tmp_path)[-2:] == [["tell", '{"a": 2}'], ["close"]]


@pytest.mark.parametrize(("how", "why"), [(signal.SIGKILL, "ended"), (signal.SIGSTOP, "no sign of life")])
def test_a_worker_that_dies_or_hangs_is_replaced_at_the_same_port(
    how: signal.Signals, why: str, tmp_path: Path
) -> None:
    look(tmp_path)
    with opened(tmp_path, "process") as display:
        display.tell('{"a": 1}', [20.0])
        until(lambda: diary(tmp_path, "tell"))
        assert display.pid is not None
        os.kill(display.pid, how)
        until(lambda: len(diary(tmp_path, "open")) == 2)
        until(lambda: len(diary(tmp_path, "tell")) == 2)
        until(lambda: display.wants(0))
        display.observe(0, *frame(7))
        until(lambda: diary(tmp_path, "show"))
        assert [why in note for note in display.notes()] == [True]
    assert diary(tmp_path, "open") == [["open", None], ["open", 4711]]


def test_handing_over_never_waits_for_a_worker_that_hangs(tmp_path: Path) -> None:
    look(tmp_path)
    with opened(tmp_path, "process") as display:
        until(lambda: display.wants(0))
        assert display.pid is not None
        os.kill(display.pid, signal.SIGSTOP)
        started = time.monotonic()
        for index in range(50):
            display.observe(0, *frame(index, size=(720, 1280)))
            display.tell("x" * 100_000, [20.0])
        assert time.monotonic() - started < 0.5


@pytest.mark.parametrize("workers", ["thread", "process"])
def test_a_port_that_is_taken_is_an_error_at_the_start(workers: Kind, tmp_path: Path) -> None:
    display = Display(partial(taken, tmp_path), 80, 1, workers)
    with pytest.raises(DeviceError, match="the port is taken"):
        display.open()


def test_a_session_shows_what_it_reads(tmp_path: Path) -> None:
    look(tmp_path)
    with opened(tmp_path) as display:
        session = LiveSession([Watched(film(seconds=20.0))], PERMITTED, even_networks, display=display,
                              options=LiveOptions(workers="thread", fixed=Cadence(1, None)))  # fmt: skip
        analysis = session.run()
    shown = [line[1] for line in diary(tmp_path, "show")]
    assert 0 < len(shown) <= 400 == analysis.provenance.frames_read
    assert shown == sorted(shown)
