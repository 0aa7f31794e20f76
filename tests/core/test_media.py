"""What a file is, by its first bytes."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest
from PIL import Image

from mien.core.media import HEAD_BYTES, MediaKind, sniff


@pytest.mark.parametrize(("form", "kind"), [("JPEG", MediaKind.JPEG), ("PNG", MediaKind.PNG), ("WEBP", MediaKind.WEBP)])
def test_pictures_are_known_by_their_bytes(form: str, kind: MediaKind) -> None:
    written = io.BytesIO()
    Image.new("RGB", (8, 8)).save(written, form)
    assert sniff(written.getvalue()[:HEAD_BYTES]) is kind
    assert kind.is_picture


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("mp4", MediaKind.MP4),
        ("mov", MediaKind.QUICKTIME),
        ("avi", MediaKind.AVI),
        ("matroska", MediaKind.MATROSKA),
    ],
)
def test_recordings_are_known_by_their_bytes(form: str, kind: MediaKind, tmp_path: Path) -> None:
    path = tmp_path / "misleading.jpg"
    with av.open(str(path), "w", format=form) as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        output.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        output.mux(stream.encode())
    assert sniff(path.read_bytes()[:HEAD_BYTES]) is kind
    assert not kind.is_picture


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff",
        b"#EXTM3U\nhttp://elsewhere/",
        b"<?xml version='1.0'?><MPD/>",
        b"GIF89a",
        b"RIFF\0\0\0\0WAVE",
        b"\0\0\0\x18ftypheic",
        b"\0\0\0\x18ftypavif",
        b"\0\0\0\x18ftypM4A ",
        b"PK\x03\x04",
    ],
)
def test_anything_else_is_not_read(head: bytes) -> None:
    assert sniff(head) is None
