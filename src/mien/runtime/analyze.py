"""A source from its first frame to its last: the executor behind ``mien analyze``."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from mien.core.audience import (
    Analysis,
    Session,
    Sink,
)
from mien.core.faces import Frame, FrameObserver, FrameSource, SourceInfo
from mien.core.settings import InferenceSettings, Profile
from mien.pipeline import Pipeline
from mien.runtime.prefetch import prefetch
from mien.runtime.provenance import Fed, RunFacts, digest, provenance_of, settings_of
from mien.runtime.recording import Recording

SHORT_STEPS = 10
"""A recording of fewer steps than this is told frame by frame, unless a step is asked for."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        frames_read: frames done.
        media_time: of the latest frame, seconds.
        sightings_read: faces read so far, summed over frames.
        elapsed_seconds: wall time since the start.
    """

    frames_read: int
    media_time: float
    sightings_read: int
    elapsed_seconds: float


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is executed; none of it changes a number.

    Attributes:
        batch_frames: frames whose faces are classified together.
        decode_ahead: batches decoded ahead by a thread; 0 decodes in line.
    """

    batch_frames: int = 8
    decode_ahead: int = 2


def fit_step(profile: Profile, info: SourceInfo) -> Profile:
    """``profile`` with a timeline step no shorter than the time between two frames read.

    A step shorter than that would leave holes which look like gaps in the recording.
    """
    step, sampling = profile.audience.step_seconds, profile.sampling
    if step == 0:
        return profile
    gap = sampling.every_nth / info.frame_rate if info.frame_rate else 0.0
    if sampling.sample_hz is not None:
        gap = max(1 / sampling.sample_hz, 1 / info.frame_rate if info.frame_rate else 0.0)
    if gap <= step * (1 + 1e-6):
        return profile
    audience = profile.audience.model_copy(update={"step_seconds": gap})
    return profile.model_copy(update={"audience": audience})


def frame_by_frame_if_short(profile: Profile, info: SourceInfo) -> Profile:
    """``profile`` with a step for every frame, where the recording is shorter than :data:`SHORT_STEPS` of its steps."""
    step, duration = profile.audience.step_seconds, info.duration_seconds
    if info.frame_rate is None or duration is None or duration >= SHORT_STEPS * step:
        return profile
    return profile.model_copy(update={"audience": profile.audience.model_copy(update={"step_seconds": 0.0})})


def analyze(
    source: FrameSource,
    pipeline: Pipeline,
    *,
    sinks: Sequence[Sink] = (),
    observers: Sequence[FrameObserver] = (),
    inference: InferenceSettings | None = None,
    execution_providers: Sequence[str] = (),
    detector_note: str | None = None,
    session_id: str | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    options: RunOptions | None = None,
) -> Analysis:
    """Run a source through a pipeline.

    Args:
        source: closed when this returns or raises.
        pipeline: fresh; it belongs to this source.
        sinks: told each snapshot as it is made.
        observers: told each frame and its reading, inside the process.
        inference: how graphs run, for provenance.
        execution_providers: what runs the graphs, for provenance.
        detector_note: why another detector than the preferred one runs.
        session_id: names the session; None names it after the input, the settings and the models.
        on_progress: told after each batch.
        should_stop: asked before each batch; True ends the run with what it has, marked incomplete.
        options: batching.

    Returns:
        The timeline and its provenance. Sinks and observers are closed.

    Raises:
        MienError: of source, sink or observer; sinks are closed as incomplete and observers discarded first.
    """
    options = options or RunOptions()
    info = source.info
    settings = settings_of(pipeline, inference)
    session = Session(
        session_id or _session_id(info, settings, pipeline),
        pipeline.grant,
        pipeline.labels.name,
        pipeline.profile.audience.step_seconds,
    )
    aggregator = pipeline.gate(session.session_id, demo=info.demo)
    recording = Recording(pipeline.metrics(), sinks)
    stopped: str | None = None
    size: tuple[int, int] | None = None
    started = time.monotonic()
    try:
        with contextlib.closing(batches(source, options)) as ahead:
            for frames in ahead:
                if should_stop():
                    stopped = "interrupted"
                    break
                size = size or (frames[0].width, frames[0].height)
                readings = pipeline.process(frames)
                for frame, reading in zip(frames, readings, strict=True):
                    for observer in observers:
                        observer.observe(frame, reading)
                    recording.take(aggregator.add(reading))
                on_progress(
                    Progress(
                        pipeline.counts.frames_read,
                        frames[-1].media_time,
                        pipeline.counts.sightings_read,
                        time.monotonic() - started,
                    )
                )
        recording.take(aggregator.finish())
        if stopped is None and not source.complete:
            stopped = "truncated"
    except BaseException:
        source.close()
        _fail_all(sinks, observers)
        raise
    source.close()
    _close_all(sinks, observers, complete=stopped is None)
    facts = RunFacts(inference, execution_providers, detector_note)
    provenance = provenance_of([Fed(info, pipeline, size)], facts, stopped)
    return Analysis(recording.timeline(session, complete=stopped is None), provenance)


def batches(source: FrameSource, options: RunOptions) -> Generator[tuple[Frame, ...], None, None]:
    """A source's frames, several at a time, decoded ahead as the options say; close it to end the decoding."""
    return prefetch(_batched(source, options.batch_frames), options.decode_ahead)


def _batched(source: FrameSource, size: int) -> Iterator[tuple[Frame, ...]]:
    frames = iter(source)
    while batch := tuple(islice(frames, size)):
        yield batch


def _close_all(sinks: Sequence[Sink], observers: Sequence[FrameObserver], *, complete: bool) -> None:
    with contextlib.ExitStack() as stack:
        for observer in observers:
            stack.callback(observer.close, complete=complete)
        for sink in sinks:
            stack.callback(sink.close, complete=complete)


def _fail_all(sinks: Sequence[Sink], observers: Sequence[FrameObserver]) -> None:
    """End everything after an error; what goes wrong here must not hide that error."""
    ends = [observer.discard for observer in observers]
    ends += [partial(sink.close, complete=False) for sink in sinks]
    for end in ends:
        with contextlib.suppress(Exception):
            end()


def _session_id(info: SourceInfo, settings: dict[str, object], pipeline: Pipeline) -> str:
    """The same input under the same settings and models is the same session; a live source never is."""
    if info.sha256 is None:
        return hashlib.sha256(f"{time.time_ns()}{id(pipeline)}".encode()).hexdigest()[:16]
    return digest(
        info.sha256, settings, pipeline.detector.sha256, pipeline.classifier.sha256, pipeline.head_pose.sha256
    )[:16]
