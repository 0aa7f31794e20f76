"""Hours of frames through a live session: whether memory or queues grow.

The clip's packets are repeated without being encoded again, and read as fast as they can be: the clock is the film's.
"""

from __future__ import annotations

import functools
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.memory import repeat
from mien.assembly import Choices
from mien.cli.live import open_networks
from mien.core.policy import Declaration, authorise
from mien.core.settings import InferenceSettings, Profile, SamplingSettings
from mien.core.status import Status
from mien.runtime.live.cameras import LiveCamera
from mien.runtime.live.capture import CaptureOptions
from mien.runtime.live.engine import LiveOptions
from mien.runtime.live.pace import Cadence
from mien.runtime.live.session import LiveSession, Permitted, Watched
from mien.sources import open_source

WARM_UP_SHARE: Final = 0.1
"""Of the film, before memory counts."""


@dataclass(frozen=True, slots=True)
class Soaked:
    """What a soak told.

    Attributes:
        frames: that were read.
        growth_percent: resident memory of all processes, last tenth of the film against the tenth after warm-up.
        waiting_ms: mean wait of a frame for the engine in those two tenths: a queue that grows makes it longer.
        peak_mib: largest resident memory of all processes together.
    """

    frames: int
    growth_percent: float
    waiting_ms: tuple[float, float]
    peak_mib: float


def proportional_mib(pid: str) -> float:
    """Resident memory of a process; shared pages count in shares, so that a sum over processes counts each once."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return next(float(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:"))


def soak(clip: Path, folder: Path, profile: Profile, told: Declaration, *, hours: float, cadence: Cadence) -> Soaked:
    """Run ``hours`` of the clip through a session with its workers in processes."""
    long = folder / "soak.mp4"
    repeat(clip, hours * 3600, long)
    networks = InferenceSettings(threads=1)
    camera = LiveCamera(
        clip.name,
        functools.partial(open_source, str(long), SamplingSettings(sample_hz=10.0)),
        CaptureOptions(keeps_latest=False, realtime=False),
        is_live=False,
    )
    session = LiveSession(
        [Watched(camera)],
        Permitted(profile, authorise(told, profile), networks),
        functools.partial(open_networks, profile, Choices(), networks),
        options=LiveOptions(fixed=cadence),
    )
    statuses: list[Status] = []
    memory: list[tuple[float, float]] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(2.0):
            pids = ["self", *(str(pid) for pid in session.engine.pids().values() if pid)]
            memory.append((statuses[-1].media_time if statuses else 0.0, sum(map(proportional_mib, pids))))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    started = time.monotonic()
    try:
        analysis = session.run(statuses.append)
    finally:
        stop.set()
        thread.join()
    end = statuses[-1].media_time
    first, last = (WARM_UP_SHARE * end, 2 * WARM_UP_SHARE * end), ((1 - WARM_UP_SHARE) * end, end)
    mib = np.array(memory)
    levels = [float(np.median(mib[(mib[:, 0] >= low) & (mib[:, 0] <= high), 1])) for low, high in (first, last)]
    waits = [
        float(np.mean([s.waiting_ms for s in statuses if low <= s.media_time <= high])) for low, high in (first, last)
    ]
    print(f"{analysis.provenance.frames_read} frames in {time.monotonic() - started:.0f} s", flush=True)
    return Soaked(
        analysis.provenance.frames_read or 0,
        100 * (levels[1] / levels[0] - 1),
        (waits[0], waits[1]),
        float(mib[:, 1].max()),
    )
