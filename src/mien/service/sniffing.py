"""What an upload is, by its first bytes alone: neither its name nor what the client calls it is asked.

Only containers that carry their pictures themselves are known. A playlist, whatever it is called, is none of them, and
a known container is later opened as that container only (``mien.sources.file``), so that nothing else can be mistaken
for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mien.core.errors import UnsupportedMediaError

HEAD_BYTES: Final = 4096
"""So many first bytes tell everything that can be told."""


@dataclass(frozen=True, slots=True)
class Media:
    """A kind of file that may be uploaded.

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
VIDEOS: Final = (MP4, QUICKTIME, WEBM, MATROSKA, AVI)
PICTURES: Final = (JPEG, PNG)

_QUICKTIME_ATOMS: Final = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_STILL_BRANDS: Final = (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1", b"avif", b"avis", b"crx ")
_SOUND_BRANDS: Final = (b"M4A ", b"M4B ", b"M4P ")
_DOC_TYPE: Final = b"\x42\x82"


def sniff(head: bytes, allowed: tuple[Media, ...] = VIDEOS) -> Media:
    """What a file is.

    Args:
        head: its first bytes, :data:`HEAD_BYTES` of them where it has so many.
        allowed: kinds that may be.

    Raises:
        UnsupportedMediaError: none of them; the message names those that may be.
    """
    found = _found(head)
    if found is None or found not in allowed:
        names = ", ".join(dict.fromkeys(media.name.rpartition(".")[2] for media in allowed))
        raise UnsupportedMediaError(f"the upload is {_described(head, found)}, and may be: {names}. Convert it.")
    return found


def _found(head: bytes) -> Media | None:
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return AVI
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


def _described(head: bytes, found: Media | None) -> str:
    if found is not None:
        return f"a {found.name.rpartition('.')[2]} file"
    if not head:
        return "empty"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith((b"#EXTM3U", b"ffconcat", b"<MPD", b"[playlist]", b"#EXTINF")):
        return "a playlist, which names files instead of holding one"
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head[:512]):
        return "a text"
    return "of a kind that is not known"
