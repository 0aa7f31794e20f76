"""One picture or short clip in, one mean distribution out: nothing is followed beyond it, and nothing is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mien.core.errors import InputError, MediaTooLargeError, UnsupportedMediaError
from mien.core.faces import FaceCrops, FrameSource
from mien.pipeline import Pipeline
from mien.runtime.analyze import RunOptions, batches

DEFAULT_LONGEST_SECONDS = 60.0


class NoFaceError(InputError):
    """Nobody was seen, or nobody could be read."""


@dataclass(frozen=True, slots=True)
class PredictLimits:
    """What is too much for one answer; headers may declare less than there is.

    Attributes:
        longest_seconds: of a clip, media time.
        most_pixels: width × height × frames decoded.
    """

    longest_seconds: float = DEFAULT_LONGEST_SECONDS
    most_pixels: float = 5e9


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the faces show, on average.

    Attributes:
        shares: mean over every reading of every face, 0–1 by label, in the label set's order; they sum to 1.
        readings: faces read, summed over frames; 1 or more.
        sightings: faces seen, summed over frames.
        frames: frames read.
    """

    shares: Mapping[str, float]
    readings: int
    sightings: int
    frames: int

    @property
    def strongest(self) -> str:
        """The label of the largest share; the first of equals."""
        return max(self.shares, key=self.shares.__getitem__)


def predict(source: FrameSource, like: Pipeline, limits: PredictLimits | None = None) -> Prediction:
    """Read a picture or a clip.

    Args:
        source: closed when this returns or raises.
        like: whose networks, settings and permission are used; it is left as it is. Its readings are not smoothed.
        limits: what is too much.

    Raises:
        NoFaceError: there is no face that can be read; the message says why.
        UnsupportedMediaError: it is damaged, be it only in part.
        MediaTooLargeError: it is longer, or holds more pixels, than the limits allow.
    """
    limits = limits or PredictLimits()
    smoothing = like.profile.smoothing.model_copy(update={"seconds": 0.0})
    profile = like.profile.model_copy(update={"smoothing": smoothing})
    pipeline = Pipeline(like.detector, like.classifier, profile, like.grant, like.head_pose, like.fallback)
    total = np.zeros(len(pipeline.labels), np.float64)
    readings = sightings = frames = 0
    unread: Counter[str] = Counter()
    try:
        _refuse_long(source.info.duration_seconds or 0.0, limits)
        for batch in batches(source, RunOptions(batch_frames=1, decode_ahead=0)):
            last = batch[-1]
            _refuse_long(last.media_time, limits)
            if (last.index + 1) * last.width * last.height > limits.most_pixels:
                raise MediaTooLargeError("the clip holds too many pixels in all: cut it, or scale it down.")
            for reading in pipeline.process(batch):
                frames += 1
                sightings += len(reading.faces)
                unread.update(face.unread.value for face in reading.faces if face.unread is not None)
                known = [face.probabilities for face in reading.faces if face.probabilities is not None]
                if known:
                    total += pipeline.labels.view(np.stack(known)).sum(axis=0, dtype=np.float64)
                    readings += len(known)
    finally:
        source.close()
    if not source.complete or not frames:
        raise UnsupportedMediaError("the clip is damaged or cut short: export it again.")
    if not readings:
        raise _nobody(sightings, unread)
    mean = total / total.sum()
    shares = dict(zip(pipeline.labels.labels, mean.tolist(), strict=True))
    return Prediction(shares, readings, sightings, frames)


def warm(pipeline: Pipeline) -> None:
    """Have the classifier run once on nothing, so that the first face does not wait for what it sets up."""
    size = pipeline.classifier.geometry.size
    pipeline.classifier.classify(FaceCrops(np.zeros((1, size, size, 3), np.uint8), np.ones(1, np.float32)))


def _refuse_long(seconds: float, limits: PredictLimits) -> None:
    if seconds > limits.longest_seconds:
        raise MediaTooLargeError(
            f"the clip is longer than {limits.longest_seconds:g} seconds: cut it, or have it analysed as a recording."
        )


def _nobody(sightings: int, unread: Counter[str]) -> NoFaceError:
    if not sightings:
        return NoFaceError("no face was found.")
    reasons = ", ".join(f"{reason.replace('_', ' ')} ({count})" for reason, count in unread.most_common())
    return NoFaceError(f"no face could be read: {reasons}.")
