"""Pictures and folders of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.core.errors import MediaTooLargeError, UnsupportedMediaError
from mien.core.settings import SamplingSettings
from mien.sources.images import create

ALL = SamplingSettings()


def save(path: Path, value: int = 100, size: tuple[int, int] = (40, 30), **options: Any) -> Path:
    picture = np.full((size[1], size[0], 3), value, np.uint8)
    picture[:8, :8] = 255
    Image.fromarray(picture).save(path, **options)
    return path


def test_one_picture(tmp_path: Path) -> None:
    source = create(str(save(tmp_path / "a.png")), ALL)
    (frame,) = source
    assert frame.image.shape == (30, 40, 3)
    assert (frame.media_time, frame.index) == (0.0, 0)
    assert (source.info.width, source.info.height, source.info.duration_seconds) == (40, 30, None)


def test_a_folder_in_natural_order_one_a_second(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        save(tmp_path / f"frame{number}.png", value=number)
    (tmp_path / "notes.txt").write_text("not a picture")
    frames = list(create(str(tmp_path), ALL))
    assert [int(f.image[-1, -1, 0]) for f in frames] == [1, 9, 10]
    assert [f.media_time for f in frames] == [0.0, 1.0, 2.0]


def test_camera_orientation_is_honoured(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = create(str(save(tmp_path / "a.jpg", exif=exif, quality=95)), ALL)
    (frame,) = source
    assert frame.image.shape == (40, 30, 3)
    assert (source.info.width, source.info.height) == (30, 40)
    assert frame.image[2, -3].min() > 200


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_any_colour_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.png"
    Image.new(mode, (8, 8)).save(path)
    (frame,) = create(str(path), ALL)
    assert frame.image.shape == (8, 8, 3)


def test_sixteen_bit_infrared(tmp_path: Path) -> None:
    path = tmp_path / "ir.png"
    Image.fromarray(np.linspace(500, 4000, 64).reshape(8, 8).astype(np.uint16)).save(path)
    (frame,) = create(str(path), ALL)
    assert frame.image.min() == 0
    assert frame.image.max() == 255


def test_a_damaged_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(save(tmp_path / "b.png").read_bytes()[:60])
    with pytest.raises(UnsupportedMediaError, match=r"a\.png"):
        list(create(str(path), ALL))
    path.write_bytes(b"GIF? no")
    with pytest.raises(UnsupportedMediaError, match=r"a\.png"):
        create(str(path), ALL)


def test_a_folder_passes_over_what_is_damaged_and_says_so(tmp_path: Path) -> None:
    save(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"damaged")
    save(tmp_path / "3.png")
    source = create(str(tmp_path), ALL)
    assert [f.index for f in source] == [0, 2]
    assert not source.complete
    assert "2.png" in source.notices[0]


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedMediaError, match="no pictures"):
        create(str(tmp_path), ALL)


def test_a_picture_of_a_hundred_and_sixty_million_pixels_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (20000, 8000)).save(path)
    with pytest.raises(MediaTooLargeError, match=r"bomb\.png.*20000×8000"):
        create(str(path), ALL)


def test_the_same_pictures_have_the_same_hash(tmp_path: Path) -> None:
    save(tmp_path / "1.png")
    first = create(str(tmp_path), ALL).info.sha256
    assert create(str(tmp_path), ALL).info.sha256 == first
    save(tmp_path / "2.png")
    assert create(str(tmp_path), ALL).info.sha256 != first
