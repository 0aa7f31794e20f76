"""Analyses to report on, made by hand where a test needs one of a known shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.core.audience import (
    Analysis,
    AudienceSnapshot,
    AudienceStep,
    EmotionIntervals,
    EmotionPercents,
    LabelView,
    ModelIdentity,
    Provenance,
    Session,
    SnapshotLog,
    Timeline,
    UnreadCounts,
)
from mien.core.findings import SampleLog
from mien.core.labels import EMOTIONS, FERPLUS8, label_set
from mien.core.policy import Basis, Declaration, Purpose, authorise, needs_basis
from mien.core.settings import PROFILES, AudienceSettings
from mien.metrics import create_all

CREATED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STEP = 0.5
FRAMES = 15
MODEL = "ab" * 32

Percents = dict[str, float]


def percents(**told: float) -> EmotionPercents:
    """The emotions told, in points; neutral takes the rest."""
    rest = 100.0 - sum(told.values())
    return EmotionPercents.of([told.get(e, rest if e == "neutral" else 0.0) for e in EMOTIONS])


def read_step(at: float, emotions: EmotionPercents | None, **changes: Any) -> AudienceSnapshot:
    """A step in which one face was read in every frame."""
    told: dict[str, Any] = {
        "session_id": "test",
        "media_time": at,
        "duration_seconds": STEP,
        "suppressed": False,
        "frames": FRAMES,
        "present": 1,
        "readable": 1,
        "tracks": 1,
        "coverage": 1.0,
        "unread": UnreadCounts(),
        "emotions": emotions,
        "facing_share": 1.0,
        "model": MODEL,
    }
    return AudienceSnapshot(**{**told, **changes})


def empty_step(at: float, **changes: Any) -> AudienceSnapshot:
    """A step whose frames hold no face."""
    blank = {"present": 0, "readable": 0, "tracks": 0, "coverage": 0.0, "emotions": None, "facing_share": None}
    return read_step(at, **{**blank, **changes})


def gap_step(at: float) -> AudienceSnapshot:
    """A step into which no frame fell."""
    return AudienceSnapshot(
        session_id="test", media_time=at, duration_seconds=STEP, suppressed=False, frames=0, model=MODEL
    )


def suppressed_step(at: float) -> AudienceSnapshot:
    """A step below the minimum group."""
    return AudienceSnapshot(session_id="test", media_time=at, duration_seconds=STEP, suppressed=True)


def steps_of(emotions: Sequence[EmotionPercents]) -> list[AudienceSnapshot]:
    """One step after another, each with one face."""
    return [read_step(i * STEP, e) for i, e in enumerate(emotions)]


def analysis_of(snapshots: Sequence[AudienceSnapshot], *, profile: str = "interview", **changes: Any) -> Analysis:
    """An analysis of snapshots under a profile's policy; ``changes`` are to its provenance."""
    basis = Basis.OWN_RECORDING if needs_basis(PROFILES[profile]) else Basis.NOTICE
    purpose = Purpose.PERSONAL if needs_basis(PROFILES[profile]) else Purpose.AUDIENCE_RESEARCH
    grant = authorise(Declaration(purpose, basis), PROFILES[profile])
    frames = sum(s.frames or FRAMES for s in snapshots)
    provenance = Provenance(
        input_name="talk.mp4",
        input_kind="file",
        input_sha256="cd" * 32,
        width=1280,
        height=720,
        duration_seconds=snapshots[-1].end_time if snapshots else 0.0,
        frame_rate=30.0,
        frames_read=frames,
        frames_detected=frames,
        sightings=sum((s.frames or 0) * (s.present or 0) for s in snapshots),
        sightings_read=sum((s.frames or 0) * (s.readable or 0) for s in snapshots),
        detector=ModelIdentity("yunet", "12" * 32),
        classifier=ModelIdentity("mien-m", MODEL),
        detector_note=None,
        execution_providers=("CPUExecutionProvider",),
        software={"mien": "0.1.0", "onnxruntime": "1.31.0", "numpy": "2.4.6", "av": "18.1.0", "python": "3.11.2"},
        profile=profile,
        settings=PROFILES[profile].model_dump(mode="json"),
    )
    session = Session("test", grant, PROFILES[profile].audience.label_set, STEP)
    stopped = changes.get("stopped_because")
    metrics = create_all(AudienceSettings(replicates=0))
    for snapshot in snapshots:
        for metric in metrics:
            metric.update(AudienceStep(snapshot, None))
    results = [metric.compute() for metric in metrics]
    timeline = Timeline(
        session,
        SnapshotLog(snapshots),
        series={slug: log for result in results for slug, log in result.series.items()},
        figures=tuple(figure for result in results for figure in result.figures),
        moments=tuple(moment for result in results for moment in result.moments),
        complete=stopped is None,
    )
    return Analysis(timeline, replace(provenance, **changes))


def bump(at: npt.NDArray[np.float64], centre: float, width: float) -> npt.NDArray[np.float64]:
    """A smooth rise to 1 at ``centre``, ``width`` seconds wide at half its height."""
    return np.asarray(np.exp(-4 * np.log(2) * ((at - centre) / width) ** 2))


