"""Small recordings made for the tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

RATE = 16_000


def tone(seconds: float, hertz: float = 440.0, rate: int = RATE) -> npt.NDArray[np.float32]:
    """A sine of half the full scale."""
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def sound_file(
    path: Path,
    sound: npt.NDArray[np.float32],
    *,
    rate: int = RATE,
    codec: str = "pcm_s16le",
    layout: str = "mono",
    start_seconds: float = 0.0,
    pictures: bool = False,
    hole: tuple[float, float] | None = None,
) -> Path:
    """A recording; with a hole, sound from its first time on is stamped as beginning at its second."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10) if pictures else None
        audio = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(audio, av.AudioStream)
        if video is not None:
            assert isinstance(video, av.VideoStream)
            video.width = video.height = 32
            video.pix_fmt = "yuv420p"
            for _ in range(10):
                picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
        size = audio.codec_context.frame_size or 1024
        channels = 2 if layout == "stereo" else 1
        for first in range(0, len(sound), size):
            part = np.tile(sound[first : first + size], (channels, 1))
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
            at = first / rate
            if hole is not None and at >= hole[0]:
                at += hole[1] - hole[0]
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = round((start_seconds + at) * rate)
            converter = av.AudioResampler(audio.codec_context.format, layout, rate)
            for made in converter.resample(frame):
                made.pts, made.time_base = frame.pts, frame.time_base
                container.mux(audio.encode(made))
        container.mux(audio.encode(None))
    return path


def silent_film(path: Path) -> Path:
    """Pictures without a sound track."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        assert isinstance(video, av.VideoStream)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        for _ in range(10):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(video.encode(None))
    return path
