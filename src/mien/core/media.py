"""What a file is, told by its first bytes: neither its name nor what a client says about it counts."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

HEAD_BYTES: Final = 64
"""As many of a file's first bytes tell what it is."""

_QUICKTIME_ATOMS: Final = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""What a QuickTime file from before the ``ftyp`` atom may begin with."""
_PICTURE_BRANDS: Final = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")
"""Brands of pictures in the container of mp4."""
_SOUND_BRANDS: Final = (b"M4A ", b"M4B ", b"M4P ")


class MediaKind(StrEnum):
    """Kinds of files that are read; the value is the media type."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    MP4 = "video/mp4"
    QUICKTIME = "video/quicktime"
    AVI = "video/x-msvideo"
    MATROSKA = "video/x-matroska"
    """WebM too."""

    @property
    def is_picture(self) -> bool:
        """Whether it is a single picture; otherwise it is a recording."""
        return self.value.startswith("image/")


def sniff(head: bytes) -> MediaKind | None:
    """The kind of a file, or None where it is none that is read.

    Args:
        head: its first :data:`HEAD_BYTES` bytes, or all of a shorter file.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return MediaKind.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return MediaKind.PNG
    if head.startswith(b"\x1aE\xdf\xa3"):
        return MediaKind.MATROSKA
    if head.startswith(b"RIFF"):
        return {b"WEBP": MediaKind.WEBP, b"AVI ": MediaKind.AVI}.get(head[8:12])
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in _PICTURE_BRANDS or brand in _SOUND_BRANDS:
            return None
        return MediaKind.QUICKTIME if brand == b"qt  " else MediaKind.MP4
    return MediaKind.QUICKTIME if head[4:8] in _QUICKTIME_ATOMS else None
