"""What an upload may be, and what is told of one that may not."""

from __future__ import annotations

from mien.core.errors import UnsupportedMediaError
from mien.core.media import VIDEOS, Media, sniff


def required(head: bytes, allowed: tuple[Media, ...] = VIDEOS) -> Media:
    """What a file is, by its content.

    Args:
        head: its first bytes, :data:`mien.core.media.HEAD_BYTES` of them where it has so many.
        allowed: kinds that may be.

    Raises:
        UnsupportedMediaError: none of them; the message names those that may be.
    """
    found = sniff(head)
    if found is None or found not in allowed:
        names = ", ".join(dict.fromkeys(media.name.rpartition(".")[2] for media in allowed))
        raise UnsupportedMediaError(f"the upload is {_described(head, found)}, and may be: {names}. Convert it.")
    return found


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
