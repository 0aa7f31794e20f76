"""Live measuring against its bars: processor time, throughput, latency, memory, start, and a composed hall's truth.

Every row has a ``name``, its ``value`` and ``unit``, the ``bar`` it is held to and whether it ``holds``. Clips are
composed or encoded beforehand; processor time is of all processes, decoding included.

    python -m benchmarks.live [SHARED_DATA] [--json] [--only NAME…]

``--only soak`` is four hours of frames, which take half an hour; it is left out unless it is named.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.live_clips import HALL, crowd_clip, hall_clip
from benchmarks.outside import stages_ms
from benchmarks.peers import peers
from benchmarks.rows import Row, print_rows
from benchmarks.soak import proportional_mib, soak
from mien.assembly import Choices
from mien.cli.live import open_networks
from mien.core.audience import Analysis
from mien.core.labels import EMOTIONS
from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.settings import PROFILES, InferenceSettings, Profile, SamplingSettings
from mien.core.status import Status
from mien.runtime.live.cameras import LiveCamera
from mien.runtime.live.capture import CaptureOptions
from mien.runtime.live.engine import LiveOptions
from mien.runtime.live.pace import Cadence
from mien.runtime.live.session import LiveSession, Permitted, Watched
from mien.sources import open_source
from mien.sources.synthetic import Hall, load_pictures

OWN: Final = Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING)
ONE_THREAD: Final = InferenceSettings(threads=1)
TEN_A_SECOND: Final = Cadence(3, 10.0)
EVERY_FRAME: Final = Cadence(1, None)
MEMORY_SECONDS: Final = 12.0
"""Of a live session of which memory is watched."""
SOAK_HOURS: Final = 4.0


@dataclass
class Ran:
    """What one session told.

    Attributes:
        analysis: its result.
        statuses: once a second.
        cpu_seconds: of all processes, start-up included.
        wall_seconds: from the first frame to the last.
        peak_mib: largest resident memory of all processes together, as sampled.
        first_snapshot_seconds: from the start to the first snapshot.
    """

    analysis: Analysis
    statuses: list[Status] = field(default_factory=list)
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_mib: float = 0.0
    first_snapshot_seconds: float = 0.0

    @property
    def frames(self) -> int:
        """Frames read."""
        return self.analysis.provenance.frames_read or 0

    def steady_p95_ms(self) -> float:
        """95th percentile of latency, median over the seconds after the first three."""
        later = [s.latency_p95_ms for s in self.statuses[3:] if s.latency_p95_ms > 0]
        return float(np.median(later)) if later else float("nan")


class _First:
    """A sink that notes when the first snapshot came."""

    def __init__(self) -> None:
        self.at: float | None = None

    def write(self, snapshot: object) -> None:
        """Note the time."""
        self.at = self.at or time.monotonic()

    def close(self, *, complete: bool) -> None:
        """Nothing to end."""


def run(
    clip: Path,
    profile: Profile,
    *,
    realtime: bool,
    cadence: Cadence | None,
    seconds: float | None = None,
    networks: InferenceSettings = ONE_THREAD,
) -> Ran:
    """A whole live session of one clip, in processes."""
    options = CaptureOptions(keeps_latest=realtime, realtime=realtime)
    camera = LiveCamera(
        clip.name, functools.partial(open_source, str(clip), SamplingSettings()), options, is_live=False
    )
    first, statuses = _First(), list[Status]()
    session = LiveSession(
        [Watched(camera)],
        Permitted(profile, authorise(OWN, profile), networks),
        functools.partial(open_networks, profile, Choices(), networks),
        sinks=[first],
        options=LiveOptions(fixed=cadence),
    )
    before, started = _cpu(), time.monotonic()
    begun: list[float] = []
    with _watch_memory(session) as peak:

        def should_stop() -> bool:
            if not begun and session.engine.runs:
                begun.append(time.monotonic())
            return seconds is not None and bool(begun) and time.monotonic() - begun[0] > seconds

        analysis = session.run(statuses.append, should_stop)
    ended = time.monotonic()
    return Ran(
        analysis,
        statuses,
        _cpu() - before,
        ended - (begun[0] if begun else started),
        peak[0],
        (first.at or ended) - started,
    )


def _cpu() -> float:
    """User and system seconds of this process and of its children that ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


