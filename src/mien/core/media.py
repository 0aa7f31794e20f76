"""What a file is, told by its first bytes: neither its name nor what a client says about it counts.

Only containers that carry their pictures themselves are known. A playlist, whatever it is called, is none of them, and
a known container is opened as that container only (``mien.sources.file``), so that nothing else can be mistaken for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 4096
"""As many of a file's first bytes tell what it is."""


@dataclass(frozen=True, slots=True)
class Media:
    """A kind of file that is read.

    Attributes:
        name: what it is called, ``recording.mp4``: a report names it so.
        media_type: as ``video/mp4``.
        demuxer: of FFmpeg, which is given no choice; None for a picture.
    """

    name: str
    media_type: str
    demuxer: str | None

    @property
    def is_video(self) -> bool:
        """Whether it has a time line; otherwise it is one picture."""
        return self.demuxer is not None


MP4: Final = Media("recording.mp4", "video/mp4", "mov")
QUICKTIME: Final = Media("recording.mov", "video/quicktime", "mov")
MATROSKA: Final = Media("recording.mkv", "video/x-matroska", "matroska")
WEBM: Final = Media("recording.webm", "video/webm", "matroska")
AVI: Final = Media("recording.avi", "video/x-msvideo", "avi")
JPEG: Final = Media("picture.jpg", "image/jpeg", None)
PNG: Final = Media("picture.png", "image/png", None)
WEBP: Final = Media("picture.webp", "image/webp", None)
VIDEOS: Final = (MP4, QUICKTIME, WEBM, MATROSKA, AVI)
PICTURES: Final = (JPEG, PNG, WEBP)

_QUICKTIME_ATOMS: Final = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""What a QuickTime file from before the ``ftyp`` atom may begin with."""
_STILL_BRANDS: Final = (
    *(b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis", b"crx "),
)
"""Brands of pictures in the container of mp4."""
_SOUND_BRANDS: Final = (b"M4A ", b"M4B ", b"M4P ")
_DOC_TYPE: Final = b"\x42\x82"


def sniff(head: bytes) -> Media | None:
    """The kind of a file, or None where it is none that is read.

    Args:
        head: its first :data:`HEAD_BYTES` bytes, or all of a shorter file.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"RIFF"):
        return {b"WEBP": WEBP, b"AVI ": AVI}.get(head[8:12])
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return _matroska(head)
    atom = head[4:8]
    if atom == b"ftyp":
        brand = head[8:12]
        if brand in _STILL_BRANDS or brand in _SOUND_BRANDS:
            return None
        return QUICKTIME if brand == b"qt  " else MP4
    return QUICKTIME if atom in _QUICKTIME_ATOMS and int.from_bytes(head[:4], "big") != 0 else None


def _matroska(head: bytes) -> Media | None:
    """By the document type in the EBML header, an element of id 0x4282 and a length of one byte."""
    place = head.find(_DOC_TYPE, 4, 80)
    if place < 0 or len(head) < place + 3:
        return None
    length = head[place + 2] & 0x7F
    name = head[place + 3 : place + 3 + length].rstrip(b"\0")
    return {b"webm": WEBM, b"matroska": MATROSKA}.get(name)
