"""Frames of a picture or a recording whose bytes somebody sent: told by their content, never by a name or a path.

A recording is opened as the container that its first bytes say it is, so that no demuxer is asked that could follow a
playlist, and may open nothing besides. Its sizes are looked at before anything is decoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

import av
import av.container

from mien.core.errors import MienError, UnsupportedMediaError
from mien.core.faces import Frame, FrameSource, SourceInfo
from mien.core.media import HEAD_BYTES, MediaKind, sniff
from mien.core.settings import SamplingSettings
from mien.sources._pictures import is_turned, opened, upright
from mien.sources._recording import Recording, reason
from mien.sources._sampling import refuse_too_large

NAME: Final = "the upload"
"""What it is called in messages and reports: a name that a client gives is never used."""
_DEMUXERS: Final = {
    MediaKind.MP4: "mov",
    MediaKind.QUICKTIME: "mov",
    MediaKind.AVI: "avi",
    MediaKind.MATROSKA: "matroska",
}
_PICTURES: Final = {MediaKind.JPEG: "JPEG", MediaKind.PNG: "PNG", MediaKind.WEBP: "WEBP"}
_CHUNK: Final = 1 << 20


def open_encoded(reopen: Callable[[], BinaryIO], sampling: SamplingSettings) -> FrameSource:
    """The picture or the recording in a stream of bytes.

    Args:
        reopen: gives a stream that can seek, at its start; asked again for each pass.
        sampling: which frames to read, and the largest pictures to decode.

    Raises:
        UnsupportedMediaError: it is none that is read, or damaged.
        MediaTooLargeError: its header declares too many pixels.
    """
    with reopen() as stream:
        kind = sniff(stream.read(HEAD_BYTES))
    if kind is None:
        raise UnsupportedMediaError(
            f"{NAME} is neither a picture (JPEG, PNG, WebP) nor a recording (MP4, QuickTime, AVI, WebM) that can be "
            "read."
        )
    try:
        return _Picture(reopen, kind, sampling) if kind.is_picture else _Encoded(reopen, kind, sampling)
    except MienError:
        raise
    except Exception as error:
        raise _damaged(error) from error


class _Encoded(Recording):
    """Frames of a recording in a stream."""

    kind = "encoded"

    def __init__(self, reopen: Callable[[], BinaryIO], kind: MediaKind, sampling: SamplingSettings) -> None:
        self._reopen = reopen
        self._demuxer = _DEMUXERS[kind]
        super().__init__(NAME, NAME, sampling)

    def __iter__(self) -> Iterator[Frame]:
        try:
            yield from super().__iter__()
        except MienError:
            raise
        except Exception as error:
            raise _damaged(error) from error

    def _container(self) -> av.container.InputContainer:
        try:
            # The list of protocols that it may open besides is one that holds none.
            return av.open(
                self._reopen(), mode="r", format=self._demuxer, options={"protocol_whitelist": "none"}
            )
        except (OSError, av.FFmpegError) as error:
            raise _damaged(error) from error

    def _sha256(self) -> str:
        return _sha256(self._reopen)


class _Picture:
    """One picture in a stream."""

    def __init__(self, reopen: Callable[[], BinaryIO], kind: MediaKind, sampling: SamplingSettings) -> None:
        self._reopen = reopen
        self._formats = (_PICTURES[kind],)
        self._sampling = sampling
        self.complete = True
        with reopen() as stream, opened(stream, NAME, self._formats) as picture:
            refuse_too_large(NAME, *picture.size, None, sampling)
            width, height = picture.size[::-1] if is_turned(picture) else picture.size
        self._info = SourceInfo(
            name=NAME, kind="encoded", width=width, height=height, frame_count=1, sha256=_sha256(reopen)
        )

    @property
    def info(self) -> SourceInfo:
        """What its header declares."""
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        """The picture, upright."""
        with self._reopen() as stream, opened(stream, NAME, self._formats) as picture:
            refuse_too_large(NAME, *picture.size, None, self._sampling)
            try:
                image = upright(picture, NAME)
            except MienError:
                raise
            except Exception as error:
                raise _damaged(error) from error
        yield Frame(image, 0, 0.0)

    def close(self) -> None:
        """Nothing is held between two passes."""


def _damaged(error: Exception) -> UnsupportedMediaError:
    return UnsupportedMediaError(f"{NAME} cannot be decoded: {reason(error)}. It may be damaged or cut short.")


def _sha256(reopen: Callable[[], BinaryIO]) -> str:
    digest = hashlib.sha256()
    with reopen() as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