@contextlib.contextmanager
def _watch_memory(session: LiveSession) -> Any:
    """The largest sum of proportional set sizes of this process and its workers, MiB, in a list of one."""
    peak, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.25):
            pids = ["self", *(str(pid) for pid in session.engine.pids().values() if pid)]
            peak[0] = max(peak[0], sum(map(proportional_mib, pids)))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def truth_rows(hall: Hall, ran: Ran, name: str, least_correlation: float) -> list[Row]:
    """How the timeline follows the schedule, and the heads that were counted."""
    snapshots = [s for s in ran.analysis.timeline.snapshots if s.emotions is not None]
    votes = np.array([hall.truth(s.media_time + s.duration_seconds / 2).votes.mean(axis=0) for s in snapshots])
    told = np.array([s.emotions.values() for s in snapshots if s.emotions is not None]) / 100
    present = [k for k in range(len(EMOTIONS)) if np.ptp(votes[:, k]) > 0.1]
    each = {EMOTIONS[k]: float(np.corrcoef(votes[:, k], told[:, k])[0, 1]) for k in present}
    heads = np.array([hall.truth(s.media_time).head_count for s in snapshots])
    counted = np.array([s.present or 0 for s in snapshots])
    words = ", ".join(f"{emotion} {value:.2f}" for emotion, value in each.items())
    return [
        Row(
            f"{name}_correlation",
            min(each.values()),
            "least over the emotions present",
            least_correlation,
            False,
            words,
        ),
        Row(f"{name}_heads_within_one", float((abs(heads - counted) <= 1).mean()), "share of steps", 0.99, False),
        Row(f"{name}_heads_error", float(abs(heads - counted).mean()), "heads", 0.3),
        Row(f"{name}_head_recall", float(np.minimum(counted / heads, 1).mean()), "share", 0.98, False),
    ]


