"""What a live page is told: the audience now, half a minute of it, and the machine; nothing of a group too small."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mien.core.audience import AudienceSnapshot, SnapshotLog, Timeline
from mien.core.findings import MetricSample, Moment, MomentKind, SampleLog
from mien.core.labels import EMOTIONS
from mien.core.status import CameraStatus, Heat, Status
from mien.report.live_figures import LiveFigures, heat_words
from tests.report.factory import one_person

STATUS = Status(
    media_time=75.4,
    elapsed_seconds=80.0,
    cameras=(CameraStatus("hall", 24.96, 3, 1, 20, 18, False), CameraStatus("side", 10.0, 1, 0, 4, 4, True)),
    latency_median_ms=31.0,
    latency_p95_ms=62.4,
    waiting_ms=1.26,
    detector_ms=14.0,
    classifier_ms=6.0,
    engine_ms=1.5,
    cadence="looks for faces in every frame, reads each in every frame",
    network_restarts=0,
    notes=(),
)


def timeline(snapshots: list[AudienceSnapshot], **changes: object) -> Timeline:
    return replace(one_person().timeline, snapshots=SnapshotLog(snapshots), series={}, moments=(), **changes)  # type: ignore[arg-type]


def steps(count: int) -> list[AudienceSnapshot]:
    made = list(one_person().timeline.snapshots)
    first = next(snapshot for snapshot in made if snapshot.emotions is not None)
    return [first.model_copy(update={"media_time": 0.5 * k, "duration_seconds": 0.5}) for k in range(count)]


def shock(*values: float | None) -> SampleLog:
    log = SampleLog("shock", "points")
    for k, value in enumerate(values):
        log.append(MetricSample("shock", 0.5 * k, value, withheld=None if value is not None else "no baseline yet"))
    return log


def test_before_the_first_step_it_waits() -> None:
    told = LiveFigures().of(STATUS, timeline([]), ())
    assert told["waiting"]
    assert [emotion["points"] for emotion in told["emotions"]] == [None] * 8
    assert told["strip"]["steps"] == []


def test_the_last_step_is_now_and_the_strip_is_half_a_minute() -> None:
    made = steps(100)
    told = LiveFigures().of(STATUS, timeline(made), ())
    assert [emotion["name"] for emotion in told["emotions"]] == list(EMOTIONS)
    assert made[-1].emotions is not None
    assert [e["points"] for e in told["emotions"]] == [pytest.approx(v, abs=0.06) for v in made[-1].emotions.values()]
    assert (told["strip"]["from"], told["strip"]["to"]) == (20.0, 50.0)
    assert [step["at"] for step in told["strip"]["steps"]] == [20.0 + 0.5 * k for k in range(60)]


def test_asking_as_it_goes_tells_what_asking_once_tells() -> None:
    made, going = steps(90), LiveFigures()
    for count in (0, 1, 7, 61, 90):
        told = going.of(STATUS, timeline(made[:count]), ())
        assert told == LiveFigures().of(STATUS, timeline(made[:count]), ())


def test_a_group_too_small_leaves_no_figure() -> None:
    small = AudienceSnapshot(session_id="s", media_time=1.0, duration_seconds=0.5, suppressed=True)
    told = LiveFigures().of(STATUS, timeline([*steps(2), small]), ())
    assert "smallest group" in told["state"]
    assert all(emotion["points"] is None for emotion in told["emotions"])
    assert (told["faces"], told["coverage"]) == (None, None)
    assert told["strip"]["steps"][-1]["emotions"] is None


def test_shock_runs_along_the_strip_and_the_last_scare_is_named() -> None:
    scares = tuple(
        Moment(MomentKind.SCARE, "shock", at, at + 0.5, at + 1, value, 40.0, 0.9, 12)
        for at, value in ((65.0, 71.0), (12.0, 90.0))
    )
    made = replace(timeline(steps(3)), series={"shock": shock(None, 10.0, 81.6)}, moments=scares)
    told = LiveFigures().of(STATUS, made, ())
    assert [step["shock"] for step in told["strip"]["steps"]] == [None, 10.0, pytest.approx(81.6)]
    assert told["scare"] == {"at": "01:05", "shock": 71}
    assert told["measures"][0] == {"slug": "shock", "name": "Shock", "words": "82 of 100", "known": True}
    withheld = LiveFigures().of(STATUS, replace(made, series={"shock": shock(None, None, None)}), ())
    assert withheld["measures"][0]["words"] == "no baseline yet"
    assert not withheld["measures"][0]["known"]


def test_the_machine_is_told_stage_by_stage() -> None:
    told = LiveFigures().of(STATUS, timeline([]), ["it was lost"])
    assert told["latency"] == {
        "waiting_ms": 1.3,
        "detector_ms": 14.0,
        "classifier_ms": 6.0,
        "engine_ms": 1.5,
        "median_ms": 31,
        "p95_ms": 62,
    }
    assert (told["frames_per_second"], told["dropped"]) == (35.0, 4)
    assert [camera["lost"] for camera in told["cameras"]] == [False, True]
    assert told["notes"] == ["it was lost"]
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize(
    ("most", "read", "words"),
    [
        (None, 0.0, ""),
        (1, 1.0, ", one face at a time"),
        (62, 0.0, ", up to 62 faces at a time"),
        (62, 11.4, ", up to 62 faces at a time (11 now)"),
    ],
)
def test_what_the_session_chose_is_told(most: int | None, read: float, words: str) -> None:
    told = LiveFigures().of(replace(STATUS, batch_most=most, batch_faces=read), timeline([]), ())
    assert told["cadence"] == STATUS.cadence + words


@pytest.mark.parametrize(
    ("heat", "words"),
    [
        (None, None),
        (Heat(), None),
        (Heat(gpu_celsius=71.4, gpu_busy=0.5), "GPU 71 °C, GPU 50 % busy"),
        (Heat(cpu_celsius=60.0, cpu_throttled=True), "CPU 60 °C, CPU slowed down"),
    ],
)
def test_heat_in_words(heat: Heat | None, words: str | None) -> None:
    assert heat_words(replace(STATUS, heat=heat)) == words
