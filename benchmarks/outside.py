"""Where the processor time of a live session goes: decoding, the networks, OpenCV, and Mien itself.

A session runs with its workers as threads of one process; every call of a network or of OpenCV and every frame that a
source hands out is timed by the processor time of its thread, and taken off the process' own.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import onnxruntime

from mien.assembly import Choices
from mien.cli.live import open_networks
from mien.core.faces import Frame, FrameSource, SourceInfo
from mien.core.policy import Declaration, authorise
from mien.core.settings import InferenceSettings, Profile, SamplingSettings
from mien.runtime.live.cameras import LiveCamera
from mien.runtime.live.capture import CaptureOptions
from mien.runtime.live.engine import LiveOptions
from mien.runtime.live.pace import Cadence
from mien.runtime.live.session import LiveSession, Permitted, Watched
from mien.sources import open_source


class Meter:
    """Processor seconds spent in what is called through it by kind, each counted once."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()
        self._inside = threading.local()

    def __call__(self, call: Callable[..., Any], kind: str | Callable[..., str]) -> Callable[..., Any]:
        """The same callable, timed; its kind may depend on what it is called with."""

        @functools.wraps(call)
        def timed(*arguments: Any, **named: Any) -> Any:
            if getattr(self._inside, "yes", False):
                return call(*arguments, **named)
            self._inside.yes = True
            before = time.thread_time()
            try:
                return call(*arguments, **named)
            finally:
                self._inside.yes = False
                with self._lock:
                    self.seconds[kind if isinstance(kind, str) else kind(*arguments)] += time.thread_time() - before

        return timed


class _Timed:
    """A source whose frames are timed."""

    def __init__(self, source: FrameSource, meter: Meter) -> None:
        self._source, self._meter = source, meter

    @property
    def info(self) -> SourceInfo:
        """Of the source."""
        return self._source.info

    def __iter__(self) -> Iterator[Frame]:
        frames = iter(self._source)
        following = self._meter(lambda: next(frames, None), "decoding")
        while (frame := following()) is not None:
            yield frame

    def close(self) -> None:
        """Close it."""
        self._source.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


@contextlib.contextmanager
def _metered(meter: Meter) -> Iterator[None]:
    """Networks and OpenCV through a meter."""
    kept = {
        name: call
        for name, call in vars(cv2).items()
        if not name.startswith("_") and type(call).__name__ == "builtin_function_or_method"
    }
    run = onnxruntime.InferenceSession.run
    for name, call in kept.items():
        setattr(cv2, name, meter(call, "opencv"))
    onnxruntime.InferenceSession.run = meter(run, _network)
    try:
        yield
    finally:
        onnxruntime.InferenceSession.run = run
        for name, call in kept.items():
            setattr(cv2, name, call)


def _network(session: onnxruntime.InferenceSession, *arguments: Any) -> str:
    """Detectors tell boxes, scores and points; classifiers one thing."""
    return "detector" if len(session.get_outputs()) > 1 else "classifier"


def stages_ms(clip: Path, profile: Profile, told: Declaration, cadence: Cadence) -> dict[str, float]:
    """CPU milliseconds a frame by stage, start-up left out.

    Returns:
        ``decoding``, ``detector``, ``classifier``, ``opencv``, and ``outside``: all else.
    """
    meter, networks = Meter(), InferenceSettings(threads=1)
    marks: list[tuple[float, defaultdict[str, float]]] = []

    def opened() -> Any:
        return _Timed(open_source(str(clip), SamplingSettings()), meter)

    camera = LiveCamera(clip.name, opened, CaptureOptions(keeps_latest=False, realtime=False), is_live=False)
    with _metered(meter):
        session = LiveSession(
            [Watched(camera)],
            Permitted(profile, authorise(told, profile), networks),
            functools.partial(open_networks, profile, Choices(), networks),
            options=LiveOptions(workers="thread", fixed=cadence),
        )

        def note() -> bool:
            if not marks and session.engine.runs:
                marks.append((time.process_time(), meter.seconds.copy()))
            return False

        analysis = session.run(should_stop=note)
        spent = time.process_time() - marks[0][0]
        inside = {kind: took - marks[0][1].get(kind, 0.0) for kind, took in meter.seconds.items()}
    each = 1e3 / (analysis.provenance.frames_read or 1)
    stages = {kind: each * inside.get(kind, 0.0) for kind in ("decoding", "detector", "classifier", "opencv")}
    return stages | {"outside": each * spent - sum(stages.values())}
