"""Single pictures, and folders of them in natural order of their names.

Pictures have no time of their own: a folder plays at one picture a second. The size is read from the header, and
a picture too large is refused before it is decoded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mien.core.errors import MediaTooLargeError, UnsupportedMediaError
from mien.core.faces import Frame, SourceInfo, UInt8Array
from mien.core.settings import SamplingSettings
from mien.pictures import is_turned, opened, upright
from mien.sources._sampling import Sampler, expected_frames, refuse_too_large

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
PICTURES_PER_SECOND: Final = 1.0


def accepts(locator: str) -> bool:
    """A folder, or a file whose name ends like a picture's."""
    path = Path(locator)
    return path.is_dir() or (path.is_file() and path.suffix.lower() in SUFFIXES)


def create(locator: str, sampling: SamplingSettings) -> ImagesSource:
    """The picture or the folder of pictures at a path."""
    return ImagesSource(Path(locator), sampling)


class ImagesSource:
    """One picture, or those of a folder.

    Args:
        path: a picture or a folder.
        sampling: which pictures to read, and the largest to decode.

    Raises:
        UnsupportedMediaError: the picture is damaged, or the folder holds none.
        MediaTooLargeError: a picture's header declares too many pixels.
    """

    def __init__(self, path: Path, sampling: SamplingSettings) -> None:
        self._sampling = sampling
        self._paths = _pictures(path)
        self._alone = not path.is_dir()
        self._closed = False
        self.complete = True
        self.notices: list[str] = []
        size: tuple[int, int] | None = None
        for picture in self._paths:
            size = size or self._header(picture)
        many = len(self._paths) > 1
        duration = len(self._paths) / PICTURES_PER_SECOND if many else None
        self._info = SourceInfo(
            name=path.name,
            kind="images",
            width=size[0] if size else None,
            height=size[1] if size else None,
            duration_seconds=duration,
            frame_rate=PICTURES_PER_SECOND if many else None,
            frame_count=expected_frames(len(self._paths), duration, sampling),
            sha256=_sha256(self._paths),
        )

    @property
    def info(self) -> SourceInfo:
        """What is known of the pictures."""
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        """The pictures, upright. One of a folder that cannot be read is passed over, and ``complete`` is False."""
        self.complete, self.notices = True, []
        self._closed = False
        sampler = Sampler(self._sampling)
        for index, path in enumerate(self._paths):
            media_time = index / PICTURES_PER_SECOND
            if not sampler.wants(index, media_time):
                continue
            try:
                image = self._read(path)
            except (UnsupportedMediaError, MediaTooLargeError) as error:
                if self._alone:
                    raise
                self.complete = False
                self.notices.append(str(error))
                continue
            yield Frame(image, index, media_time)
            if self._closed:
                return

    def close(self) -> None:
        """End an iteration that is under way."""
        self._closed = True

    def _header(self, path: Path) -> tuple[int, int] | None:
        """Width and height when upright, without decoding; None for a folder's damaged or oversized picture."""
        try:
            with opened(path, str(path)) as picture:
                refuse_too_large(path.name, *picture.size, None, self._sampling)
                return picture.size[::-1] if is_turned(picture) else picture.size
        except (UnsupportedMediaError, MediaTooLargeError):
            if self._alone:
                raise
            return None

    def _read(self, path: Path) -> UInt8Array:
        with opened(path, str(path)) as picture:
            refuse_too_large(path.name, *picture.size, None, self._sampling)
            return upright(picture, str(path))


def _pictures(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted((p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()), key=_natural)
    if not found:
        raise UnsupportedMediaError(f"the folder {path} holds no pictures ({', '.join(sorted(SUFFIXES))}).")
    return found


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sorts ``frame2`` before ``frame10``."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _sha256(paths: list[Path]) -> str:
    """Of a single picture its bytes' hash; of several the hash over names and contents in order."""
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        if len(paths) > 1:
            content = path.name.encode() + b"\0" + hashlib.sha256(content).digest()
        digest.update(content)
    return digest.hexdigest()