@cache
def one_person() -> Analysis:
    """34 seconds of one face: sadness gives way to happiness; it is turned away for a while, then leaves."""
    at = np.arange(0, 34, STEP)
    wobble = np.random.default_rng(1).normal(0, 1.5, (len(at), 4))
    sad = 72 / (1 + np.exp((at - 7) * 2.2)) + 6
    happy = 84 / (1 + np.exp(-(at - 7.6) * 1.8)) * (1 - 0.55 * bump(at, 20, 4)) + 2
    surprise = 44 * bump(at, 20, 3) + 2
    snapshots = []
    for i, moment in enumerate(at):
        values = np.clip([sad[i] + wobble[i, 0], happy[i] + wobble[i, 1], surprise[i] + wobble[i, 2], 1], 0.2, None)
        values *= min(1.0, 98 / values.sum())
        emotions = percents(sadness=values[0], happiness=values[1], surprise=values[2], contempt=values[3])
        if 25 <= moment < 27:
            turned = UnreadCounts(turned_away=FRAMES)
            snapshots.append(empty_step(moment, present=1, unread=turned, facing_share=0.0))
        elif moment >= 31:
            snapshots.append(empty_step(moment))
        else:
            blurred = 2 if i % 7 == 3 else 0
            share = (FRAMES - blurred) / FRAMES
            snapshots.append(read_step(moment, emotions, coverage=share, unread=UnreadCounts(blurred=blurred)))
    return analysis_of(snapshots)


@cache
def hall(minutes: float = 6, people: int = 40, *, demo: bool = True, evening: int = 2) -> Analysis:
    """Forty people before a horror film: three scares, laughter after the last, an exit, a black-out, a gap.

    Each evening is another screening to other people.
    """
    at = np.arange(0, minutes * 60, STEP)
    scale = minutes * 60 / 360
    noise = np.random.default_rng(evening)
    fear = 5 + 38 * bump(at, 92 * scale, 6) + 22 * bump(at, 171 * scale, 4) + 46 * bump(at, 262 * scale, 9)
    surprise = 6 + 30 * bump(at, 90 * scale, 3) + 25 * bump(at, 169.5 * scale, 3) + 24 * bump(at, 259 * scale, 3)
    laughter = 9 + 31 * bump(at, 283 * scale, 14) + 8 * np.sin(at / 31) ** 2
    snapshots: list[AudienceSnapshot] = []
    for i, moment in enumerate(at):
        clock = moment / scale
        if 205 <= clock < 217:
            snapshots.append(suppressed_step(float(moment)))
            continue
        if 308 <= clock < 313:
            snapshots.append(gap_step(float(moment)))
            continue
        readable = int(people * (0.82 if clock < 330 else 0.5) + noise.integers(-2, 3))
        mean = np.array([0, laughter[i], surprise[i], 7, 3, 3.5, fear[i], 1.2])
        mean = np.clip(mean + noise.normal(0, 0.9, 8), 0.1, None)
        mean[0] = 0
        mean *= min(1.0, 96 / mean.sum())
        mean[0] = 100 - mean.sum()
        spread = 1.96 * np.sqrt(mean * (100 - mean) * 0.4 / readable)
        snapshots.append(
            read_step(
                float(moment),
                EmotionPercents.of(mean),
                present=people,
                readable=readable,
                tracks=readable + 1,
                coverage=readable / people,
                unread=UnreadCounts(too_small=30, turned_away=FRAMES * 4, blurred=12),
                intervals=EmotionIntervals.of(np.clip(mean - spread, 0, 100), np.clip(mean + spread, 0, 100)),
                view=view_of(EmotionPercents.of(mean), "cinema7"),
                facing_share=0.9,
                demo=demo,
            )
        )
    recorded = "cd" * 32 if evening == 2 else f"{evening:064x}"
    return analysis_of(snapshots, profile="cinema", demo=demo, input_name="late-show.mp4", input_sha256=recorded)


def view_of(emotions: EmotionPercents, name: str) -> LabelView | None:
    """One face's view of its emotions; None for the canonical set."""
    if name == FERPLUS8.name:
        return None
    labels = label_set(name)
    seen = labels.view(np.array([emotions.values()], np.float32) / np.float32(100))[0] * 100
    return LabelView(label_set=name, percents={k: float(v) for k, v in zip(labels.labels, seen, strict=True)})


def repeated(analysis: Analysis, times: int) -> Analysis:
    """The same again and again: as long a timeline as that many take, its figures and moments those of the first."""
    timeline, seconds = analysis.timeline, analysis.timeline.snapshots[-1].end_time
    snapshots, series = SnapshotLog(), {slug: SampleLog(slug, log.unit) for slug, log in timeline.series.items()}
    for start in np.arange(times) * seconds:
        for snapshot in timeline.snapshots:
            snapshots.append(snapshot.model_copy(update={"media_time": float(start) + snapshot.media_time}))
        for slug, log in timeline.series.items():
            for sample in log:
                series[slug].append(replace(sample, media_time=float(start) + sample.media_time))
    provenance = replace(analysis.provenance, duration_seconds=snapshots[-1].end_time)
    return Analysis(replace(timeline, snapshots=snapshots, series=series), provenance)


@cache
def hour() -> Analysis:
    """An hour of the same hall, 7,200 steps."""
    return repeated(hall(demo=False), 10)


@cache
def nobody() -> Analysis:
    """Twenty seconds without a face."""
    return analysis_of([empty_step(i * STEP) for i in range(40)])


@cache
def nothing() -> Analysis:
    """Interrupted before the first frame."""
    return analysis_of([], stopped_because="interrupted", width=None, height=None)


SHAPES: dict[str, Callable[[], Analysis]] = {
    "one_person": one_person,
    "hall": hall,
    "hour": hour,
    "nobody": nobody,
    "nothing": nothing,
}
