"""The clips that live measuring is measured on: a composed hall, and photos of crowds that move a little."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np

from mien.core.faces import UInt8Array
from mien.sources.synthetic import Hall, HallSpec

HALL: Final[dict[str, Any]] = {
    "rows": 5,
    "columns": 10,
    "width": 1280,
    "height": 720,
    "face_px": (56, 72),
    "sway_px": 3,
    "min_agreement": 0.7,
    "frame_rate": 60,
    "duration_seconds": 20,
    "moods": [
        {"at_seconds": 0, "emotion": "neutral"},
        {"at_seconds": 4, "weights": {"happiness": 3, "neutral": 2}},
        {"at_seconds": 8, "weights": {"fear": 2, "surprise": 2, "neutral": 1}},
        {"at_seconds": 12, "weights": {"sadness": 2, "neutral": 3}},
        {"at_seconds": 16, "weights": {"happiness": 1, "neutral": 1}},
    ],
    "seed": 11,
}


def encode(frames: Iterable[UInt8Array], path: Path, rate: float) -> Path:
    """H.264 of frames, as a camera would send them."""
    with av.open(str(path), "w") as output:
        stream = None
        for number, image in enumerate(frames):
            if stream is None:
                stream = output.add_stream("libx264", rate=round(rate), options={"crf": "20", "preset": "veryfast"})
                stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, round(rate))
            output.mux(stream.encode(frame))
        assert stream is not None
        output.mux(stream.encode())
    return path


def hall_clip(pictures: Any, folder: Path, name: str, **changes: Any) -> tuple[Hall, Path]:
    """A composed hall and its recording."""
    hall = Hall(HallSpec.model_validate({**HALL, **changes}), pictures)
    frames = (hall.render(k) for k in range(hall.spec.frame_count))
    return hall, encode(frames, folder / f"{name}.mp4", hall.spec.frame_rate)


def crowd_clip(shared: Path, folder: Path) -> Path:
    """The shared photos at 640×480, each for two seconds, moved a little from frame to frame."""
    pictures = []
    for file in sorted((shared / "crowd").glob("*.jpg")):
        image = cv2.imread(str(file))
        assert image is not None
        scale = min(640 / image.shape[1], 480 / image.shape[0])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:, :, ::-1]
        canvas = np.zeros((480, 640, 3), np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small
        pictures.append(canvas)
    frames = (np.roll(picture, round(2 * np.sin(k / 5)), axis=1) for picture in pictures for k in range(60))
    return encode(frames, folder / "crowd.mp4", 30)
