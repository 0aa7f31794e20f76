"""FER+ as it is published (Barsoum et al., 2016): ten annotators' votes beside FER2013's pictures.

Three forms: ``fer2013new.csv`` with FER2013's ``fer2013.csv``, row for row; ``fer2013new.csv`` with picture files
in ``FER2013Train``, ``FER2013Valid`` and ``FER2013Test``; or those folders each with a ``label.csv`` (file, box, ten
votes). A row without a file name is a picture that FER+ left out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np

from mien.core.errors import InputError
from mien.core.faces import UInt8Array
from mien.evaluation.faces import VotedFaces
from mien.evaluation.layouts._reading import (
    Gathering,
    Part,
    ReadOptions,
    csv_rows,
    pixels_of,
    read_picture,
    square,
    whole_numbers,
)

FOLDERS: dict[str, Part] = {"FER2013Train": "train", "FER2013Valid": "valid", "FER2013Test": "test"}
USAGE: dict[str, str] = {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}
COLUMNS = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip
PICTURE_HOMES = (".", "images", "data", "Images")


def recognises(path: Path) -> bool:
    """A folder with ``fer2013new.csv``, or with the folders and their ``label.csv``."""
    return path.is_dir() and ((path / "fer2013new.csv").is_file() or bool(_labelled_folders(path)))


def read(path: Path, options: ReadOptions) -> VotedFaces:
    """Every row of the part that FER+ kept, in the files' order.

    Raises:
        InputError: a file or the part is missing.
        UnsupportedMediaError: rows cannot be used; the message names them.
    """
    gathering = Gathering(path, options)
    if not (path / "fer2013new.csv").is_file():
        _read_folders(path, gathering)
    elif (path / "fer2013.csv").is_file():
        _read_pixels(path, gathering)
    else:
        _read_pictures(path, gathering)
    return gathering.faces()


def _read_pixels(path: Path, gathering: Gathering) -> None:
    """Both tables, row for row."""
    pairs = zip_longest(csv_rows(path / "fer2013new.csv"), csv_rows(path / "fer2013.csv"))
    for votes, pixels in pairs:
        if votes is None or pixels is None:
            line = (votes or pixels or ("", {}))[0]
            gathering.complaints.add(line, "fer2013new.csv and fer2013.csv have not the same number of rows")
            return
        line, row = votes
        if row.get("Usage") != pixels[1].get("Usage"):
            gathering.complaints.add(line, f"Usage is {row.get('Usage')!r} here, {pixels[1].get('Usage')!r} in FER2013")
            continue
        if _wanted(row, gathering.options.part):
            try:
                gathering.add(line, pixels_of(pixels[1].get("pixels", "")), _votes(row), row["Image name"].strip())
            except ValueError as error:
                gathering.complaints.add(line, error)


def _read_pictures(path: Path, gathering: Gathering) -> None:
    """One table, and pictures in the folders of the parts."""
    home = next((path / h for h in PICTURE_HOMES if any((path / h / folder).is_dir() for folder in FOLDERS)), None)
    if home is None:
        raise InputError(f"{path} has votes but no pictures: neither fer2013.csv nor folders {', '.join(FOLDERS)}")
    for line, row in csv_rows(path / "fer2013new.csv"):
        if _wanted(row, gathering.options.part):
            try:
                file = row["Image name"].strip()
                gathering.add(line, home / USAGE[row["Usage"]] / file, _votes(row), file)
            except ValueError as error:
                gathering.complaints.add(line, error)


def _read_folders(path: Path, gathering: Gathering) -> None:
    """A table in each folder: file, box as ``(left, top, right, bottom)``, ten votes, without a head."""
    folders = [f for f in _labelled_folders(path) if gathering.options.part in ("all", FOLDERS[f.name])]
    if not folders:
        raise InputError(f"{path} has no part {gathering.options.part!r}")
    for folder in folders:
        for line, row in _plain_rows(folder / "label.csv"):
            where = f"{folder.name}/label.csv {line}"
            try:
                if len(row) != 2 + len(COLUMNS):
                    raise ValueError(f"{len(row)} columns, expected {2 + len(COLUMNS)}")
                picture = _boxed(folder / row[0].strip(), row[1], gathering.options)
                gathering.add(where, picture, whole_numbers(row[2:]), row[0].strip())
            except ValueError as error:
                gathering.complaints.add(where, error)


def _boxed(path: Path, box: str, options: ReadOptions) -> UInt8Array:
    """What lies in the box of a picture, ``(left, top, right, bottom)`` in pixels."""
    corners = whole_numbers(box.strip(" ()").split(","))
    if len(corners) != 4:
        raise ValueError(f"the box is {box!r}, expected four numbers")
    left, top, right, bottom = corners
    if not (0 <= left < right and 0 <= top < bottom):
        raise ValueError(f"the box {box} is empty")
    whole = read_picture(path, 48, options.colour)
    return square(np.ascontiguousarray(whole[top:bottom, left:right]), options.size_px)


def _labelled_folders(path: Path) -> list[Path]:
    return [path / name for name in FOLDERS if (path / name / "label.csv").is_file()]


def _wanted(row: dict[str, str], part: Part) -> bool:
    if not row.get("Image name", "").strip():
        return False
    return part == "all" or FOLDERS.get(USAGE.get(row.get("Usage", ""), "")) == part


def _votes(row: dict[str, str]) -> list[int]:
    if row.get("Usage") not in USAGE:
        raise ValueError(f"Usage is {row.get('Usage')!r}, expected one of {', '.join(USAGE)}")
    return whole_numbers([row.get(column, "") for column in COLUMNS])


def _plain_rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        for row in reader:
            if row:
                yield f"line {reader.line_num}", row
