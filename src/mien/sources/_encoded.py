"""Frames of a picture or a recording whose bytes somebody sent: told by their content, never by a name or a path.

They lie in a file that is open and need not have a name: one in memory touches no disk. Only what begins as a container
that holds its own pictures comes so far, so nothing is taken for a playlist. Sizes are looked at before anything is
decoded.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from mien.core.errors import MediaTooLargeError, UnsupportedMediaError
from mien.core.faces import Frame, FrameSource, SourceInfo
from mien.core.media import HEAD_BYTES, JPEG, PNG, WEBP, Media, sniff
from mien.core.settings import SamplingSettings
from mien.pictures import is_turned, opened, upright
from mien.sources._sampling import refuse_too_large
from mien.sources.file import FileSource, Opening

NAME: Final = "the upload"
"""What it is called in messages and reports: a name that a client gives is never used."""
_PICTURES: Final = {JPEG: "JPEG", PNG: "PNG", WEBP: "WEBP"}
_CHUNK: Final = 1 << 20


def open_handle(handle: int, sampling: SamplingSettings) -> FrameSource:
    """The picture or the recording in a file that is open, and need not have a name (Linux).

    Args:
        handle: its descriptor, which stays the caller's.
        sampling: which frames to read, and the largest pictures to decode.

    Raises:
        UnsupportedMediaError: it is none that is read, or damaged.
        MediaTooLargeError: its header declares too many pixels.
    """

    def reopen() -> BinaryIO:
        return Path(f"/proc/self/fd/{handle}").open("rb")

    kind = _kind(reopen)
    return _Recording(os.dup(handle), kind, sampling) if kind.is_video else _Picture(reopen, kind, sampling)


def _kind(reopen: Callable[[], BinaryIO]) -> Media:
    with reopen() as stream:
        kind = sniff(stream.read(HEAD_BYTES))
    if kind is None:
        raise UnsupportedMediaError(
            f"{NAME} is neither a picture (JPEG, PNG, WebP) nor a recording (MP4, QuickTime, AVI, WebM) that can be "
            "read."
        )
    return kind


class _Recording:
    """Frames of a recording in an open file, which it closes."""

    def __init__(self, handle: int, kind: Media, sampling: SamplingSettings) -> None:
        self._handle = handle
        try:
            opening = Opening(NAME, kind.demuxer)
            self._source = FileSource(Path(f"/proc/self/fd/{self._handle}"), sampling, opening)
        except MediaTooLargeError:
            self.close()
            raise
        except Exception as error:
            self.close()
            raise _damaged() from error

    @property
    def info(self) -> SourceInfo:
        """What the container declares."""
        return replace(self._source.info, kind="encoded")

    @property
    def complete(self) -> bool:
        """False once iteration ended before the recording did."""
        return self._source.complete

    def __iter__(self) -> Iterator[Frame]:
        """Its frames; see :class:`~mien.sources.file.FileSource`."""
        try:
            yield from self._source
        except MediaTooLargeError:
            raise
        except Exception as error:
            raise _damaged() from error

    def close(self) -> None:
        """Let the memory go, after which it cannot be read again; ends an iteration at its next frame."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)
        if hasattr(self, "_source"):
            self._source.close()

    def __del__(self) -> None:
        self.close()


class _Picture:
    """One picture in a stream."""

    def __init__(self, reopen: Callable[[], BinaryIO], kind: Media, sampling: SamplingSettings) -> None:
        self._reopen = reopen
        self._formats = (_PICTURES[kind],)
        self._sampling = sampling
        self.complete = True
        try:
            with reopen() as stream, opened(stream, NAME, self._formats) as picture:
                refuse_too_large(NAME, *picture.size, None, sampling)
                width, height = picture.size[::-1] if is_turned(picture) else picture.size
        except MediaTooLargeError:
            raise
        except Exception as error:
            raise _damaged() from error
        self._info = SourceInfo(
            name=NAME, kind="encoded", width=width, height=height, frame_count=1, sha256=_sha256(reopen)
        )

    @property
    def info(self) -> SourceInfo:
        """What its header declares."""
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        """The picture, upright."""
        with self._reopen() as stream:
            try:
                with opened(stream, NAME, self._formats) as picture:
                    refuse_too_large(NAME, *picture.size, None, self._sampling)
                    image = upright(picture, NAME)
            except MediaTooLargeError:
                raise
            except Exception as error:
                raise _damaged() from error
        yield Frame(image, 0, 0.0)

    def close(self) -> None:
        """Nothing is held between two passes."""


def _damaged() -> UnsupportedMediaError:
    return UnsupportedMediaError(f"{NAME} cannot be decoded: it is damaged, cut short, or not what it begins as.")


def _sha256(reopen: Callable[[], BinaryIO]) -> str:
    digest = hashlib.sha256()
    with reopen() as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