def _peak_mib(clip: Path, profile: Profile) -> float:
    """Largest resident memory of a live session, in a process that has composed no hall before."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_watched, clip, profile).result()


def _watched(clip: Path, profile: Profile) -> float:
    return run(clip, profile, realtime=True, cadence=TEN_A_SECOND, seconds=MEMORY_SECONDS).peak_mib


def one_face(shared: Path, folder: Path, pictures: Any) -> list[Row]:
    clip = shared / "clips" / "WolfgangLanger_Pexels.mp4"
    ran = run(clip, PROFILES["interview"], realtime=False, cadence=TEN_A_SECOND)
    # Start-up, which a session pays once, is taken out by running two frames' worth.
    idle = run(clip, PROFILES["interview"], realtime=False, cadence=TEN_A_SECOND, seconds=0.0)
    per_frame = 1e3 * (ran.cpu_seconds - idle.cpu_seconds) / max(ran.frames - idle.frames, 1)
    live = run(clip, PROFILES["interview"], realtime=True, cadence=None)
    return [
        Row("one_face", per_frame, "CPU ms a frame", 5.0, note=f"{ran.frames} frames",
            stages=stages_ms(clip, PROFILES["interview"], OWN, TEN_A_SECOND)),
        *_beside_peers("one_face", clip, PROFILES["interview"], per_frame, (5.0, 42.0)),
        Row("webcam_latency", live.steady_p95_ms(), "ms, p95", 50.0),
        Row("cold_start", ran.first_snapshot_seconds, "seconds to the first snapshot", 2.0),
    ]  # fmt: skip


def crowd(shared: Path, folder: Path, pictures: Any) -> list[Row]:
    clip = crowd_clip(shared, folder)
    profile = PROFILES["dev"].model_copy(
        update={
            "detection": PROFILES["dev"].detection.model_copy(update={"max_faces": 50}),
            "quality": PROFILES["cinema"].quality,
            "classifier": PROFILES["edge"].classifier,
        }
    )
    ran = run(clip, profile, realtime=False, cadence=Cadence(3, None))
    idle = run(clip, profile, realtime=False, cadence=Cadence(3, None), seconds=0.0)
    per_frame = 1e3 * (ran.cpu_seconds - idle.cpu_seconds) / max(ran.frames - idle.frames, 1)
    faces = (ran.analysis.provenance.sightings_read or 0) / max(ran.frames, 1)
    return [
        Row("crowd", per_frame, "CPU ms a frame", 16.0, note=f"{faces:.1f} faces read a frame",
            stages=stages_ms(clip, profile, OWN, Cadence(3, None))),
        *_beside_peers("crowd", clip, profile, per_frame, (16.0, 136.0)),
    ]  # fmt: skip


def _beside_peers(
    name: str, clip: Path, profile: Profile, mien_ms: float, set_beside: tuple[float, float]
) -> list[Row]:
    """What peers do: every frame searched, every face read. Mien's figure has decoding in it, theirs has not.

    Args:
        name: of the scene.
        clip: its recording.
        profile: it is read with.
        mien_ms: CPU milliseconds a frame of Mien as the scene's bar wants it read.
        set_beside: that bar, and what the best peer took a frame where it was set, milliseconds. Processors differ:
            here the two are to stand to each other as there.
    """
    ran = run(clip, profile, realtime=False, cadence=EVERY_FRAME)
    idle = run(clip, profile, realtime=False, cadence=EVERY_FRAME, seconds=0.0)
    per_frame = 1e3 * (ran.cpu_seconds - idle.cpu_seconds) / max(ran.frames - idle.frames, 1)
    beside = peers(clip)
    best = min((one.cpu_ms for one in beside.values() if one.cpu_ms is not None), default=None)
    faces = (ran.analysis.provenance.sightings_read or 0) / max(ran.frames, 1)
    bar, there = set_beside
    return [
        Row(f"{name}_as_peers", per_frame, "CPU ms a frame, decoding included", best, peers=beside,
            note=f"every frame searched, {faces:.1f} faces read a frame; the bar is the best peer's"),
        Row(f"{name}_below_peers", None if best is None else best / mien_ms, "times less than the best peer here",
            there / bar, False, note=f"{bar:g} ms were asked for where the best peer took {there:g}"),
    ]  # fmt: skip


def fifty(shared: Path, folder: Path, pictures: Any) -> list[Row]:
    hall, clip = hall_clip(pictures, folder, "hall")
    profile = _hall_profile(640)
    fast = run(clip, profile, realtime=False, cadence=TEN_A_SECOND)
    live = run(clip, profile, realtime=True, cadence=TEN_A_SECOND)
    dropped = live.statuses[-1].cameras[0].dropped
    rows = [
        Row("fifty_faces", fast.frames / fast.wall_seconds, "frames a second", 60.0, False),
        Row("fifty_faces_cpu", 1e3 * fast.cpu_seconds / fast.frames, "CPU ms a frame", 33.0,
            stages=stages_ms(clip, profile, OWN, TEN_A_SECOND)),
        Row("fifty_faces_latency", live.steady_p95_ms(), "ms, p95 at 60 frames a second", 100.0,
            note=f"{dropped} of {hall.spec.frame_count} frames dropped"),
        Row("fifty_faces_memory", _peak_mib(clip, profile), "MiB resident", 700.0),
    ]  # fmt: skip
    return rows + truth_rows(hall, fast, "fifty_faces", 0.9)


def dark(shared: Path, folder: Path, pictures: Any) -> list[Row]:
    rows = []
    for name, changes, recall in (
        ("dark", {"exposure": 0.03, "noise": 2.0, "frame_rate": 15}, 0.94),
        ("grey", {"grey": True, "frame_rate": 15}, 0.98),
    ):
        hall, clip = hall_clip(pictures, folder, name, **changes)
        ran = run(clip, _hall_profile(None), realtime=False, cadence=TEN_A_SECOND)
        by_name = {row.name: row for row in truth_rows(hall, ran, name, 0.8)}
        seen = by_name[f"{name}_head_recall"]
        rows += [by_name[f"{name}_correlation"], Row(seen.name, seen.value, seen.unit, recall, False)]
    return rows


def _hall_profile(max_side_px: int | None) -> Profile:
    """A hall of our own, read as a small box reads it: composed people need no group."""
    cinema = PROFILES["cinema"]
    return PROFILES["dev"].model_copy(
        update={
            "detection": cinema.detection.model_copy(update={"max_side_px": max_side_px}),
            "quality": cinema.quality,
            "smoothing": cinema.smoothing,
            "classifier": PROFILES["edge"].classifier,
        }
    )


def outside(shared: Path, folder: Path, pictures: Any) -> list[Row]:
    clip = shared / "clips" / "WolfgangLanger_Pexels.mp4"
    _, hall = hall_clip(pictures, folder, "outside", duration_seconds=10, frame_rate=30, moods=HALL["moods"][:3])
    unit = "CPU ms a frame outside decoding, ONNX Runtime and OpenCV"
    return [
        Row(name, stages["outside"], unit, bar, stages=stages)
        for name, bar, stages in (
            ("one_face_outside", 1.0, stages_ms(clip, PROFILES["interview"], OWN, TEN_A_SECOND)),
            ("fifty_faces_outside", 2.5, stages_ms(hall, _hall_profile(640), OWN, TEN_A_SECOND)),
        )
    ]


def gpu(shared: Path, folder: Path, pictures: Any) -> list[Row]:
    """How many streams of fifty faces at 30 frames a second one session keeps up with whose networks run on a card."""
    import onnxruntime

    unit = "streams of fifty faces at 30 frames a second, of one session on one card"
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return [Row("gpu_streams", None, unit, 100.0, False, note="not measured: no GPU at hand")]
    _, clip = hall_clip(pictures, folder, "gpu", duration_seconds=10, frame_rate=30, moods=HALL["moods"][:3])
    networks = InferenceSettings(threads=1, providers=("CUDAExecutionProvider", "CPUExecutionProvider"))
    ran = run(clip, _hall_profile(640), realtime=False, cadence=TEN_A_SECOND, networks=networks)
    used = ran.analysis.provenance.execution_providers
    if "CUDAExecutionProvider" not in used:
        return [
            Row("gpu_streams", None, unit, 100.0, False, note=f"not measured: the networks ran on {', '.join(used)}")
        ]
    return [
        Row("gpu_streams", ran.frames / ran.wall_seconds / 30, unit, 100.0, False, note="decoding is on the processor")
    ]


def soaked(shared: Path, folder: Path, pictures: Any) -> list[Row]:
    clip = shared / "clips" / "WolfgangLanger_Pexels.mp4"
    found = soak(clip, folder, PROFILES["interview"], OWN, hours=SOAK_HOURS, cadence=EVERY_FRAME)
    note = f"{found.frames} frames of {SOAK_HOURS:g} hours, {found.peak_mib:.0f} MiB at most"
    before, after = found.waiting_ms
    return [
        Row("soak_memory_growth", found.growth_percent, "percent after warm-up", 2.0, note=note),
        Row("soak_wait_growth", after - before, "ms longer in the queue", 5.0, note=f"{before:.1f} to {after:.1f} ms"),
    ]


PARTS: Final[dict[str, Callable[[Path, Path, Any], list[Row]]]] = {
    "one_face": one_face,
    "crowd": crowd,
    "fifty": fifty,
    "dark": dark,
    "outside": outside,
    "gpu": gpu,
    "soak": soaked,
}
UNASKED: Final = tuple(part for part in PARTS if part != "soak")
"""What is measured where nothing is named: a soak takes half an hour."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "shared", type=Path, nargs="?", default=Path("../shared/data"), help="the folder with clips, crowd and ferplus"
    )
    parser.add_argument("--only", choices=list(PARTS), action="append")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    pictures = load_pictures(arguments.shared / "ferplus" / "valid.npz", HALL["min_agreement"])
    with tempfile.TemporaryDirectory() as name:
        made = (PARTS[part](arguments.shared, Path(name), pictures) for part in arguments.only or UNASKED)
        print_rows(itertools.chain.from_iterable(made), as_json=arguments.json)


if __name__ == "__main__":
    main()
