"""How a live run stands: what a dashboard shows. Nothing of it is about people but their number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """One camera since the last status.

    Attributes:
        name: of the camera.
        frames_per_second: read.
        dropped: frames left out, in all.
        restarts: of its worker.
        faces, faces_read: in its latest frame.
        lost: nothing comes from it at present.
    """

    name: str
    frames_per_second: float
    dropped: int
    restarts: int
    faces: int
    faces_read: int
    lost: bool


@dataclass(frozen=True, slots=True)
class Heat:
    """How hot the machine is, as far as it tells; None where it does not.

    Attributes:
        gpu_celsius, cpu_celsius: the hottest sensor of each.
        gpu_busy: share of the time the GPU computed, 0–1.
        cpu_throttled: the processor was slowed down for its heat or its supply.
    """

    gpu_celsius: float | None = None
    cpu_celsius: float | None = None
    gpu_busy: float | None = None
    cpu_throttled: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """How the run stands.

    Attributes:
        media_time: of the latest frame read, seconds.
        elapsed_seconds: since the start.
        cameras: each.
        latency_median_ms, latency_p95_ms: from a frame's capture to its reading, since the last status.
        waiting_ms: from a frame's capture to the engine taking it, mean since the last status.
        detector_ms, classifier_ms: wall milliseconds of a call, mean since the last status; 0 without one.
        engine_ms: wall milliseconds of a frame in the engine itself (following, cutting out, gate, timeline), mean.
        batch_faces: faces of a call of the classifier, mean since the last status; 0 without one.
        batch_most: that a call may have for the latency that is aimed at, a single frame aside; None while that is not
            known, and where nothing is aimed at.
        cadence: how often the networks run at present, in words.
        network_restarts: of the networks' worker.
        notes: what happened since the last status, in plain words.
        heat: of the machine; None where nobody measures it.
        relief: what is done less because of it, in words; None for nothing.
    """

    media_time: float
    elapsed_seconds: float
    cameras: tuple[CameraStatus, ...]
    latency_median_ms: float
    latency_p95_ms: float
    waiting_ms: float
    detector_ms: float
    classifier_ms: float
    engine_ms: float
    cadence: str
    network_restarts: int
    notes: tuple[str, ...]
    heat: Heat | None = None
    relief: str | None = None
    batch_faces: float = 0.0
    batch_most: int | None = None
