"""Recordings: exact times, upright pictures, honest ends, and nothing opened that is not one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError, MediaTooLargeError, UnsupportedMediaError
from mien.core.settings import SamplingSettings
from mien.sources import open_source
from mien.sources.file import create
from tests.sources.media import index_first, write_video

ALL = SamplingSettings()


def test_media_times_are_exact_on_variable_frame_rates(tmp_path: Path) -> None:
    times = [0.0, 0.040, 0.081, 0.5, 0.533, 2.25]
    path = write_video(tmp_path / "vfr.mp4", times)
    frames = list(create(str(path), ALL))
    assert [f.media_time for f in frames] == pytest.approx(times, abs=1e-4)
    assert [f.index for f in frames] == list(range(6))


def test_pictures_are_rgb(tmp_path: Path) -> None:
    frame = next(iter(create(str(write_video(tmp_path / "a.mp4", [0.0])), ALL)))
    assert frame.image.dtype == np.uint8
    assert frame.image.shape == (48, 64, 3)
    assert frame.image[2, 2].min() > 200
    assert frame.image[-2, -2].max() < 60


@pytest.mark.parametrize(("rotation", "corner"), [(0, (2, 2)), (90, (-3, 2)), (180, (-3, -3)), (-90, (2, -3))])
def test_rotation_metadata_is_honoured(tmp_path: Path, rotation: int, corner: tuple[int, int]) -> None:
    """The bright corner of the stored picture moves with the counter-clockwise turn that shows it upright."""
    source = create(str(write_video(tmp_path / "r.mp4", [0.0, 0.1], rotation=rotation)), ALL)
    frame = next(iter(source))
    expected = (64, 48) if rotation % 180 else (48, 64)
    assert frame.image.shape[:2] == expected
    assert (source.info.height, source.info.width) == expected
    assert frame.image[corner].min() > 200


def test_grey_recordings_become_rgb(tmp_path: Path) -> None:
    frame = next(iter(create(str(write_video(tmp_path / "ir.mp4", [0.0], grey=True)), ALL)))
    assert frame.image.shape[2] == 3
    assert (frame.image[..., 0] == frame.image[..., 1]).all()


def test_every_nth(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [k / 30 for k in range(20)])
    source = create(str(path), SamplingSettings(every_nth=5))
    assert [f.index for f in source] == [0, 5, 10, 15]
    assert source.info.frame_count == 4


def test_so_many_a_second_of_media_time(tmp_path: Path) -> None:
    """The first frame of each tenth of a second, whatever the frame rate does."""
    times = [0.0, 0.01, 0.05, 0.11, 0.12, 0.35, 0.36, 0.4]
    source = create(str(write_video(tmp_path / "a.mp4", times)), SamplingSettings(sample_hz=10))
    assert [f.media_time for f in source] == pytest.approx([0.0, 0.11, 0.35, 0.4], abs=1e-4)


def test_it_can_be_read_twice(tmp_path: Path) -> None:
    source = create(str(write_video(tmp_path / "a.mp4", [k / 30 for k in range(5)])), ALL)
    first, second = list(source), list(source)
    assert all((a.image == b.image).all() for a, b in zip(first, second, strict=True))


def test_what_is_known_beforehand(tmp_path: Path) -> None:
    info = create(str(write_video(tmp_path / "a.mp4", [k / 30 for k in range(30)], sound=True)), ALL).info
    assert (info.name, info.kind, info.width, info.height) == ("a.mp4", "file", 64, 48)
    assert info.duration_seconds == pytest.approx(1.0, abs=0.1)
    assert info.frame_count == 30
    assert info.has_audio
    assert info.sha256 is not None
    assert not info.demo


def test_a_recording_cut_short_yields_what_it_has_and_says_so(shared: Path, tmp_path: Path) -> None:
    path = index_first(shared / "data" / "clips" / "single_face.mp4", tmp_path / "cut.mp4")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    source = create(str(path), ALL)
    assert 10 < len(list(source)) < 70
    assert not source.complete


def test_a_whole_recording_is_complete(shared: Path) -> None:
    for name in ("single_face.mp4", "face_noface.mov", "classroom.gif"):
        source = create(str(shared / "data" / "clips" / name), ALL)
        assert list(source)
        assert source.complete, name


@pytest.mark.parametrize(
    "content",
    [b"", b"hello, this is no film\n" * 40, b"#EXTM3U\n#EXTINF:1,\nother.mp4\n", b"\x00\x01\x02\x03" * 500],
)
def test_what_is_no_recording(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with pytest.raises(UnsupportedMediaError, match=r"film\.mp4"):
        create(str(path), ALL)


def test_a_playlist_never_opens_what_it_names(tmp_path: Path) -> None:
    write_video(tmp_path / "secret.ts", [0.0, 0.1])
    playlist = tmp_path / "film.mp4"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(UnsupportedMediaError, match="playlist"):
        open_source(str(playlist), ALL)
    concat = tmp_path / "film2.mp4"
    concat.write_text("ffconcat version 1.0\nfile secret.ts\n")
    with pytest.raises(UnsupportedMediaError, match="playlist"):
        open_source(str(concat), ALL)


def test_thirty_huge_frames_are_refused_from_the_header(tmp_path: Path) -> None:
    path = write_video(tmp_path / "bomb.mp4", [0.0], height=48, width=64)
    with pytest.raises(MediaTooLargeError, match=r"bomb\.mp4.*64×48"):
        create(str(path), SamplingSettings(max_pixels=3000))
    many = write_video(tmp_path / "many.mp4", [k / 30 for k in range(30)])
    with pytest.raises(MediaTooLargeError, match="30 pictures"):
        create(str(many), SamplingSettings(max_total_pixels=64 * 48 * 29))


def test_no_such_file() -> None:
    with pytest.raises(InputError, match=r"nowhere\.mp4"):
        open_source("nowhere.mp4", ALL)
