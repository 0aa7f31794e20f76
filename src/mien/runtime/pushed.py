"""Frames that somebody pushes, encoded: the executor for whoever may not see faces (``service``, ``edge``)."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from mien.aggregation import Aggregator
from mien.core.audience import AudienceSnapshot, AudienceStep
from mien.core.errors import InputError, MediaTooLargeError, UnsupportedMediaError
from mien.core.faces import Frame, FrameReading, UInt8Array
from mien.core.policy import may_show_people
from mien.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class PushLimits:
    """What a pushed frame may be.

    Attributes:
        width_px, height_px: at most, as its header says before anything is decoded; either way up.
        size_bytes: encoded, at most.
        gap_seconds: media time without a frame that is told as a gap; after a longer one the timeline has a hole.
        latest_seconds: media time at most.
    """

    width_px: int = 854
    height_px: int = 480
    size_bytes: int = 500_000
    gap_seconds: float = 10.0
    latest_seconds: float = 86_400.0


@dataclass(frozen=True, slots=True)
class ShownFace:
    """A face as it may be shown to whoever sent the frame, and to nobody else.

    Attributes:
        box: x, y, width, height as shares of the picture, 0–1.
        label: in the session's label set, ``uncertain``, or None where the face was not read.
        confidence: 0–1, or None.
    """

    box: tuple[float, float, float, float]
    label: str | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a frame made.

    Attributes:
        snapshots: of steps that it completed, which have passed the gate.
        faces: None where the session's basis does not permit to show single people.
    """

    snapshots: tuple[AudienceSnapshot, ...]
    faces: tuple[ShownFace, ...] | None


class PushedFrames:
    """One sender's frames, in order. Calls must not overlap.

    Args:
        pipeline: fresh; it belongs to this sender.
        session_id: names the session.
        source: which of the session's cameras this is.
        limits: of each frame.
    """

    def __init__(
        self, pipeline: Pipeline, session_id: str, *, source: str = "main", limits: PushLimits | None = None
    ) -> None:
        self._pipeline, self._session_id, self._source = pipeline, session_id, source
        self._limits = limits or PushLimits()
        self._shows = may_show_people(pipeline.grant.declaration)
        self._gate: Aggregator | None = None
        self._begins = 0.0
        self._last: float | None = None
        self._index = 0

    def push_encoded(self, content: bytes, media_time: float) -> Pushed:
        """Read one frame.

        Args:
            content: a JPEG.
            media_time: seconds, after the previous frame's.

        Raises:
            UnsupportedMediaError: it is no JPEG, or damaged.
            MediaTooLargeError: it is larger than the limits; it was not decoded.
            InputError: the media time makes no sense.
        """
        self._check_time(media_time)
        image = decode_jpeg(content, self._limits)
        frame = Frame(image, self._index, media_time)
        self._index += 1
        done: list[AudienceSnapshot] = []
        if self._last is not None and media_time > self._last + self._limits.gap_seconds:
            done += self.finish()
        self._last = media_time
        reading = self._pipeline.process([frame])[0]
        if self._gate is None:
            step = self._pipeline.profile.audience.step_seconds
            self._begins = math.floor(media_time / step + 1e-6) * step if step else 0.0
            self._gate = self._pipeline.gate(self._session_id, source=self._source)
        # The gate begins at nought, wherever in the film the sender joins.
        since = FrameReading(
            reading.index,
            media_time - self._begins,
            reading.faces,
            reading.detector_ms,
            reading.classifier_ms,
        )
        done += self._passed(self._gate.add(since))
        return Pushed(tuple(done), _shown(reading, frame) if self._shows else None)

    def finish(self) -> tuple[AudienceSnapshot, ...]:
        """Close the step that is open."""
        gate, self._gate = self._gate, None
        return () if gate is None else self._passed(gate.finish())

    def _passed(self, steps: Iterable[AudienceStep]) -> tuple[AudienceSnapshot, ...]:
        found = (step.snapshot for step in steps)
        if not self._begins:
            return tuple(found)
        return tuple(s.model_copy(update={"media_time": round(s.media_time + self._begins, 6)}) for s in found)

    def _check_time(self, media_time: float) -> None:
        if not 0 <= media_time <= self._limits.latest_seconds:
            raise InputError(f"media time is 0 to {self._limits.latest_seconds:g} seconds.")
        if self._last is not None and media_time <= self._last:
            raise InputError("media time goes on from frame to frame.")


def decode_jpeg(content: bytes, limits: PushLimits) -> UInt8Array:
    """A JPEG's pixels, uint8 H×W×3 RGB; its size is read from the header and refused before anything is decoded.

    Raises:
        UnsupportedMediaError: it is no JPEG, or damaged.
        MediaTooLargeError: it is larger than the limits.
    """
    if len(content) > limits.size_bytes:
        raise MediaTooLargeError(f"a frame has at most {limits.size_bytes} bytes, not {len(content)}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("JPEG",)) as header:
                width, height = header.size
    except Image.DecompressionBombError as error:
        raise MediaTooLargeError("a frame's header tells of more pixels than any frame has.") from error
    except Exception as error:
        # Whatever a header can do wrong, it is one that cannot be read.
        raise UnsupportedMediaError("a frame is a JPEG; this one cannot be read.") from error
    most = sorted((limits.width_px, limits.height_px))
    if any(side > limit for side, limit in zip(sorted((width, height)), most, strict=True)):
        raise MediaTooLargeError(
            f"a frame has at most {limits.width_px}×{limits.height_px} pixels, not {width}×{height}: scale it down."
        )
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise UnsupportedMediaError("a frame is a JPEG; this one is damaged.") from error
    if pixels is None or pixels.shape != (height, width, 3):
        raise UnsupportedMediaError("a frame is a JPEG; this one is damaged.")
    return np.ascontiguousarray(pixels)


def _shown(reading: FrameReading, frame: Frame) -> tuple[ShownFace, ...]:
    found = []
    for face in reading.faces:
        left, top, right, bottom = (float(v) for v in face.box)
        x, y = max(0.0, left / frame.width), max(0.0, top / frame.height)
        box = (x, y, min(1.0, right / frame.width) - x, min(1.0, bottom / frame.height) - y)
        shares = (round(box[0], 4), round(box[1], 4), round(box[2], 4), round(box[3], 4))
        found.append(ShownFace(shares, face.label, None if face.confidence is None else round(face.confidence, 4)))
    return tuple(found)
