"""What a live session shows, wherever it is shown: the audience now, its last half minute, how the machine keeps up."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mien.analysis.series import StepState, intervals_of, state_of
from mien.core.audience import AudienceSnapshot, Timeline
from mien.core.findings import MetricSample, Moment, MomentKind
from mien.core.labels import EMOTIONS
from mien.core.status import Status
from mien.report.wording import clock, percent

STRIP_SECONDS: Final = 30.0
"""How far back the strip reaches."""
MEASURES: Final[tuple[tuple[str, str, str], ...]] = (
    ("shock", "Shock", "{:.0f} of 100"),
    ("epm", "EPM", "{:.1f} of 10"),
    ("engagement_30s", "Engagement, last 30 s", "{:.2f} of 5"),
    ("attention", "Facing the screen", "{:.0f} %"),
    ("sentiment", "Sentiment", "{:+.0f}"),
)
"""Series on show, what they are called, and how their values are written."""
STATE_WORDS: Final[Mapping[StepState, str]] = {
    StepState.UNREAD: "faces are seen, none can be read",
    StepState.NO_FACE: "no face is seen",
    StepState.GAP: "no frame comes",
    StepState.SUPPRESSED: "fewer faces than the smallest group: nothing is told",
}


class LiveFigures:
    """What a page shows of a session, as plain data; asked about once a second.

    It reads each snapshot once, so that hours of them cost no more than the first minute.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._recent: deque[AudienceSnapshot] = deque()

    def of(self, status: Status, timeline: Timeline, notes: Sequence[str]) -> dict[str, Any]:
        """Everything the page shows now.

        Args:
            status: how the run stands.
            timeline: so far; the same session's each time.
            notes: what happened lately, oldest first.

        Returns:
            JSON-able; times in seconds of media time, emotions 0–100 points, milliseconds where a name ends in ``_ms``.
        """
        for snapshot in timeline.snapshots[self._seen :]:
            self._recent.append(snapshot)
        self._seen = len(timeline.snapshots)
        last = self._recent[-1] if self._recent else None
        while self._recent and self._recent[0].media_time < self._recent[-1].end_time - STRIP_SECONDS - 1e-6:
            self._recent.popleft()
        scare = last_scare(timeline.moments)
        return {
            "clock": clock(status.media_time),
            "media_time": round(status.media_time, 2),
            "demo": last is not None and last.demo,
            "state": None if last is None or last.emotions is not None else STATE_WORDS[state_of(last)],
            "waiting": last is None,
            "emotions": _emotions(last),
            "faces": _faces(last),
            "coverage": None if last is None or last.coverage is None else percent(last.coverage),
            "measures": _measures(timeline),
            "scare": None if scare is None else {"at": clock(scare.start), "shock": round(scare.value)},
            "strip": self._strip(timeline),
            "cameras": [
                {
                    "name": camera.name,
                    "frames_per_second": round(camera.frames_per_second, 1),
                    "faces": camera.faces,
                    "faces_read": camera.faces_read,
                    "dropped": camera.dropped,
                    "restarts": camera.restarts,
                    "lost": camera.lost,
                }
                for camera in status.cameras
            ],
            "frames_per_second": round(sum(camera.frames_per_second for camera in status.cameras), 1),
            "dropped": sum(camera.dropped for camera in status.cameras),
            "latency": {
                "waiting_ms": round(status.waiting_ms, 1),
                "detector_ms": round(status.detector_ms, 1),
                "classifier_ms": round(status.classifier_ms, 1),
                "engine_ms": round(status.engine_ms, 1),
                "median_ms": round(status.latency_median_ms),
                "p95_ms": round(status.latency_p95_ms),
            },
            "cadence": pace_words(status),
            "heat": heat_words(status),
            "relief": status.relief,
            "notes": list(notes),
        }

    def _strip(self, timeline: Timeline) -> dict[str, Any]:
        log = timeline.series.get("shock")
        count = len(self._recent)
        shock = {round(s.media_time, 3): s.value for s in log[-count:]} if log is not None and count else {}
        end = self._recent[-1].end_time if self._recent else 0.0
        return {
            "from": round(end - STRIP_SECONDS, 3),
            "to": round(end, 3),
            "steps": [
                {
                    "at": round(step.media_time, 3),
                    "seconds": step.duration_seconds,
                    "state": state_of(step).value,
                    "emotions": [round(v, 1) for v in step.emotions.values()] if step.emotions else None,
                    "shock": shock.get(round(step.media_time, 3)),
                }
                for step in self._recent
            ],
        }


def pace_words(status: Status) -> str:
    """How often the networks run, and on how many faces at once."""
    if status.batch_most is None:
        return status.cadence
    if status.batch_most == 1:
        return f"{status.cadence}, one face at a time"
    now = f" ({status.batch_faces:.0f} now)" if status.batch_faces else ""
    return f"{status.cadence}, up to {status.batch_most} faces at a time{now}"


def latest(timeline: Timeline, slug: str) -> MetricSample | None:
    """The last sample of a series; None where there is none."""
    log = timeline.series.get(slug)
    return log[-1] if log is not None and len(log) else None


def last_scare(moments: Sequence[Moment]) -> Moment | None:
    """The scare that came last."""
    scares = [moment for moment in moments if moment.kind is MomentKind.SCARE]
    return max(scares, key=lambda moment: moment.start) if scares else None


def measure_words(sample: MetricSample, form: str) -> str:
    """A value as it is written, or why there is none."""
    return form.format(sample.value) if sample.value is not None else sample.withheld or "–"


def heat_words(status: Status) -> str | None:
    """How hot the machine is; None where it does not tell."""
    heat = status.heat
    if heat is None:
        return None
    words = []
    if heat.gpu_celsius is not None:
        words.append(f"GPU {heat.gpu_celsius:.0f} °C")
    if heat.gpu_busy is not None:
        words.append(f"GPU {heat.gpu_busy * 100:.0f} % busy")
    if heat.cpu_celsius is not None:
        words.append(f"CPU {heat.cpu_celsius:.0f} °C")
    if heat.cpu_throttled:
        words.append("CPU slowed down")
    return ", ".join(words) or None


def _emotions(last: AudienceSnapshot | None) -> list[dict[str, Any]]:
    if last is None or last.emotions is None:
        return [{"name": emotion, "points": None, "low": None, "high": None} for emotion in EMOTIONS]
    intervals = intervals_of(last)
    told = []
    for emotion, value in zip(EMOTIONS, last.emotions.values(), strict=True):
        bounds = getattr(intervals, emotion) if intervals is not None else None
        told.append(
            {
                "name": emotion,
                "points": round(value, 1),
                "low": None if bounds is None else round(bounds.low, 1),
                "high": None if bounds is None else round(bounds.high, 1),
            }
        )
    return told


def _faces(last: AudienceSnapshot | None) -> str | None:
    if last is None or last.present is None:
        return None
    return f"{last.readable} read of {last.present} seen"


def _measures(timeline: Timeline) -> list[dict[str, Any]]:
    told = []
    for slug, name, form in MEASURES:
        sample = latest(timeline, slug)
        if sample is not None:
            words = measure_words(sample, form)
            told.append({"slug": slug, "name": name, "words": words, "known": sample.value is not None})
    return told
