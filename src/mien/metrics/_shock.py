"""Shock against a baseline, step by step: what the shock score, EPM, scares and tension are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mien.core.audience import AudienceStep
from mien.core.labels import EMOTIONS
from mien.metrics._left_out import missing
from mien.metrics._paths import FloatArray, StepLengths, paths_of, why_withheld

FEAR: Final = EMOTIONS.index("fear")
SURPRISE: Final = EMOTIONS.index("surprise")
DISGUST: Final = EMOTIONS.index("disgust")

BOUNDS: Final = (0.0, 100.0)
NOT_ESTABLISHED: Final = "the baseline is not established yet"
PARTS: Final = ("fear", "surprise", "disgust")


@dataclass(frozen=True, slots=True)
class BaselineOptions:
    """When a baseline stands (MET4).

    Attributes:
        seconds: media time it is taken over, from the first step that was read on.
        least_read_seconds: how much of that must have been read; otherwise it is prolonged until that much was.
    """

    seconds: float = 30.0
    least_read_seconds: float = 15.0


class Baseline:
    """Each emotion's median over the first seconds that were read: one scare or one missing face does not move it."""

    def __init__(self, options: BaselineOptions) -> None:
        self._options = options
        self._first: float | None = None
        self._read_seconds = 0.0
        self._paths: list[FloatArray] = []
        self.level: FloatArray | None = None

    def add(self, media_time: float, seconds: float, paths: FloatArray) -> None:
        """Take a step that was read, until the baseline stands.

        Args:
            media_time: its start, seconds.
            seconds: how long it lasts.
            paths: float64 (1+R)×8.
        """
        if self.level is not None:
            return
        self._first = media_time if self._first is None else self._first
        over = media_time - self._first >= self._options.seconds - 1e-6
        if over and self._read_seconds >= self._options.least_read_seconds - 1e-6:
            self.level = _median(np.stack(self._paths))
            self._paths.clear()
            return
        self._paths.append(paths)
        self._read_seconds += seconds


def _median(paths: FloatArray) -> FloatArray:
    """Over steps, of what is known; NaN for a path that never is."""
    known = ~np.isnan(paths).all(axis=0)
    out = np.full(paths.shape[1:], np.nan)
    out[known] = np.nanmedian(paths[:, known], axis=0)
    return out


@dataclass(frozen=True, slots=True)
class ShockStep:
    """Shock over one step.

    Attributes:
        raw: float64 1+R before clamping, or None where it is withheld.
        withheld: why, or None.
        seconds: how long the step lasts.
    """

    raw: FloatArray | None
    withheld: str | None
    seconds: float

    @property
    def score(self) -> FloatArray | None:
        """Clamped to 0–100, last of all."""
        return None if self.raw is None else np.clip(self.raw, *BOUNDS)


class Shock:
    """Shock of every path (MET1): 2.0 · Δfear + 1.5 · Δsurprise + (fear + disgust) / 2, in points.

    Δ is against the baseline and may be negative. Shares are the calibrated vote shares of the canonical emotions.

    Args:
        replicates: R.
        options: of the baseline.
        left_out: emotions that are not told; where one of them belongs to the score, there is none.
    """

    def __init__(self, replicates: int, options: BaselineOptions | None = None, left_out: Sequence[str] = ()) -> None:
        self.replicates = replicates
        self._never = missing(PARTS, left_out)
        self._baseline = Baseline(options or BaselineOptions())
        self._lengths = StepLengths()

    def update(self, step: AudienceStep) -> ShockStep:
        """Take one step, in order of media time."""
        seconds = self._lengths.of(step.snapshot)
        paths = paths_of(step, self.replicates)
        if paths is None:
            return ShockStep(None, why_withheld(step.snapshot), seconds)
        if self._never is not None:
            return ShockStep(None, self._never, seconds)
        self._baseline.add(step.snapshot.media_time, seconds, paths)
        level = self._baseline.level
        if level is None:
            return ShockStep(None, NOT_ESTABLISHED, seconds)
        change = paths - level
        raw = 2.0 * change[:, FEAR] + 1.5 * change[:, SURPRISE] + (paths[:, FEAR] + paths[:, DISGUST]) / 2
        return ShockStep(raw, None, seconds)

    @property
    def why_none(self) -> str:
        """Why a whole session has no score, where it has none."""
        return self._never or NOT_ESTABLISHED

    @property
    def baseline(self) -> FloatArray | None:
        """float64 8, points: the audience's own level, or None until it stands."""
        level = self._baseline.level
        return None if level is None else level[0].copy()
