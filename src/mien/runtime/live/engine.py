"""The engine: gives slots and questions away, takes frames and answers back, and remembers everything.

One thread waits for whatever comes: a frame is sent to the detector or, between detections, left to the tracker; once
the frames before it are done its faces are tracked and cut out, and its slot is given back; crops of all cameras that
are ready go to the classifier in one call; readings pass the gate. The next frame is looked at meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final

import numpy as np

from mien.core.faces import EmotionClassifier, FaceDetector, FloatArray, Frame, FrameReading, SourceInfo
from mien.core.labels import FERPLUS8
from mien.core.status import Heat, Status
from mien.pipeline import Found, Pipeline, Prepared, Scores
from mien.runtime.live.batching import Batching, frames_within
from mien.runtime.live.cameras import Camera, Flying, LiveCamera
from mien.runtime.live.capture import Arrived, Credit, Ended
from mien.runtime.live.guard import Guard, GuardOptions
from mien.runtime.live.listening import Listener
from mien.runtime.live.networks import Classified, Detect, Detected, Facts, Failed, OpenNetworks
from mien.runtime.live.pace import Cadence, Pace, PaceOptions
from mien.runtime.live.questions import NamedClassifier, NamedDetector, Questions
from mien.runtime.live.sensors import Sensors, Watch
from mien.runtime.live.status import Stretch, mean
from mien.runtime.live.supervision import Patience
from mien.runtime.live.workers import Kind

TICK_SECONDS: Final = 0.05
DRAIN_SECONDS: Final = 3.0
_BLACK: Final = np.zeros(1, np.uint8)
_NO_SCORES: Final = np.zeros((0, len(FERPLUS8)), np.float32)


def _never(camera: int) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How the engine runs; none of it is about people.

    Attributes:
        workers: processes, or threads of this process.
        patience: when what is silent is started again.
        pace: the aim that the cadence follows.
        fixed: a cadence to keep, in place of following the pace.
        status_seconds: how often the status is told.
        sensors: tell how hot the machine is; None to go on whatever happens.
        guard: when less is done for it.
        lasts_seconds: so long a run is to last, from when the sources are open; None until its sources end.
        wants_picture: whether the next reading of the camera of this number (from 0) is to be told with its picture,
            which costs a copy; otherwise it comes with a black one (:func:`is_blank`).
    """

    workers: Kind = "process"
    patience: Patience = field(default_factory=Patience)
    pace: PaceOptions = field(default_factory=PaceOptions)
    fixed: Cadence | None = None
    status_seconds: float = 1.0
    sensors: Sensors | None = None
    guard: GuardOptions = field(default_factory=GuardOptions)
    lasts_seconds: float | None = None
    wants_picture: Callable[[int], bool] = _never


@dataclass(slots=True)
class _Batch:
    """Frames of one camera that are read together."""

    camera: int
    prepared: Prepared
    frames: list[Frame]
    captured_at: list[float]


