"""Frames out of packets, past damage."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from mien.decoding import decoded

FRAMES = 40


def recording(path: Path) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=10, options={"g": "1", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        noise = np.random.default_rng(1)
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(noise.integers(0, 255, (64, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def count(path: Path) -> tuple[int, int]:
    """Frames that were decoded, and how often damage was told."""
    damage: list[None] = []
    with av.open(str(path)) as container:
        found = sum(1 for _ in decoded(container, container.streams.video[0], lambda: damage.append(None)))
    return found, len(damage)


def test_every_frame_of_a_whole_recording_comes_and_no_damage_is_told(tmp_path: Path) -> None:
    assert count(recording(tmp_path / "whole.mp4")) == (FRAMES, 0)


def test_damage_in_the_middle_costs_some_frames_and_is_told(tmp_path: Path) -> None:
    path = recording(tmp_path / "damaged.mp4")
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 4000] = bytes(4000)
    path.write_bytes(raw)
    found, damage = count(path)
    assert 0 < found < FRAMES
    assert damage > 0
