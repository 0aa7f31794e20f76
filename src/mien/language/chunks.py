"""A stream of sound in stretches that a speech model takes at once, cut where it is quietest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from mien.language.audio import SAMPLE_RATE_HZ, FloatArray


@dataclass(frozen=True, slots=True)
class ChunkOptions:
    """How sound is cut.

    Attributes:
        longest_seconds: of a stretch; Whisper hears 30 at once.
        search_seconds: the cut lies in so much of a stretch's end.
        pause_seconds: width of the window whose energy is least at the cut.
    """

    longest_seconds: float = 28.0
    search_seconds: float = 10.0
    pause_seconds: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.pause_seconds < self.search_seconds < self.longest_seconds:
            raise ValueError("expected 0 < pause_seconds < search_seconds < longest_seconds")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch: where it begins in the stream, seconds, and its float32 N samples."""

    start_seconds: float
    samples: FloatArray


def chunks(pieces: Iterable[FloatArray], options: ChunkOptions | None = None) -> Iterator[Chunk]:
    """The stream in stretches, whole and in order; no more than one is held at a time.

    Args:
        pieces: float32 arrays of any length, at 16 kHz.
        options: how they are cut.
    """
    options = options or ChunkOptions()
    longest = round(options.longest_seconds * SAMPLE_RATE_HZ)
    held: list[FloatArray] = []
    length, start = 0, 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        while length >= longest:
            joined = np.concatenate(held)
            cut = _quietest(joined[:longest], options)
            yield Chunk(start / SAMPLE_RATE_HZ, joined[:cut])
            start += cut
            held, length = [joined[cut:]], len(joined) - cut
    if length:
        yield Chunk(start / SAMPLE_RATE_HZ, np.concatenate(held))


def _quietest(samples: FloatArray, options: ChunkOptions) -> int:
    """Where to cut: the middle of the window of least energy near the end; the last of equals."""
    first = len(samples) - round(options.search_seconds * SAMPLE_RATE_HZ)
    width = round(options.pause_seconds * SAMPLE_RATE_HZ)
    energy = np.concatenate([[0.0], np.cumsum(samples[first:].astype(np.float64) ** 2)])
    within = energy[width:] - energy[:-width]
    # Rounding of the running sum must not tell apart windows that are equally silent.
    quiet = np.flatnonzero(within <= within.min() + 1e-9 * max(1.0, float(energy[-1])))
    return first + int(quiet[-1]) + width // 2
