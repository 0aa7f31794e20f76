"""Recordings: any container that PyAV (FFmpeg) reads, one frame in memory at a time.

Media time counts from the container's start, as a player shows it, from exact timestamps; rotation metadata is
honoured. Only a container that holds its own pictures is opened: a playlist could name other files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np

from mien.core.errors import InputError, MediaTooLargeError, UnsupportedMediaError
from mien.core.faces import Frame, SourceInfo, UInt8Array
from mien.core.settings import SamplingSettings
from mien.decoding import decoded
from mien.sources._sampling import Sampler, expected_frames, refuse_too_large

CONTAINERS: Final = frozenset(
    (
        "apng", "asf", "avi", "dv", "flv", "gif", "h264", "hevc", "ivf", "m4v", "matroska", "mjpeg", "mov", "mp4",
        "mpeg", "mpegts", "mpegvideo", "mxf", "nut", "obu", "ogg", "rm", "swf", "webm", "yuv4mpegpipe",
    )
)  # fmt: skip
"""Demuxers that are allowed: each carries its pictures itself."""
_HASH_CHUNK = 1 << 20
_MISSING_SHARE = 0.02
"""A recording that yields fewer of its declared frames than this share short counts as truncated."""


def accepts(locator: str) -> bool:
    """Any existing file."""
    return Path(locator).is_file()


def create(locator: str, sampling: SamplingSettings) -> FileSource:
    """The recording at a path."""
    return FileSource(Path(locator), sampling)


@dataclass(frozen=True, slots=True)
class Opening:
    """How a file is opened whose name tells nothing.

    Attributes:
        name: what messages and reports call it.
        demuxer: FFmpeg's, which is given no choice; None lets the content decide.
    """

    name: str
    demuxer: str | None = None


class FileSource:
    """Frames of one recording.

    Args:
        path: the file.
        sampling: which frames to read, and the largest pictures to decode.
        opening: what it is called and opened as, where that is not to be told from the path and the content.

    Raises:
        InputError: it cannot be opened.
        UnsupportedMediaError: it holds no moving pictures.
        MediaTooLargeError: its header declares too many pixels.
    """

    def __init__(self, path: Path, sampling: SamplingSettings, opening: Opening | None = None) -> None:
        self._path = path
        self._sampling = sampling
        self._demuxer = opening.demuxer if opening else None
        self._told = Path(opening.name) if opening else path
        self._closed = False
        self.complete = True
        _refuse_text(path, self._told)
        with closing(self._opened()) as container:
            video = self._video_stream(container)
            duration = _duration(container, video)
            frames = video.frames or _frames_of(duration, video)
            refuse_too_large(self._told.name, video.width, video.height, frames, sampling)
            first = _first_frame(container, video, self._told)
            turned = _quarter_turns(first) % 2 == 1
            self._frames = video.frames or None
            self._info = SourceInfo(
                name=self._told.name,
                kind="file",
                width=first.height if turned else first.width,
                height=first.width if turned else first.height,
                duration_seconds=duration,
                frame_rate=float(video.average_rate) if video.average_rate else None,
                frame_count=expected_frames(self._frames, duration, sampling),
                sha256=_sha256(path),
                has_audio=bool(container.streams.audio),
            )

    @property
    def info(self) -> SourceInfo:
        """What the container declares."""
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        """Frames in order of media time.

        Damage ends or thins the frames and sets ``complete`` to False; what could be decoded is yielded.
        """
        self.complete, self._closed = True, False
        sampler = Sampler(self._sampling)
        index, latest = -1, 0.0
        pixels = 0
        with closing(self._opened()) as container:
            start = (container.start_time or 0) / av.time_base
            for frame in self._decoded(container):
                index += 1
                pixels += frame.width * frame.height
                if pixels > self._sampling.max_total_pixels:
                    raise MediaTooLargeError(
                        f"{self._told.name} holds more pictures than it may: {self._sampling.max_total_pixels:.0e} "
                        "pixels in all were decoded. Cut or scale it first."
                    )
                latest = max(latest, self._time(frame, index) - start)
                if sampler.wants(index, latest):
                    yield Frame(self._upright(frame), index, latest)
                if self._closed:
                    return
        if self._frames is not None and index + 1 < self._frames * (1 - _MISSING_SHARE) - 1:
            self.complete = False

    def close(self) -> None:
        """End an iteration that is under way at its next frame."""
        self._closed = True

    def _decoded(self, container: av.container.InputContainer) -> Iterator[av.VideoFrame]:
        for frame in decoded(container, self._video_stream(container), self._is_damaged):
            if isinstance(frame, av.VideoFrame):
                yield frame

    def _is_damaged(self) -> None:
        self.complete = False

    def _time(self, frame: av.VideoFrame, index: int) -> float:
        if frame.time is not None:
            return float(frame.time)
        return index / (self._info.frame_rate or 25.0)

    def _upright(self, frame: av.VideoFrame) -> UInt8Array:
        refuse_too_large(self._told.name, frame.width, frame.height, None, self._sampling)
        image = frame.to_ndarray(format="rgb24", threads=1)
        turns = _quarter_turns(frame)
        return np.ascontiguousarray(np.rot90(image, turns) if turns else image, np.uint8)

    def _video_stream(self, container: av.container.InputContainer) -> av.VideoStream:
        # An attached picture (the cover of a song) is a stream with one frame and no rate.
        moving = [s for s in container.streams.video if "attached_pic" not in str(s.disposition)]
        if not moving:
            kind = "only sound" if container.streams.audio else "no pictures"
            raise UnsupportedMediaError(f"{self._told} holds {kind}. Choose a recording that shows the audience.")
        video = moving[0]
        # One thread costs the least CPU time for pictures of the sizes a detector needs.
        video.codec_context.thread_count = 1
        # What the pictures themselves declare may exceed what their container does.
        video.codec_context.options = {"max_pixels": str(self._sampling.max_pixels)}
        return video

    def _opened(self) -> av.container.InputContainer:
        return _open(self._path, self._demuxer, self._told)


def _open(path: Path, demuxer: str | None, told: Path) -> av.container.InputContainer:
    try:
        container = av.open(str(path), format=demuxer, options={"protocol_whitelist": "file"})
    except (OSError, av.FFmpegError) as error:
        if isinstance(error, PermissionError):
            raise InputError(f"cannot open {told}: permission denied. Check who may read it.") from error
        raise UnsupportedMediaError(
            f"{told} is not a recording that can be read: {_reason(error)}. It may be damaged, cut short before its "
            "index, or not a video; try to play or re-encode it."
        ) from error
    if not CONTAINERS & set(container.format.name.split(",")):
        container.close()
        raise UnsupportedMediaError(
            f"{told} is of kind '{container.format.name}', which is no self-contained recording. Convert it to mp4."
        )
    return container


def _first_frame(container: av.container.InputContainer, video: av.VideoStream, path: Path) -> av.VideoFrame:
    try:
        for frame in container.decode(video):
            return frame
    except av.FFmpegError as error:
        raise UnsupportedMediaError(f"no picture of {path} can be decoded: {_reason(error)}. Re-encode it.") from error
    raise UnsupportedMediaError(f"{path} holds no frame at all. It may have been cut short; record it again.")


def _duration(container: av.container.InputContainer, video: av.VideoStream) -> float | None:
    if video.duration is not None and video.time_base is not None:
        return float(video.duration * video.time_base)
    return container.duration / av.time_base if container.duration is not None else None


def _frames_of(duration: float | None, video: av.VideoStream) -> int | None:
    """How many frames a container declares that counts none, by its length and rate."""
    return round(duration * float(video.average_rate)) if duration and video.average_rate else None


def _quarter_turns(frame: av.VideoFrame) -> int:
    """Counter-clockwise quarter turns that set the picture upright."""
    return round(frame.rotation / 90) % 4


def _refuse_text(path: Path, told: Path) -> None:
    """Refuse playlists and other texts by their content, before FFmpeg could follow what they name."""
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise InputError(f"cannot open {told}: {error.strerror}.") from error
    if not head:
        raise UnsupportedMediaError(f"{told} is empty. Copy or record it again.")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"#EXTM3U", b"ffconcat", b"<MPD", b"<?xml", b"[playlist]")):
        raise UnsupportedMediaError(f"{told} is a playlist, not a recording. Give the recording it names.")
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head) and not head.startswith(b"YUV4MPEG2"):
        raise UnsupportedMediaError(f"{told} is a text, not a recording. Give the recording itself.")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