class Engine:
    """Runs cameras until they end or it is told to stop.

    Args:
        cameras: one at least.
        open_networks: opens detector and classifier.
        make_pipeline: a fresh pipeline for the camera of this number (from 0), of which this is known, around stand-ins
            that name the networks.
        on_reading: told each camera's number, frame and reading, in order.
        options: how.
    """

    def __init__(
        self,
        cameras: Sequence[LiveCamera],
        open_networks: OpenNetworks,
        make_pipeline: Callable[[int, SourceInfo, FaceDetector, EmotionClassifier], Pipeline],
        on_reading: Callable[[int, Frame, FrameReading], None],
        options: LiveOptions | None = None,
    ) -> None:
        self._options = options or LiveOptions()
        kind, patience = self._options.workers, self._options.patience
        self._cameras = [Camera(spec, number, kind, patience) for number, spec in enumerate(cameras, 1)]
        self._questions = Questions(open_networks, kind, patience)
        self._make_pipeline = make_pipeline
        self._on_reading = on_reading
        self._pace = Pace(self._options.pace)
        self._batching = Batching(self._options.pace.latency_seconds)
        self.guard = Guard(self._options.guard)
        """What is done less while the machine is too hot, and when it acted."""
        self._heat = Watch(self._options.sensors) if self._options.sensors is not None else None
        self._reading: tuple[int, list[_Batch]] | None = None
        self._first = 0
        """The camera that a call is filled from first, each in its turn."""
        self._listener = Listener()
        self._stretch = Stretch()
        self._started = self._told_at = 0.0
        self._stopping = False
        self.lasted = False
        """Whether it ended because it had lasted as long as it was to."""
        self.facts: Facts | None = None

    @property
    def cadence(self) -> Cadence:
        """How often the networks run at present."""
        return self.guard.relief.relieved(self._options.fixed or self._pace.cadence)

    @property
    def pipelines(self) -> tuple[Pipeline, ...]:
        """One a camera, once it runs."""
        return tuple(camera.pipeline for camera in self._cameras)

    @property
    def infos(self) -> tuple[SourceInfo, ...]:
        """What is known of each source, once it runs."""
        return tuple(camera.info or SourceInfo(camera.spec.name, "unknown") for camera in self._cameras)

    @property
    def complete(self) -> bool:
        """Whether every source ended as its media did."""
        return all(camera.ended is None or camera.ended.complete for camera in self._cameras)

    @property
    def runs(self) -> bool:
        """Whether a frame was read."""
        return any(camera.reached >= 0 for camera in self._cameras)

    def pids(self) -> dict[str, int | None]:
        """Process ids of the workers by name."""
        workers = [self._questions.worker, *(camera.worker for camera in self._cameras)]
        return {worker.name: worker.pid for worker in workers}

    def run(
        self,
        on_status: Callable[[Status], None] = lambda status: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Until every camera has ended, or until asked to stop; then what is under way is finished.

        Raises:
            MienError: networks or a camera cannot be opened at the start.
        """
        try:
            self._open()
            if self._heat is not None:
                self._heat.start()
            stop_at: float | None = None
            while True:
                now = time.monotonic()
                if stop_at is None:
                    self.lasted = self._lasted(now)
                    if self.lasted or should_stop():
                        stop_at, self._stopping = now + DRAIN_SECONDS, True
                idle = self._reading is None and not any(camera.flying for camera in self._cameras)
                if stop_at is not None and (idle or now >= stop_at or self._questions.silent(now)):
                    break
                if idle and all(camera.ended is not None for camera in self._cameras):
                    break
                self._take(TICK_SECONDS)
                self._go_on()
                self._supervise(time.monotonic())
                if time.monotonic() - self._told_at >= self._options.status_seconds:
                    self._tell(time.monotonic(), on_status)
            self._tell(time.monotonic(), on_status)
        finally:
            if self._heat is not None:
                self._heat.stop()
            self._close()

    def _lasted(self, now: float) -> bool:
        lasts = self._options.lasts_seconds
        return lasts is not None and now - self._started >= lasts

    def _close(self) -> None:
        """End every worker, all at once: each that hangs takes its time to be given up."""
        ends = [*(camera.close for camera in self._cameras), self._questions.close]
        closing = [threading.Thread(target=end) for end in ends]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def _open(self) -> None:
        self._questions.worker.start()
        # Sources are opened while the networks are.
        for camera in self._cameras:
            camera.worker.start()
        self.facts = self._questions.await_facts()
        for number, camera in enumerate(self._cameras):
            info = camera.await_opened()
            stand_ins = NamedDetector(self.facts.detector), NamedClassifier(self.facts)
            camera.pipeline = self._make_pipeline(number, info, *stand_ins)
            if self.facts.fallback is not None:
                camera.pipeline.fallback = NamedDetector(self.facts.fallback)
        self._started = self._told_at = time.monotonic()
        for camera in self._cameras:
            camera.begin()

    def _take(self, seconds: float) -> None:
        """Everything that the workers say, waiting so long for the first."""
        ends = self._ends()
        if not ends:
            time.sleep(seconds)
            return
        ready = self._listener.wait(list(ends), seconds)
        while ready:
            for end in ready:
                of = ends[end]
                try:
                    self._hear(of, end.recv())
                except (EOFError, OSError):
                    self._lose(of, "its worker ended" if of is not None else "ended")
            # Who is lost has another pipe now, or none.
            ends = self._ends()
            ready = self._listener.wait(list(ends), 0) if ends else []

    def _ends(self) -> dict[Connection, Camera | None]:
        """The pipes that are listened to, and the cameras at their other ends."""
        ends: dict[Connection, Camera | None] = {}
        if self._questions.worker.connection is not None:
            ends[self._questions.worker.connection] = None
        for camera in self._cameras:
            if camera.worker.connection is not None and camera.ended is None:
                ends[camera.worker.connection] = camera
        return ends

    def _hear(self, of: Camera | None, message: object) -> None:
        now = time.monotonic()
        if of is not None:
            arrived = of.hear(message, now)
            if arrived is not None and not self._stopping:
                self._arrived(of, arrived)
            if isinstance(message, Ended):
                if of.spec.is_live:
                    self._lose(of, message.error or "it was lost")
                elif message.error:
                    self._stretch.notes.append(f"{of.spec.name}: {message.error}")
            return
        self._questions.hear(now)
        if isinstance(message, Detected):
            self._questions.answered(message.request)
            self._stretch.detector_ms.append(message.milliseconds)
            for camera in self._cameras:
                for flying in camera.flying:
                    if flying.request == message.request:
                        self._detected(camera, flying, message)
        elif isinstance(message, Classified):
            self._questions.answered(message.request)
            if self._reading is not None and self._reading[0] == message.request:
                batches, self._reading = self._reading[1], None
                self._stretch.classifier_ms.append(message.milliseconds)
                self._stretch.batches.append(len(message.probabilities))
                self._batching.tell(len(message.probabilities), message.milliseconds)
                self._read(batches, message.probabilities, message.milliseconds / len(message.probabilities))
        elif isinstance(message, Facts):
            self._questions.ready_again()
        elif isinstance(message, Failed):
            self._lose(None, f"could not start: {message.error}")

    def _arrived(self, camera: Camera, arrived: Arrived) -> None:
        """A frame: for the detector, or between detections."""
        self._stretch.waiting.append(time.monotonic() - arrived.captured_at)
        media_time = arrived.captured_at - self._started if camera.spec.is_live else arrived.media_time
        looks = self.cadence.looks(camera.sequence, media_time - camera.looked_at)
        flying = camera.look(arrived, media_time)
        bright = camera.pipeline.light(flying.frame)
        if bright is not flying.frame:
            # The slot is the engine's until it is given back: the detector looks at what is written here.
            np.copyto(flying.frame.image, bright.image)
        if not looks:
            flying.found = Found(flying.frame, None)
            return
        camera.looked_at = media_time
        self._search(camera, flying)

    def _search(self, camera: Camera, flying: Flying) -> None:
        arrived, flying.request = flying.arrived, self._questions.number()
        self._questions.ask(
            Detect(
                flying.request, arrived.ring, camera.slot_bytes, arrived.slot, arrived.height, arrived.width,
                flying.again,
                self.guard.relief.side_share,
            )
        )  # fmt: skip

    def _detected(self, camera: Camera, flying: Flying, told: Detected) -> None:
        """An answer for a frame: what is in it, or a reason to ask the fallback."""
        found, pipeline = Found(flying.frame, told.faces, told.milliseconds), camera.pipeline
        if flying.again:
            pipeline.found_again(found)
        else:
            pipeline.counts.frames_detected += 1
            if pipeline.asks_fallback(found):
                flying.again = True
                self._search(camera, flying)
                return
        flying.found = found

    def _go_on(self) -> None:
        """Cut out the faces of the frames that are ready, and have them read."""
        while self._reading is None and self._gather():
            pass

    def _gather(self) -> bool:
        """One call of the classifier, or frames without anybody to read; whether there was a frame."""
        started, batches = time.perf_counter(), list[_Batch]()
        room = self._batching.most_faces if self._options.fixed is None else None
        self._first = (self._first + 1) % len(self._cameras)
        for number in (*range(self._first, len(self._cameras)), *range(self._first)):
            camera = self._cameras[number]
            landed = camera.land(frames_within(room, camera.faces_read, at_least=not batches))
            if not landed:
                continue
            camera.pipeline.read_hz = self.cadence.read_hz
            prepared = camera.pipeline.prepare([flying.found for flying in landed if flying.found is not None])
            frames = [_kept(flying.frame, self._options.wants_picture(number)) for flying in landed]
            batches.append(_Batch(number, prepared, frames, [flying.arrived.captured_at for flying in landed]))
            camera.reached = landed[-1].frame.media_time
            room = None if room is None else room - prepared.size
            for flying in landed if not self._stopping else ():
                camera.give(Credit(flying.arrived.ring, flying.arrived.slot))
        crops = [part for batch in batches for part in batch.prepared.pixels]
        question = self._questions.place(crops) if crops else None
        self._stretch.engine_ms += 1e3 * (time.perf_counter() - started)
        if question is not None:
            self._reading = question.request, batches
            self._questions.ask(question)
        elif batches:
            self._read(batches, _NO_SCORES, 0.0)
        return bool(batches)

    def _read(self, batches: Sequence[_Batch], probabilities: FloatArray, each_ms: float) -> None:
        start, now, started = 0, time.monotonic(), time.perf_counter()
        for batch in batches:
            camera = self._cameras[batch.camera]
            scores = Scores(probabilities[start : start + batch.prepared.size], each_ms)
            start += batch.prepared.size
            for frame, reading in zip(batch.frames, camera.pipeline.read(batch.prepared, scores), strict=True):
                camera.read += 1
                camera.faces = len(reading.faces)
                camera.faces_read = sum(face.probabilities is not None for face in reading.faces)
                self._on_reading(batch.camera, frame, reading)
            self._stretch.latencies += [now - moment for moment in batch.captured_at]
        self._stretch.engine_ms += 1e3 * (time.perf_counter() - started)

    def _lose(self, of: Camera | None, why: str) -> None:
        """A worker is gone, or must go; it is started again."""
        now = time.monotonic()
        if of is None:
            wait_seconds = self._questions.lose(now)
            self._stretch.notes.append(f"the networks' worker {why} and is started again{_in(wait_seconds)}")
            self._pass_over(self._questions.hopeless())
            return
        for flying in of.flying:
            if flying.request is not None:
                self._questions.answered(flying.request)
        wait_seconds = of.lose(now)
        self._stretch.notes.append(f"{of.spec.name}: {why}; it is opened again{_in(wait_seconds)}")

    def _pass_over(self, request: int | None) -> None:
        """Follow faces through a picture that the networks fail on, as between detections."""
        if request is None:
            return
        self._questions.answered(request)
        for camera in self._cameras:
            for flying in camera.flying:
                if flying.request == request:
                    flying.found = Found(flying.frame, None)
        self._stretch.notes.append("a picture that the networks failed on again and again is passed over")

    def _supervise(self, now: float) -> None:
        if self._stopping:
            return
        why = self._questions.overdue(now)
        if why is not None:
            self._lose(None, why)
        self._questions.restart_if_due(now)
        for camera in self._cameras:
            why = camera.overdue(now)
            if why is not None:
                self._lose(camera, why)
            camera.reopen_if_due(now)

    def _tell(self, now: float, on_status: Callable[[Status], None]) -> None:
        """The status, and a new stretch; the pace follows what the last one showed."""
        seconds = max(now - self._told_at, 1e-3)
        stretch, self._stretch, self._told_at = self._stretch, Stretch(), now
        dropped = sum(camera.dropped_since() for camera in self._cameras)
        if stretch.latencies and self._options.fixed is None:
            before = self._pace.cadence
            if self._pace.tell(now, stretch.latency(95), dropped) != before:
                self._stretch.notes.append(str(self._pace.cadence))
        heat = self._heat.latest if self._heat is not None else None
        self._spare(now, heat)
        on_status(
            Status(
                media_time=max(camera.reached for camera in self._cameras),
                elapsed_seconds=now - self._started,
                cameras=tuple(camera.status(seconds) for camera in self._cameras),
                latency_median_ms=1e3 * stretch.latency(50),
                latency_p95_ms=1e3 * stretch.latency(95),
                waiting_ms=1e3 * mean(stretch.waiting),
                detector_ms=mean(stretch.detector_ms),
                classifier_ms=mean(stretch.classifier_ms),
                engine_ms=stretch.engine_each_ms,
                batch_faces=mean(stretch.batches),
                batch_most=self._batching.most_faces if self._options.fixed is None else None,
                cadence=str(self.cadence),
                network_restarts=self._questions.restarts,
                notes=tuple(stretch.notes),
                heat=heat,
                relief=str(self.guard.relief) if self.guard.relief.factor > 1 else None,
            )
        )

    def _spare(self, now: float, heat: Heat | None) -> None:
        """Do less while the machine is too hot."""
        act = None
        if heat is not None:
            act = self.guard.tell(now, max(0.0, *(camera.reached for camera in self._cameras)), heat)
        if act is not None:
            does = str(self.guard.relief) if act.level else "looks and reads as often as before"
            self._stretch.notes.append(f"{act.why}: it {does}")


def is_blank(frame: Frame) -> bool:
    """Whether a reading came without its picture."""
    return not any(frame.image.strides)


def _kept(frame: Frame, with_picture: bool) -> Frame:
    """A frame that outlives its slot; without its picture it is black, and takes no memory."""
    picture = frame.image.copy() if with_picture else np.broadcast_to(_BLACK, frame.image.shape)
    return Frame(picture, frame.index, frame.media_time)


def _in(seconds: float) -> str:
    return f" in {seconds:.0f} s" if seconds else ""
