"""What an upload is told to be by its content."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from mien.core.errors import UnsupportedMediaError
from mien.core.media import AVI, HEAD_BYTES, JPEG, MATROSKA, MP4, PICTURES, PNG, QUICKTIME, VIDEOS, WEBM, WEBP, Media
from mien.service.sniffing import required

PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n"


def recording(path: Path, codec: str) -> bytes:
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path.read_bytes()


@pytest.mark.parametrize(
    ("suffix", "codec", "media"),
    [
        ("mp4", "libx264", MP4),
        ("mov", "libx264", QUICKTIME),
        ("mkv", "libx264", MATROSKA),
        ("webm", "libvpx", WEBM),
        ("avi", "mjpeg", AVI),
    ],
)
def test_real_recordings_are_known(tmp_path: Path, suffix: str, codec: str, media: Media) -> None:
    found = required(recording(tmp_path / f"a.{suffix}", codec)[:HEAD_BYTES])
    assert found == media
    with av.open(str(tmp_path / f"a.{suffix}"), format=media.demuxer) as opened:
        assert opened.streams.video


@pytest.mark.parametrize(("kind", "media"), [("JPEG", JPEG), ("PNG", PNG), ("WEBP", WEBP)])
def test_real_pictures_are_known(kind: str, media: Media) -> None:
    held = io.BytesIO()
    Image.new("RGB", (8, 8)).save(held, kind)
    assert required(held.getvalue(), PICTURES) == media
    with pytest.raises(UnsupportedMediaError, match="may be: mp4, mov, webm, mkv, avi"):
        required(held.getvalue(), VIDEOS)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (PLAYLIST, "playlist"),
        (b"\xef\xbb\xbf" + PLAYLIST, "playlist"),
        (b"ffconcat version 1.0\nfile 'a.mp4'\n", "playlist"),
        (b"<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'>", "playlist"),
        (b"hello, this is a text", "text"),
        (b"", "empty"),
        (b"\x00\x00\x00\x18ftypheic", "not known"),
        (b"\x00\x00\x00\x18ftypM4A ", "not known"),
        (b"GIF89a\x01\x00", "not known"),
        (b"RIFF\x00\x00\x00\x00WAVE", "not known"),
        (b"\x1a\x45\xdf\xa3\x84\x42\x82\x84text", "not known"),
    ],
)
def test_anything_else_is_refused_in_words(head: bytes, words: str) -> None:
    with pytest.raises(UnsupportedMediaError, match=words):
        required(head)
