"""The annotated video of one's own footage: written on explicit request only, because it shows faces.

H.264 and AAC or MP3 in MP4, which every browser plays. It holds the frames that were analysed, each at its own media
time; where sampling skips frames the video holds fewer of them, and its sound stays in step.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from mien.core.faces import Frame, FrameReading, UInt8Array
from mien.report.overlay import EmotionHistory, Overlay
from mien.report.partial import MemoryFile, PartialFile, cannot_write, whole_file

COPIED_AUDIO: Final = frozenset({"aac", "mp3"})
"""Codecs that are copied as they are; any other is encoded again as AAC."""
MAX_SIDE_PX: Final = 4096
"""Larger frames are shrunk to this: browsers decode no more."""

_TIME_BASE: Final = Fraction(1, 90_000)
_ASSUMED_FRAME_RATE: Final = 30.0
_AAC_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_AAC_BITS_PER_CHANNEL: Final = 80_000


class AnnotatedVideo:
    """Writes what the overlay draws (a ``FrameObserver``).

    The file appears under its name when :meth:`close` returns: whole after a finished run, and as far as it got
    after an interrupted one, playable in both cases. Without a frame, or after an error, there is none.

    Args:
        path: the MP4 file to write; an existing one is replaced at the end. Or a file in memory.
        source_path: the file whose sound is kept; None for a source without one.
        frame_rate: average frames per second of the source, or None when unknown; timestamps do not depend on it.
        overlay: draws the frames.
        threads: threads of the encoder. One gives the same bytes every time.

    Raises:
        OutputError: the folder cannot be written, or later the disk is full.
    """

    def __init__(
        self,
        path: Path | MemoryFile,
        source_path: Path | None,
        frame_rate: float | None,
        overlay: Overlay,
        *,
        threads: int = 1,
    ) -> None:
        file = whole_file(path)
        self.path = file.path
        self._source_path = source_path
        self._frame_rate = frame_rate or _ASSUMED_FRAME_RATE
        self._overlay = overlay
        self._threads = threads
        self._history = EmotionHistory(overlay.labels)
        self._file: PartialFile | MemoryFile | None = file
        self._published = False
        self._movie: _Movie | None = None

    def observe(self, frame: Frame, reading: FrameReading) -> None:
        """Add a frame."""
        if self._file is None:
            return
        self._history.add(reading)
        drawn = self._overlay.draw(frame.image, reading, self._history)
        with self._whole_or_nothing():
            if self._movie is None:
                self._movie = _Movie(
                    self._file.temporary, drawn.shape[:2], self._frame_rate, self._source_path, self._threads
                )
            self._movie.add(drawn, frame.media_time)

    def close(self, *, complete: bool) -> None:
        """Finish the file; ``complete`` keeps the sound to its end, otherwise it stops with the last frame."""
        if self._file is None:
            return
        if self._movie is None:
            self.discard()
            return
        with self._whole_or_nothing():
            self._movie.finish(whole_sound=complete)
        self._file.publish()
        self._file, self._movie, self._published = None, None, True

    def discard(self) -> None:
        """Remove what was written, finished or not."""
        if self._movie is not None:
            self._movie.abandon()
            self._movie = None
        if self._file is not None:
            self._file.remove()
        elif self._published:
            self.path.unlink(missing_ok=True)
        self._file, self._published = None, False

    @contextlib.contextmanager
    def _whole_or_nothing(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self.discard()
            if isinstance(error, OSError | av.FFmpegError):
                raise cannot_write(self.path, error) from error
            raise


class _Movie:
    """An MP4 being written: pictures of one size, and the source's sound beside them."""

    def __init__(
        self, path: Path, size: tuple[int, int], frame_rate: float, source_path: Path | None, threads: int
    ) -> None:
        height, width = size
        shrink = min(1.0, MAX_SIDE_PX / max(width, height))
        self._inner = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        self._size = (_even(self._inner[0]), _even(self._inner[1]))
        self._frame_ticks = max(1, round(_TIME_BASE.denominator / frame_rate))
        self._last_pts: int | None = None
        self._output = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        try:
            self._video = self._add_video(frame_rate, threads)
            self._sound = _Sound.of(source_path, self._output) if source_path is not None else None
        except BaseException:
            self.abandon()
            raise

    def add(self, image: UInt8Array, media_time: float) -> None:
        """Add a picture at ``media_time`` seconds; one that is not later than the last follows it at once."""
        pts = round(media_time * _TIME_BASE.denominator)
        if self._last_pts is not None:
            pts = max(pts, self._last_pts + 1)
            self._frame_ticks = pts - self._last_pts
        frame = av.VideoFrame.from_ndarray(self._fit(image), format="rgb24").reformat(
            format="yuv420p",
            src_color_range=ColorRange.JPEG,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        frame.pts, frame.time_base, frame.duration = pts, _TIME_BASE, self._frame_ticks
        self._last_pts = pts
        self._output.mux(self._video.encode(frame))
        if self._sound is not None:
            self._output.mux(list(self._sound.until(float(pts * _TIME_BASE))))

    def finish(self, *, whole_sound: bool) -> None:
        """Write what the encoders still hold, and the index."""
        self._output.mux(self._video.encode(None))
        if self._sound is not None:
            end = ((self._last_pts or 0) + self._frame_ticks) * _TIME_BASE
            for packet in chain(self._sound.until(math.inf if whole_sound else float(end)), self._sound.finish()):
                self._output.mux(packet)
            self._sound.close()
        self._output.close()

    def abandon(self) -> None:
        """Close without caring what becomes of the file."""
        if self._sound is not None:
            self._sound.close()
        with contextlib.suppress(OSError, ValueError, av.FFmpegError):
            self._output.close()

    def _add_video(self, frame_rate: float, threads: int) -> VideoStream:
        rate = Fraction(frame_rate).limit_denominator(100_000)
        options = {"preset": "veryfast", "crf": "20", "g": str(max(1, round(2 * frame_rate)))}
        stream = self._output.add_stream("libx264", rate=rate, options=options, time_base=_TIME_BASE)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = _TIME_BASE
        context.thread_count = threads
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU709
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        return stream

    def _fit(self, image: UInt8Array) -> UInt8Array:
        """The picture at the movie's size: shrunk or grown to fit, centred on black where its shape differs."""
        height, width = image.shape[:2]
        scale = min(self._inner[0] / width, self._inner[1] / height)
        if scale != 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
            height, width = image.shape[:2]
        right, bottom = self._inner[0] - width, self._inner[1] - height
        if right or bottom:
            edges = (bottom // 2, bottom - bottom // 2, right // 2, right - right // 2)
            image = np.asarray(cv2.copyMakeBorder(image, *edges, cv2.BORDER_CONSTANT), np.uint8)
        right, bottom = self._size[0] - self._inner[0], self._size[1] - self._inner[1]
        if right or bottom:
            image = np.asarray(cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)
        return image


class _Sound:
    """The sound of a source, as packets for another file. Damage ends it early; it never ends the video."""

    def __init__(self, source: InputContainer, track: AudioStream, output: OutputContainer) -> None:
        self._source = source
        self._track = track
        self._origin = Fraction(source.start_time or 0, av.time_base)
        self._encoder: AudioStream | None = None
        self._resampler: AudioResampler | None = None
        if track.codec_context.codec.canonical_name in COPIED_AUDIO:
            self._copy = output.add_stream_from_template(track)
        else:
            rate = min((r for r in _AAC_RATES if r >= track.rate), default=_AAC_RATES[-1])
            layout = "mono" if track.channels == 1 else "stereo"
            encoder = output.add_stream("aac", rate=rate, layout=layout)
            encoder.bit_rate = _AAC_BITS_PER_CHANNEL * (1 if layout == "mono" else 2)
            encoder.codec_context.open()
            self._resampler = AudioResampler("fltp", layout, rate, encoder.codec_context.frame_size)
            self._encoder = encoder
        self._packets = self._read()
        self._ahead: Packet[AudioStream] | None = None

    @classmethod
    def of(cls, path: Path, output: OutputContainer) -> _Sound | None:
        """The first audio track of a file; None when it has none that can be read."""
        try:
            source = av.open(str(path), options={"protocol_whitelist": "file"})
        except (OSError, av.FFmpegError):
            return None
        if source.streams.audio and source.streams.audio[0].codec_context is not None:
            with contextlib.suppress(av.FFmpegError, ValueError):
                return cls(source, source.streams.audio[0], output)
        source.close()
        return None

    def until(self, media_time: float) -> Iterator[Packet[AudioStream]]:
        """Packets that begin before ``media_time`` seconds and were not given yet."""
        while True:
            packet = self._ahead or next(self._packets, None)
            self._ahead = None
            if packet is None:
                return
            if (packet.pts or 0) * packet.time_base >= media_time:
                self._ahead = packet
                return
            yield from self._converted(packet)

    def finish(self) -> Iterator[Packet[AudioStream]]:
        """What decoder and encoder still hold."""
        if self._encoder is not None and self._resampler is not None:
            for frame in self._resampler.resample(None):
                yield from self._encoder.encode(frame)
            yield from self._encoder.encode(None)

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()

    def _read(self) -> Iterator[Packet[AudioStream]]:
        with contextlib.suppress(av.FFmpegError):
            for packet in self._source.demux(self._track):
                if packet.pts is None or packet.dts is None:
                    continue
                shift = round(self._origin / packet.time_base)
                packet.pts -= shift
                packet.dts -= shift
                yield packet

    def _converted(self, packet: Packet[AudioStream]) -> Iterator[Packet[AudioStream]]:
        if self._encoder is None or self._resampler is None:
            packet.stream = self._copy
            yield packet
            return
        with contextlib.suppress(av.error.InvalidDataError):
            for frame in self._track.decode(packet):
                for part in self._resampler.resample(frame):
                    yield from self._encoder.encode(part)


def _even(length: int) -> int:
    return length + length % 2
