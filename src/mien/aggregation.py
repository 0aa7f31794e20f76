"""The privacy gate: faces go in, audience statistics come out, and nothing else does.

Boxes, pixels and track numbers end here. What leaves is an :class:`AudienceStep`: a snapshot, and beside it in
memory the bootstrap replicates that metrics run over.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.core.audience import (
    SHARE_THRESHOLDS,
    WHOLE_AUDIENCE,
    AudienceSnapshot,
    AudienceStep,
    EmotionIntervals,
    EmotionPercents,
    EmotionShares,
    LabelView,
    Replicates,
    UnreadCounts,
)
from mien.core.faces import FaceReading, FrameReading
from mien.core.intervals import interval
from mien.core.labels import EMOTIONS, FERPLUS8, LabelSet
from mien.core.settings import AudienceSettings

REPLICATE_KEY: Final = 0x6D69656E
"""Key of the counter-based generator that draws replicate weights: the same track number always gets the same."""


class Aggregator:
    """Turns the readings of one source into audience snapshots, one a step of media time.

    Args:
        session_id: names the session.
        model_sha256: the classifier's hash.
        labels: the session's label set.
        settings: minimum group, step and replicates.
        demo: True when frames are composed, not filmed.
        source, zone: which camera, and which part of the hall.
        camera: number of the camera in its session: replicates of different cameras' tracks are drawn apart.
    """

    def __init__(
        self,
        session_id: str,
        model_sha256: str,
        labels: LabelSet,
        settings: AudienceSettings,
        *,
        demo: bool = False,
        source: str = "main",
        zone: str = WHOLE_AUDIENCE,
        camera: int = 0,
    ) -> None:
        self._identity = {"session_id": session_id, "source": source, "zone": zone, "demo": demo}
        self._model = model_sha256
        self._camera = camera
        self._labels = labels
        self._settings = settings
        self._pending: list[FrameReading] = []
        self._step = 0
        self._weights: dict[int, npt.NDArray[np.float64]] = {}
        self._synchrony = SynchronyWindow(settings.synchrony_seconds)

    def add(self, reading: FrameReading) -> Iterator[AudienceStep]:
        """Take one frame's reading; yields every step that it completes, gaps included."""
        if self._settings.step_seconds == 0:
            yield self._close([reading], reading.media_time, 0.0)
            return
        # A timestamp a rounding error below a step's start belongs to that step.
        step = math.floor(reading.media_time / self._settings.step_seconds + 1e-6)
        if step != self._step and (self._pending or step > self._step):
            yield from self._advance(step)
        self._pending.append(reading)

    def finish(self) -> Iterator[AudienceStep]:
        """Close the step that is open, if any frame fell into it."""
        if self._pending:
            yield from self._advance(self._step + 1)

    def _advance(self, step: int) -> Iterator[AudienceStep]:
        length = self._settings.step_seconds
        yield self._close(self._pending, self._step * length, length)
        self._pending = []
        for gap in range(self._step + 1, step):
            yield self._close([], gap * length, length)
        self._step = step

    def _close(self, readings: list[FrameReading], media_time: float, duration: float) -> AudienceStep:
        span = {**self._identity, "media_time": round(media_time, 6), "duration_seconds": duration}
        if not readings:
            return AudienceStep(AudienceSnapshot(**span, suppressed=False, frames=0, model=self._model), None)
        present = [len(r.faces) for r in readings]
        read = [sum(f.probabilities is not None for f in r.faces) for r in readings]
        readable = _lower_median(read)
        if self._settings.min_group > 1 and readable < self._settings.min_group:
            return AudienceStep(AudienceSnapshot(**span, suppressed=True), None)
        seen = [face for r in readings for face in r.faces]
        known: dict[str, object] = {
            "frames": len(readings),
            "present": _lower_median(present),
            "readable": readable,
            "coverage": float(np.mean([got / all_ if all_ else 0.0 for got, all_ in zip(read, present, strict=True)])),
            "unread": _count_unread(readings),
            "model": self._model,
        }
        if seen:
            known["facing_share"] = sum(_faces_screen(face, self._settings) for face in seen) / len(seen)
        readings_of = [(f.track, f.probabilities) for f in seen if f.probabilities is not None]
        if not readings_of:
            return AudienceStep(AudienceSnapshot(**span, suppressed=False, tracks=0, **known), None)
        points = np.stack([p for _, p in readings_of]).astype(np.float64) * 100.0
        numbers, owner = np.unique([t for t, _ in readings_of], return_inverse=True)
        sums = np.zeros((len(numbers), len(EMOTIONS)))
        np.add.at(sums, owner, points)
        counts = np.bincount(owner, minlength=len(numbers)).astype(np.float64)
        mean = points.mean(axis=0)
        per_track = sums / counts[:, None]
        known["tracks"] = len(numbers)
        known["emotions"] = EmotionPercents.of(mean)
        known["shares"] = _shares(per_track)
        known["view"] = self._view(points)
        if duration > 0:
            # Single frames are told each by itself, whatever came before them.
            known["synchrony"] = self._synchrony.add(media_time, numbers, per_track)
        replicates = None
        if len(numbers) > 1:
            known["covariance"] = _upper_triangle(np.cov(per_track, rowvar=False))
            # One person lost and found again is two tracks, but no two people to resample.
            if self._settings.replicates and readable > 1:
                replicates = self._replicate(numbers, sums, counts)
                known["intervals"] = _intervals(replicates, mean, counts)
        return AudienceStep(AudienceSnapshot(**span, suppressed=False, **known), replicates)

    def _view(self, points: npt.NDArray[np.float64]) -> LabelView | None:
        if self._labels is FERPLUS8:
            return None
        means = self._labels.view((points / 100.0).astype(np.float32)).mean(axis=0, dtype=np.float64) * 100.0
        percents = {label: min(100.0, float(v)) for label, v in zip(self._labels.labels, means, strict=True)}
        return LabelView(label_set=self._labels.name, percents=percents)

    def _replicate(
        self,
        numbers: npt.NDArray[np.int_],
        sums: npt.NDArray[np.float64],
        counts: npt.NDArray[np.float64],
    ) -> Replicates:
        """Poisson bootstrap: each track counts Poisson(1) times in each replicate, always the same times."""
        self._weights = {int(n): self._weights[n] if n in self._weights else self._draw(int(n)) for n in numbers}
        weights = np.stack([self._weights[int(n)] for n in numbers])
        total = weights.T @ counts
        nobody = np.full((weights.shape[1], len(EMOTIONS)), np.nan)
        means = np.divide(weights.T @ sums, total[:, None], out=nobody, where=total[:, None] > 0)
        return Replicates(means.astype(np.float32))

    def _draw(self, number: int) -> npt.NDArray[np.float64]:
        generator = np.random.Generator(np.random.Philox(key=[REPLICATE_KEY + self._camera, number]))
        return generator.poisson(1.0, self._settings.replicates).astype(np.float64)


