"""Sound out of any container that PyAV (FFmpeg) reads: one channel, 16 kHz, in constant memory.

Media time counts from the container's start, as frames of its pictures do (``sources/file.py``). Sample ``i`` of the
stream is at ``i / SAMPLE_RATE_HZ`` seconds: where a track begins late or has a hole there is silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np
import numpy.typing as npt

from mien.core.errors import InputError, UnsupportedMediaError
from mien.decoding import decoded

FloatArray = npt.NDArray[np.float32]

SAMPLE_RATE_HZ: Final = 16_000
CONTAINERS: Final = (
    *("aac", "ac3", "aiff", "amr", "ape", "asf", "au", "avi", "caf", "dv", "eac3", "flac", "flv", "gif", "ivf"),
    *("m4v", "matroska", "mov", "mp3", "mpeg", "mpegts", "mxf", "nut", "ogg", "rm", "tta", "w64", "wav", "webm", "wv"),
)
"""Demuxers that are allowed: each carries its sound itself. A playlist could name other files."""
_WITHOUT_HOLES: Final = frozenset(
    ("aac", "ac3", "aiff", "amr", "ape", "au", "caf", "eac3", "flac", "mp3", "tta", "w64", "wav", "wv")
)
"""Demuxers of files that are one stretch of sound: where their times jump, or a frame has none, something is lost."""
_TOLERANCE_SECONDS: Final = 0.1
"""Timestamps that differ less from the count of samples are rounding, not holes."""
_MISSING_SHARE: Final = 0.02
_MISSING_SECONDS: Final = 0.5
"""A track that ends this much, and that share of it, before its declared end counts as cut short."""
_LONGEST_HOLE_SECONDS: Final = 6 * 3600.0
_SILENCE_PIECE: Final = SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a container declares of its sound.

    Attributes:
        name: of the file.
        has_audio: whether it has a sound track. None is a normal case.
        duration_seconds: of the container, or None where it does not say.
    """

    name: str
    has_audio: bool
    duration_seconds: float | None


class AudioFile:
    """The sound of one recording.

    Args:
        path: the file.

    Attributes:
        info: what the container declares.
        complete: False once an iteration met damage; what could be decoded was yielded.

    Raises:
        InputError: it cannot be opened.
        UnsupportedMediaError: it is no recording.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.complete = True
        with closing(_open(path)) as container:
            duration = container.duration
            self._declared_seconds = _declared(container)
            self.info = AudioInfo(
                path.name, bool(container.streams.audio), None if duration is None else duration / av.time_base
            )

    def __iter__(self) -> Iterator[FloatArray]:
        """Pieces of the sound, float32 N in −1–1, one after another without a hole; none where there is no track."""
        self.complete = True
        if not self.info.has_audio:
            return
        with closing(_open(self._path)) as container:
            start = (container.start_time or 0) / av.time_base
            resampler: av.AudioResampler | None = None
            shape: object = None
            there = 0.0  # seconds of sound so far, counted in samples of the input
            whole = container.format.name in _WITHOUT_HOLES
            for frame in self._decoded(container):
                at = there if frame.time is None else float(frame.time) - start
                if whole and resampler is not None and (frame.time is None or at - there > _TOLERANCE_SECONDS):
                    self.complete = False
                if at - there > _LONGEST_HOLE_SECONDS:
                    self.complete = False
                    return
                found = (frame.format.name, frame.layout.name, frame.sample_rate)
                if resampler is None or found != shape or at - there > _TOLERANCE_SECONDS:
                    if resampler is not None:
                        yield from _samples(resampler, None)
                    resampler, shape = av.AudioResampler("s16", "mono", SAMPLE_RATE_HZ), found
                    if at - there > _TOLERANCE_SECONDS:
                        yield from _silence(at - there)
                        there = at
                length = frame.samples / frame.sample_rate
                if there - at > _TOLERANCE_SECONDS:
                    continue  # it was heard before
                there += length
                frame.pts = None
                yield from _samples(resampler, frame)
            if resampler is not None:
                yield from _samples(resampler, None)
            if there < (1 - _MISSING_SHARE) * self._declared_seconds - _MISSING_SECONDS:
                self.complete = False

    def _decoded(self, container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
        for frame in decoded(container, container.streams.audio[0], self._is_damaged):
            if isinstance(frame, av.AudioFrame) and frame.samples:
                yield frame

    def _is_damaged(self) -> None:
        self.complete = False


def _declared(container: av.container.InputContainer) -> float:
    """Seconds from the container's start to the end of its sound, as its header says; 0 where it does not."""
    track = container.streams.audio[0] if container.streams.audio else None
    if track is None or track.duration is None or track.time_base is None:
        return 0.0
    ends = float(((track.start_time or 0) + track.duration) * track.time_base)
    return ends - (container.start_time or 0) / av.time_base


def _samples(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> Iterator[FloatArray]:
    for made in resampler.resample(frame):
        # In whole numbers: mixed down as floats, two channels would add up beyond the scale.
        samples = np.asarray(made.to_ndarray()).reshape(-1)
        if len(samples):
            yield samples.astype(np.float32) / np.float32(32768)


def _silence(seconds: float) -> Iterator[FloatArray]:
    left = round(seconds * SAMPLE_RATE_HZ)
    while left > 0:
        yield np.zeros(min(left, _SILENCE_PIECE), np.float32)
        left -= _SILENCE_PIECE


def _open(path: Path) -> av.container.InputContainer:
    try:
        return av.open(str(path), options={"protocol_whitelist": "file", "format_whitelist": ",".join(CONTAINERS)})
    except FileNotFoundError as error:
        raise InputError(f"cannot open {path}: there is no such file. Check the path.") from error
    except PermissionError as error:
        raise InputError(f"cannot open {path}: permission denied. Check who may read it.") from error
    except (OSError, av.FFmpegError) as error:
        raise UnsupportedMediaError(
            f"{path} is not a recording that can be read: {getattr(error, 'strerror', None) or error}. It may be "
            "damaged, cut short before its index, or of no kind that carries its sound itself."
        ) from error
