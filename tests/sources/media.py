"""Small recordings that tests make."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

TICKS = 90_000


def picture(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A dark frame whose brightness tells its number, with a bright top left corner."""
    image = np.full((height, width, 3), 20 + 5 * (number % 30), np.uint8)
    image[: height // 4, : width // 4] = 250
    return image


def write_video(
    path: Path,
    times: Sequence[float],
    *,
    height: int = 48,
    width: int = 64,
    rotation: int = 0,
    grey: bool = False,
    sound: bool = False,
) -> Path:
    """A recording with one frame at each time (seconds)."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30, options={"crf": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = width, height, "gray" if grey else "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        if rotation:
            stream.set_display_rotation(rotation)
        voice = output.add_stream("aac", rate=16000) if sound else None
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number, height, width), format="rgb24")
            frame.pts, frame.time_base = round(time * TICKS), Fraction(1, TICKS)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        if voice is not None:
            for _ in range(8):
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                silence.sample_rate = 16000
                output.mux(voice.encode(silence))
            output.mux(voice.encode())
    return path


def index_first(source: Path, target: Path) -> Path:
    """A copy of a recording's pictures whose index stands before them, so that cutting the file cuts pictures only."""
    with av.open(str(source)) as given, av.open(str(target), "w", options={"movflags": "+faststart"}) as output:
        stream = output.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    return target