class SynchronyWindow:
    """How alike the faces moved over the last seconds: inter-subject correlation, leave one out.

    Each track's eight emotions over time are correlated with the mean of the other tracks' (each emotion about its own
    mean), and these correlations are averaged: Hasson et al., 2004; Nastase et al., 2019, *Measuring shared responses
    across subjects using intersubject correlation*. Faces that did not move have no correlation and are left out.

    Args:
        seconds: how far back it looks.
    """

    LEAST_TRACKS: Final = 3
    LEAST_STEPS: Final = 8
    STILL_POINTS: Final = 0.5
    """Root mean square of a face's movement below which it stood still, points."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._steps: deque[tuple[float, dict[int, npt.NDArray[np.float64]]]] = deque()

    def add(self, media_time: float, numbers: npt.NDArray[np.int_], per_track: npt.NDArray[np.float64]) -> float | None:
        """Take a step and give the synchrony of the window that ends with it.

        Args:
            media_time: start of the step, seconds.
            numbers: int N, tracks.
            per_track: float64 N×8, points.

        Returns:
            -1 to 1; None with fewer than three tracks that moved and were read throughout, or too few steps.
        """
        while self._steps and not media_time - self._seconds < self._steps[0][0] < media_time:
            self._steps.popleft()
        self._steps.append((media_time, {int(n): row for n, row in zip(numbers, per_track, strict=True)}))
        if len(self._steps) < self.LEAST_STEPS:
            return None
        throughout = set.intersection(*(set(tracks) for _, tracks in self._steps))
        moves = []
        for track in sorted(throughout):
            course = np.stack([tracks[track] for _, tracks in self._steps])
            course = (course - course.mean(axis=0)).ravel()
            if math.sqrt(float((course**2).mean())) > self.STILL_POINTS:
                moves.append(course)
        if len(moves) < self.LEAST_TRACKS:
            return None
        each = np.stack(moves)
        others = each.sum(axis=0) - each
        size = np.linalg.norm(each, axis=1) * np.linalg.norm(others, axis=1)
        known = size > 1e-9
        if not known.any():
            return None
        alike = (each[known] * others[known]).sum(axis=1) / size[known]
        return float(np.clip(alike.mean(), -1.0, 1.0))


def _faces_screen(face: FaceReading, settings: AudienceSettings) -> bool:
    if abs(face.yaw_degrees - settings.screen_yaw_degrees) >= settings.facing_yaw_degrees:
        return False
    if settings.screen_pitch_degrees is None or not face.pitch_known:
        return True
    return abs(face.pitch_degrees - settings.screen_pitch_degrees) < settings.facing_pitch_degrees


def _lower_median(values: list[int]) -> int:
    return sorted(values)[(len(values) - 1) // 2]


def _count_unread(readings: list[FrameReading]) -> UnreadCounts:
    counts: dict[str, int] = {}
    for reading in readings:
        for face in reading.faces:
            if face.unread is not None:
                counts[face.unread.value] = counts.get(face.unread.value, 0) + 1
    return UnreadCounts(**counts)


def _shares(per_track: npt.NDArray[np.float64]) -> EmotionShares:
    above = [(per_track > 100.0 * threshold).mean(axis=0) for threshold in SHARE_THRESHOLDS]
    return EmotionShares(**{e: tuple(float(a[i]) for a in above) for i, e in enumerate(EMOTIONS)})


def _upper_triangle(covariance: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(v) for v in covariance[np.triu_indices(len(EMOTIONS))])


def _intervals(
    replicates: Replicates, mean: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]
) -> EmotionIntervals:
    """95 % over tracks, with Kish's effective number for tracks seen unequally long."""
    effective = counts.sum() ** 2 / (counts**2).sum()
    low, high = interval(mean, replicates.means.astype(np.float64), float(effective))
    return EmotionIntervals.of(np.clip(low, 0, 100), np.clip(high, 0, 100))
