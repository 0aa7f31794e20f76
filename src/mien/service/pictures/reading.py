"""Reading one file: what happens between a job and its answer, in the process that was forked for it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Final

from mien.core.errors import InputError, MediaTooLargeError, UnsupportedMediaError
from mien.core.settings import PROFILES, Profile
from mien.runtime.predict import NoFaceError, PredictLimits, predict
from mien.service.pictures.messages import Failed, PictureJob, Refused, Told
from mien.service.work.confinement import is_memory
from mien.sources import open_handle

if TYPE_CHECKING:
    from mien.pipeline import Pipeline

MOST_PIXELS: Final = 40_000_000
"""Of one picture, width × height."""
PROFILE: Final = "service"
"""Labels ``indexed7``, every fifth frame, neutral weighed by 0.7."""


def prediction_profile() -> Profile:
    """Settings that single pictures are read with."""
    return PROFILES[PROFILE]


def answer_of(handle: int, job: PictureJob, pipeline: Pipeline) -> Told | Refused | Failed:
    """What the faces in a picture or a clip show, or why that cannot be told.

    Args:
        handle: descriptor of the file, which stays open.
        job: how it is read.
        pipeline: whose networks, settings and permission are used.
    """
    limits = PredictLimits(longest_seconds=job.longest_seconds)
    changes = {"max_pixels": MOST_PIXELS, "max_total_pixels": limits.most_pixels}
    sampling = pipeline.profile.sampling.model_copy(update=changes)
    try:
        found = predict(open_handle(handle, sampling), pipeline, limits)
    except Exception as error:
        return _problem(error)
    shares = {name: min(1.0, share) for name, share in found.shares.items()}
    return Told(shares=shares, readings=found.readings, sightings=found.sightings, frames=found.frames)


def _problem(error: Exception) -> Refused | Failed:
    if is_memory(error):
        return Refused(kind="too_large", message="reading it takes more memory than it may take: scale it down.")
    message = str(error)[:1000]
    match error:
        case NoFaceError():
            return Refused(kind="nobody", message=message)
        case MediaTooLargeError():
            return Refused(kind="too_large", message=message)
        case UnsupportedMediaError():
            return Refused(kind="unsupported", message=message)
        case InputError():
            return Refused(kind="invalid", message=message)
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
    return Failed(error=type(error).__name__[:200], where=where[:1000])
