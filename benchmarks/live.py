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
import json
import math
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np

from benchmarks.outside import stages_ms
from benchmarks.peers import Peer, peers
from benchmarks.soak import proportional_mib, soak
from mien.assembly import Choices
from mien.cli.live import open_networks
from mien.core.audience import Analysis
from mien.core.faces import UInt8Array
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
from mien.sources.synthetic import Hall, HallSpec, load_pictures

OWN: Final = Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING)
ONE_THREAD: Final = InferenceSettings(threads=1)
TEN_A_SECOND: Final = Cadence(3, 10.0)
EVERY_FRAME: Final = Cadence(1, None)
MEMORY_SECONDS: Final = 12.0
"""Of a live session of which memory is watched."""
SOAK_HOURS: Final = 4.0
HALL: Final[dict[str, Any]] = {
    "rows": 5,
    "columns": 10,
    "width": 1280,
    "height": 720,
    "face_px": (56, 72),
    "sway_px": 3,
    "min_agreement": 0.7,
    "frame_rate": 60,
    "duration_seconds": 20,
    "moods": [
        {"at_seconds": 0, "emotion": "neutral"},
        {"at_seconds": 4, "weights": {"happiness": 3, "neutral": 2}},
        {"at_seconds": 8, "weights": {"fear": 2, "surprise": 2, "neutral": 1}},
        {"at_seconds": 12, "weights": {"sadness": 2, "neutral": 3}},
        {"at_seconds": 16, "weights": {"happiness": 1, "neutral": 1}},
    ],
    "seed": 11,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside its bar.

    Attributes:
        name, value, unit: the figure; a value of None was not measured, and the note says why.
        bar: what it is held to.
        at_most: on which side of the bar it should be.
        note: what stands behind it.
        stages: CPU milliseconds a frame by stage, of a run with all workers in one process.
        peers: what users would pick instead, in the same run on frames of the same clip.
    """

    name: str
    value: float | None
    unit: str
    bar: float
    at_most: bool = True
    note: str = ""
    stages: Mapping[str, float] = field(default_factory=dict)
    peers: Mapping[str, Peer] = field(default_factory=dict)

    @property
    def holds(self) -> bool | None:
        """Whether the figure is on the right side of its bar; None where there is none."""
        if self.value is None or not math.isfinite(self.bar):
            return None
        return self.value <= self.bar if self.at_most else self.value >= self.bar

    def told(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "bar": self.bar if math.isfinite(self.bar) else None, "holds": self.holds}


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


def encode(frames: Sequence[UInt8Array] | Any, path: Path, rate: float) -> Path:
    """H.264 of frames, as a camera would send them."""
    with av.open(str(path), "w") as output:
        stream = None
        for number, image in enumerate(frames):
            if stream is None:
                stream = output.add_stream("libx264", rate=round(rate), options={"crf": "20", "preset": "veryfast"})
                stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, round(rate))
            output.mux(stream.encode(frame))
        assert stream is not None
        output.mux(stream.encode())
    return path


def hall_clip(pictures: Any, folder: Path, name: str, **changes: Any) -> tuple[Hall, Path]:
    """A composed hall and its recording."""
    hall = Hall(HallSpec.model_validate({**HALL, **changes}), pictures)
    frames = (hall.render(k) for k in range(hall.spec.frame_count))
    return hall, encode(frames, folder / f"{name}.mp4", hall.spec.frame_rate)


def crowd_clip(shared: Path, folder: Path) -> Path:
    """The shared photos at 640×480, each for two seconds, moved a little from frame to frame."""
    pictures = []
    for file in sorted((shared / "crowd").glob("*.jpg")):
        image = cv2.imread(str(file))
        assert image is not None
        scale = min(640 / image.shape[1], 480 / image.shape[0])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:, :, ::-1]
        canvas = np.zeros((480, 640, 3), np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small
        pictures.append(canvas)
    frames = (np.roll(picture, round(2 * np.sin(k / 5)), axis=1) for picture in pictures for k in range(60))
    return encode(frames, folder / "crowd.mp4", 30)


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
        Row(f"{name}_as_peers", per_frame, "CPU ms a frame, decoding included", best or math.inf, peers=beside,
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


def _line(row: Row) -> str:
    if row.value is None:
        return f"{row.name:26s} {row.note}"
    side = "at most" if row.at_most else "at least"
    held = "" if row.holds is None else "holds" if row.holds else "MISSES"
    words = [f"{row.name:26s} {row.value:9.3f} {row.unit} ({side} {row.bar:g}) {held} {row.note}"]
    for title, told in (("stages", row.stages), ("peers", row.peers)):
        if told:
            words.append(f"{'':26s} {title}: " + ", ".join(f"{name} {_told(value)}" for name, value in told.items()))
    return "\n".join(words)


def _told(value: float | Peer) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return value.note if value.cpu_ms is None else f"{value.cpu_ms:.1f} ms ({value.faces:.1f} faces)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "shared", type=Path, nargs="?", default=Path("../shared/data"), help="the folder with clips, crowd and ferplus"
    )
    parser.add_argument("--only", choices=list(PARTS), action="append")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    pictures = load_pictures(arguments.shared / "ferplus" / "valid.npz", HALL["min_agreement"])
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        for part in arguments.only or UNASKED:
            rows += PARTS[part](arguments.shared, Path(name), pictures)
            for row in rows if not arguments.json else ():
                print(_line(row))
            if not arguments.json:
                rows.clear()
    if arguments.json:
        print(json.dumps([row.told() for row in rows], indent=1))


if __name__ == "__main__":
    main()
