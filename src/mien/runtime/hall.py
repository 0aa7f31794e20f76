"""A hall by its zones, from one camera or several: step by step together, in constant memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mien.core.audience import (
    Analysis,
    AudienceStep,
    Session,
    Sink,
)
from mien.core.errors import SettingsError
from mien.core.faces import FrameSource
from mien.core.settings import InferenceSettings
from mien.hall import Hall
from mien.pipeline import Pipeline
from mien.runtime.analyze import Progress, RunOptions, batches
from mien.runtime.provenance import Fed, RunFacts, digest, provenance_of, settings_of
from mien.runtime.recording import Recording
from mien.zones import ZoneFinder

_EARLY_SECONDS: Final = 1e-6

ZoneSteps = Mapping[str, AudienceStep]


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera of a hall.

    Attributes:
        name: of its snapshots' source.
        source: its frames; closed when the run ends.
        pipeline: fresh; it belongs to this source.
        finder: tells its zones apart.
    """

    name: str
    source: FrameSource
    pipeline: Pipeline
    finder: ZoneFinder


def analyze_hall(
    cameras: Sequence[Camera],
    *,
    sinks: Sequence[Sink] = (),
    inference: InferenceSettings | None = None,
    execution_providers: Sequence[str] = (),
    detector_note: str | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    options: RunOptions | None = None,
) -> Analysis:
    """Run the cameras of a hall through their pipelines, a step of all of them at a time.

    Args:
        cameras: one at least; their pipelines have one profile but for where the screen is.
        sinks: told each snapshot of the whole hall as it is made.
        inference, execution_providers, detector_note: for provenance, see ``analyze``.
        on_progress: told after each step.
        should_stop: asked before each step; True ends the run with what it has, marked incomplete.
        options: batching.

    Returns:
        The timeline of the hall and of each zone, and their provenance. Sources and sinks are closed.

    Raises:
        SettingsError: the steps are single frames, which several cameras do not share.
        MienError: of a source or sink; sinks are closed as incomplete first.
    """
    options = options or RunOptions()
    first = cameras[0].pipeline
    step_seconds = first.profile.audience.step_seconds
    if step_seconds == 0:
        raise SettingsError("zones are told step by step: give '--step' a length above 0 seconds.")
    zones = tuple(dict.fromkeys(zone for camera in cameras for zone in camera.finder.zones))
    session = Session(_session_id(cameras, inference), first.grant, first.labels.name, step_seconds)
    hall = Hall(zones)
    whole = Recording(first.metrics(), sinks)
    parts = {zone: Recording(first.metrics()) for zone in zones}
    stopped: str | None = None
    started = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            runs = [_steps(c, k, session.session_id, options, should_stop) for k, c in enumerate(cameras)]
            for run in runs:
                stack.callback(run.close)
            while True:
                if should_stop():
                    stopped = "interrupted"
                    break
                told = [next(run, None) for run in runs]
                if not any(told):
                    break
                if should_stop():
                    # A camera may have broken off in the middle of this step.
                    stopped = "interrupted"
                    break
                step = hall.add({z: [None if t is None else t.get(z) for t in told] for z in zones})
                whole.take([step.whole])
                for zone, part in parts.items():
                    part.take([step.zones[zone]])
                on_progress(_progress(cameras, step.whole.snapshot.end_time, started))
        if stopped is None and not all(camera.source.complete for camera in cameras):
            stopped = "truncated"
    except BaseException:
        _close(cameras)
        for sink in sinks:
            with contextlib.suppress(Exception):
                sink.close(complete=False)
        raise
    _close(cameras)
    complete = stopped is None
    with contextlib.ExitStack() as stack:
        for sink in sinks:
            stack.callback(sink.close, complete=complete)
    fed = [Fed(c.source.info, c.pipeline, None, c.finder.zones, c.finder.start_seconds) for c in cameras]
    facts = RunFacts(inference, execution_providers, detector_note, {"cameras": _areas(cameras)})
    provenance = provenance_of(fed, facts, stopped)
    return Analysis(
        whole.timeline(session, complete=complete),
        provenance,
        {zone: part.timeline(session, complete=complete) for zone, part in parts.items()},
    )


def _steps(
    camera: Camera, number: int, session_id: str, options: RunOptions, should_stop: Callable[[], bool]
) -> Generator[ZoneSteps, None, None]:
    """A camera's steps, those of its zones together; frames from before media time 0 are passed over."""
    info = camera.source.info
    gates = {
        zone: camera.pipeline.gate(session_id, demo=info.demo, source=camera.name, zone=zone, camera=number)
        for zone in camera.finder.zones
    }
    begins = -camera.finder.start_seconds - _EARLY_SECONDS
    with contextlib.closing(batches(camera.source, options)) as ahead:
        for every in ahead:
            if should_stop():
                return
            frames = [frame for frame in every if frame.media_time >= begins]
            if not frames:
                continue
            for frame, reading in zip(frames, camera.pipeline.process(frames), strict=True):
                parts = camera.finder.part(reading, frame.width, frame.height)
                done = {zone: list(gate.add(parts[zone])) for zone, gate in gates.items()}
                yield from _together(done)
    yield from _together({zone: list(gate.finish()) for zone, gate in gates.items()})


def _together(steps: Mapping[str, Sequence[AudienceStep]]) -> Generator[ZoneSteps, None, None]:
    """Zones of one camera complete the same steps at the same frame."""
    for at_once in zip(*steps.values(), strict=True):
        yield dict(zip(steps, at_once, strict=True))


def _progress(cameras: Sequence[Camera], media_time: float, started: float) -> Progress:
    counts = [camera.pipeline.counts for camera in cameras]
    return Progress(
        sum(c.frames_read for c in counts),
        media_time,
        sum(c.sightings_read for c in counts),
        time.monotonic() - started,
    )


def _close(cameras: Sequence[Camera]) -> None:
    with contextlib.ExitStack() as stack:
        for camera in cameras:
            stack.callback(camera.source.close)


def _session_id(cameras: Sequence[Camera], inference: InferenceSettings | None) -> str:
    hashes = [camera.source.info.sha256 for camera in cameras]
    if None in hashes:
        return digest(time.time_ns(), id(cameras))[:16]
    first = cameras[0].pipeline
    settings = [settings_of(camera.pipeline, inference) for camera in cameras]
    return digest(hashes, _areas(cameras), settings, first.detector.sha256, first.classifier.sha256)[:16]


def _areas(cameras: Sequence[Camera]) -> list[object]:
    return [camera.finder.camera.model_dump(mode="json") for camera in cameras]
