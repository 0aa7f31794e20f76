"""A stretch of a recording through a pipeline, for where the screen is: the executor behind ``mien calibrate``."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from mien.core.errors import InputError
from mien.core.faces import FrameSource
from mien.core.settings import CameraSettings
from mien.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a recording, media seconds: from ``from_seconds`` until, but not including, ``to_seconds``."""

    from_seconds: float = 0.0
    to_seconds: float = float("inf")


def calibrate(source: FrameSource, pipeline: Pipeline, stretch: Stretch) -> CameraSettings:
    """The direction of the screen, from faces that look at it throughout a stretch.

    Args:
        source: closed when this returns or raises.
        pipeline: fresh; it belongs to this source.
        stretch: where the audience is known to look at the screen.

    Raises:
        InputError: the stretch holds no frame, or shows fewer people than the minimum group.
    """
    calibration = pipeline.calibration()
    frames = 0
    with contextlib.closing(source):
        for frame in source:
            if frame.media_time >= stretch.to_seconds:
                break
            if frame.media_time >= stretch.from_seconds:
                calibration.add(pipeline.process([frame])[0])
                frames += 1
    if frames == 0:
        raise InputError(
            f"{source.info.name} has no frame between {stretch.from_seconds:g} and {stretch.to_seconds:g} seconds."
        )
    return calibration.result()
