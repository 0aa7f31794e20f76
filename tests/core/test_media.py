"""What a file is, by its first bytes; real files of every kind are in ``tests/service/test_sniffing.py``."""

from __future__ import annotations

import pytest

from mien.core.media import sniff


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
