"""What every source owes; the files in ``mien/sources`` are discovered, not listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.core import plugins
from mien.core.errors import MienError
from mien.core.faces import FrameSource
from mien.core.settings import SamplingSettings
from mien.sources import open_source
from mien.sources.camera import CameraSource
from mien.sources.rtsp import RtspSource
from tests.sources.media import picture, write_video
from tests.sources.rtsp_server import RtspCamera, Script, encode

NAMES = plugins.available("sources")
FRAMES = 12

Open = Callable[[Path, SamplingSettings], FrameSource]


class _Camera:
    """A capture device that sees twelve pictures and is then unplugged."""

    def __init__(self) -> None:
        self._number = -1

    def read(self) -> tuple[bool, np.ndarray | None]:
        self._number += 1
        return (True, picture(self._number)) if self._number < FRAMES else (False, None)

    def release(self) -> None:
        """Nothing is held."""

    @property
    def now(self) -> float:
        return 0.1 * self._number


def _file(folder: Path, sampling: SamplingSettings) -> FrameSource:
    path = write_video(folder / "film.mp4", [k / 10 for k in range(FRAMES)])
    return open_source(str(path), sampling)


def _images(folder: Path, sampling: SamplingSettings) -> FrameSource:
    (folder / "pictures").mkdir(exist_ok=True)
    for number in range(FRAMES):
        cv2.imwrite(str(folder / "pictures" / f"{number:02}.png"), picture(number))
    return open_source(str(folder / "pictures"), sampling)


def _camera(folder: Path, sampling: SamplingSettings) -> FrameSource:
    device = _Camera()
    return CameraSource("0", sampling, opener=lambda name: device, clock=lambda: device.now, silence_seconds=5)


def _synthetic(folder: Path, sampling: SamplingSettings) -> FrameSource:
    images = np.random.default_rng(0).integers(0, 255, (8, 16, 16), dtype=np.uint8)
    np.savez(folder / "faces.npz", images=images, votes=np.tile(np.array([10] + [0] * 9, np.uint8), (8, 1)))
    (folder / "hall.yaml").write_text(
        "faces: faces.npz\nrows: 1\ncolumns: 2\nwidth: 320\nheight: 240\nframe_rate: 10\nduration_seconds: 1.2\n"
    )
    return open_source(f"synthetic:{folder / 'hall.yaml'}", sampling)


class _Rtsp(RtspSource):
    """A network camera that hangs up after two seconds, and goes with its source."""

    def __init__(self, sampling: SamplingSettings) -> None:
        shot = encode([picture(number) for number in range(FRAMES)], 20)
        self._camera = RtspCamera(Script((shot,), ends_after=40))
        self._camera.plug_in()
        super().__init__(self._camera.url(), sampling, silence_seconds=5)

    def close(self) -> None:
        super().close()
        self._camera.unplug()


def _rtsp(folder: Path, sampling: SamplingSettings) -> FrameSource:
    return _Rtsp(sampling)


@dataclass(frozen=True)
class Example:
    """What a test needs to know of one plug-in.

    Attributes:
        open: opens twelve frames, made in a folder of the test's.
        locator: one that is this plug-in's alone, given the folder.
        absent: one of its locators that leads nowhere.
        live: gives each frame once, and may leave some out.
    """

    open: Open
    locator: Callable[[Path], str]
    absent: str
    live: bool = False


EXAMPLES = {
    "file": Example(_file, lambda folder: str(write_video(folder / "film.mp4", [0.0, 0.1])), "absent.mp4"),
    "images": Example(_images, str, "absent.png"),
    "camera": Example(_camera, lambda folder: "camera:0", "camera:/dev/absent", live=True),
    "rtsp": Example(
        _rtsp, lambda folder: "rtsp://127.0.0.1:1/stream1", "rtsp://absent:secret@127.0.0.1:1/absent", live=True
    ),
    "synthetic": Example(_synthetic, lambda folder: "synthetic:hall.yaml", "synthetic:absent.yaml"),
}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    if found not in EXAMPLES:
        pytest.fail(f"give the new source an example here: {found!r} is not in EXAMPLES")
    return found


def test_there_are_sources() -> None:
    assert {"file", "images", "camera", "rtsp", "synthetic"} <= set(NAMES)


def test_what_is_known_before_the_first_frame(name: str, tmp_path: Path) -> None:
    source = EXAMPLES[name].open(tmp_path, SamplingSettings())
    assert source.info.kind == name
    assert source.info.name
    assert str(tmp_path) not in source.info.name
    assert source.info.demo is (name == "synthetic")
    assert (source.info.sha256 is None) is EXAMPLES[name].live
    source.close()


def test_frames_are_upright_rgb_pictures_in_order_of_time(name: str, tmp_path: Path) -> None:
    source = EXAMPLES[name].open(tmp_path, SamplingSettings())
    frames = list(source)
    assert frames
    assert len(frames) == FRAMES or EXAMPLES[name].live
    for frame in frames:
        assert frame.image.dtype == np.uint8
        assert (frame.image.ndim, frame.image.shape[2]) == (3, 3)
        assert frame.image.flags.c_contiguous
        assert frame.image.shape[:2] == (source.info.height, source.info.width) or EXAMPLES[name].live
    assert [f.index for f in frames] == sorted({f.index for f in frames})
    times = [f.media_time for f in frames]
    assert times == sorted(set(times))
    assert times[0] >= 0


def test_read_again_it_gives_the_same_frames_and_a_live_one_none(name: str, tmp_path: Path) -> None:
    source = EXAMPLES[name].open(tmp_path, SamplingSettings())
    first, second = list(source), list(source)
    if EXAMPLES[name].live:
        assert first
        assert second == []
        return
    assert [(f.index, f.media_time) for f in first] == [(f.index, f.media_time) for f in second]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
    assert source.complete


def test_closing_ends_it_and_may_be_done_twice(name: str, tmp_path: Path) -> None:
    source = EXAMPLES[name].open(tmp_path, SamplingSettings())
    frames = iter(source)
    next(frames)
    source.close()
    assert list(frames) == []
    source.close()


def test_every_nth_frame_is_every_nth_frame(name: str, tmp_path: Path) -> None:
    third = list(EXAMPLES[name].open(tmp_path, SamplingSettings(every_nth=3)))
    assert third
    if EXAMPLES[name].live:
        assert all(frame.index % 3 == 0 for frame in third)
        return
    every = list(EXAMPLES[name].open(tmp_path, SamplingSettings()))
    assert [f.media_time for f in third] == [f.media_time for f in every[::3]]
    assert [f.index for f in third] == [f.index for f in every[::3]]


def test_no_source_claims_what_is_anothers(name: str, tmp_path: Path) -> None:
    accepts = plugins.load("sources", name).accepts
    claimed = [other for other, example in EXAMPLES.items() if accepts(example.locator(tmp_path))]
    assert claimed == [name]


def test_what_does_not_exist_is_named(name: str) -> None:
    with pytest.raises(MienError, match="absent"):
        open_source(EXAMPLES[name].absent, SamplingSettings())
