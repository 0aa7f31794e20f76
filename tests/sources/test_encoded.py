"""Pictures and recordings whose bytes somebody sent."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mien.core.errors import InputError, MediaTooLargeError, UnsupportedMediaError
from mien.core.faces import Frame, FrameSource
from mien.core.settings import SamplingSettings
from mien.sources import open_handle, open_source
from tests.sources.media import write_video
from tests.uploads import Uploads

ALL = SamplingSettings()


Opened = Callable[..., FrameSource]


@pytest.fixture
def opened(uploads: Uploads) -> Opened:
    return lambda content, sampling=ALL: uploads.source(content, sampling)


def png(width: int = 40, height: int = 30, form: str = "PNG") -> bytes:
    written = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(written, form)
    return written.getvalue()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_video(path, [k / 10 for k in range(12)]).read_bytes()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_one_frame(form: str, opened: Opened) -> None:
    source = opened(png(form=form))
    (frame,) = source
    assert frame.image.shape == (30, 40, 3)
    assert (source.info.width, source.info.height, source.complete) == (40, 30, True)


def test_a_recording_tells_what_it_tells_as_a_file(clip: bytes, tmp_path: Path, opened: Opened) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip)
    from_file, from_bytes = open_source(str(path), ALL), opened(clip)
    assert from_bytes.info.sha256 == from_file.info.sha256
    pairs: list[tuple[Frame, Frame]] = list(zip(from_file, from_bytes, strict=True))
    assert len(pairs) == 12
    for one, other in pairs:
        assert one.media_time == other.media_time
        assert np.array_equal(one.image, other.image)


def test_it_can_be_read_again(clip: bytes, opened: Opened) -> None:
    source = opened(clip)
    assert [f.index for f in source] == [f.index for f in source]


def test_a_picture_too_large_is_refused_by_its_header(opened: Opened) -> None:
    with pytest.raises(MediaTooLargeError):
        opened(png(200, 200), SamplingSettings(max_pixels=39_999))


def test_a_recording_too_large_is_refused_by_its_header(clip: bytes, opened: Opened) -> None:
    with pytest.raises(MediaTooLargeError):
        opened(clip, SamplingSettings(max_pixels=1000))
    with pytest.raises(MediaTooLargeError):
        opened(clip, SamplingSettings(max_total_pixels=48 * 64 * 11))


@pytest.mark.parametrize("content", [b"", b"hello", b"#EXTM3U\nfile:///etc/passwd\n", b"GIF89a" + bytes(40)])
def test_what_is_neither_is_refused(content: bytes, opened: Opened) -> None:
    with pytest.raises(UnsupportedMediaError, match="neither"):
        opened(content)


def test_a_playlist_in_the_clothes_of_a_recording_opens_nothing(tmp_path: Path, clip: bytes, opened: Opened) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(clip)
    playlist = b"\0\0\0\x18ftypisom\n#EXTM3U\n#EXTINF:1,\n" + str(secret).encode()
    with pytest.raises(UnsupportedMediaError):
        list(opened(playlist))


def test_a_cut_picture_is_damaged(opened: Opened) -> None:
    whole = png(400, 300, "JPEG")
    with pytest.raises(UnsupportedMediaError):
        list(opened(whole[: len(whole) // 2]))


def test_a_cut_recording_is_refused_or_not_complete(clip: bytes, opened: Opened) -> None:
    with pytest.raises(UnsupportedMediaError):
        opened(clip[: len(clip) // 2])


def test_messages_name_no_file_of_the_client(clip: bytes, opened: Opened) -> None:
    with pytest.raises(UnsupportedMediaError) as caught:
        opened(clip[:100])
    assert "the upload" in str(caught.value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_anywhere_is_an_answer_never_an_accident(clip: bytes, data: st.DataObject, opened: Opened) -> None:
    content = bytearray(data.draw(st.sampled_from([clip, png(), png(form="JPEG"), png(form="WEBP")])))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        for frame in opened(bytes(content[:cut]), SamplingSettings(max_pixels=1_000_000, max_total_pixels=1e8)):
            assert frame.image.ndim == 3
    except InputError:
        pass


@pytest.mark.parametrize("kind", ["picture", "clip"])
def test_the_file_stays_open_for_whoever_opened_it(kind: str, clip: bytes, uploads: Uploads) -> None:
    handle = uploads.handle(clip if kind == "clip" else png())
    source = open_handle(handle, ALL)
    assert list(source)
    source.close()
    assert os.lseek(handle, 0, os.SEEK_SET) == 0
