"""Pictures in files are learned from as they are served: upright, none clipped, and damage told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.core.errors import UnsupportedMediaError
from mien.core.faces import UInt8Array
from mien.core.settings import SamplingSettings
from mien.evaluation.faces import load_voted_faces
from mien.evaluation.layouts import Colour, ReadOptions
from mien.preprocess import to_grey
from mien.sources.images import create

RAMP = np.tile(np.linspace(0, 1, 48), (48, 1))
SIDEWAYS = 6
"""Exif's word for a picture whose top lies right."""


def in_folders(root: Path) -> Path:
    return root / "happy" / "a.png"


def in_affectnet(root: Path) -> Path:
    head = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    (root / "training.csv").write_text(f"{head}\na.png,0,0,48,48,1;2,1,0.1,0.2")
    return root / "Manually_Annotated_Images" / "a.png"


HOMES = (in_folders, in_affectnet)
"""Read whole, and read through a box."""


def sideways(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = SIDEWAYS
    Image.fromarray((RAMP * 255).astype(np.uint8)).convert("RGB").save(path, exif=exif)


def infrared(path: Path) -> None:
    Image.fromarray((900 + RAMP * 3000).astype(np.uint16)).save(path)


def big_endian(path: Path) -> None:
    pixels = (900 + RAMP * 3000).astype(">u2")
    Image.frombytes("I;16B", (48, 48), pixels.tobytes()).save(path, format="TIFF")


def cut_short(path: Path) -> None:
    sideways(path)
    path.write_bytes(path.read_bytes()[:-40])


def broken_chunk(path: Path) -> None:
    """Pillow calls a PNG whose checksums are wrong a SyntaxError."""
    sideways(path)
    content = bytearray(path.read_bytes())
    content[30] ^= 0xFF
    path.write_bytes(content)


def learned(home: Callable[[Path], Path], write: Callable[[Path], None], root: Path, colour: Colour) -> UInt8Array:
    path = home(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path)
    image: UInt8Array = load_voted_faces(root, ReadOptions(colour=colour)).images[0]
    return image


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("write", [sideways, infrared, big_endian])
def test_a_picture_is_learned_from_as_it_is_served(
    home: Callable[[Path], Path], write: Callable[[Path], None], tmp_path: Path
) -> None:
    colour, grey = learned(home, write, tmp_path, "rgb"), learned(home, write, tmp_path, "grey")
    (frame,) = create(str(home(tmp_path)), SamplingSettings())
    assert (colour == frame.image).all()
    assert (grey == to_grey(frame.image[None])[0]).all()
    assert colour.min() == 0
    assert colour.max() == 255, "its range is whole"
    along = 0 if write is sideways else 1
    assert (np.diff(grey.astype(int), axis=along) > 0).all(), "it is upright, and no part is clipped"


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("write", [cut_short, broken_chunk])
def test_a_damaged_picture_is_named(
    home: Callable[[Path], Path], write: Callable[[Path], None], tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedMediaError, match=r"1 row cannot be used.*a\.png"):
        learned(home, write, tmp_path, "grey")
