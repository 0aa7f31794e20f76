"""What the layouts share: options, pictures from files, class names, and a list of what is wrong."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from mien.classifiers.model_folder import SYNONYMS
from mien.core.errors import InputError, UnsupportedMediaError
from mien.core.faces import UInt8Array
from mien.core.labels import EMOTIONS
from mien.evaluation.faces import VotedFaces
from mien.evaluation.label_map import translated
from mien.evaluation.layouts._options import PARTS, Colour, Part, ReadOptions
from mien.pictures import opened, upright

__all__ = [
    "MOST_VOTES", "NOT_A_FACE", "PARTS", "UNKNOWN", "Complaints", "Gathering", "Part", "ReadOptions", "class_column",
    "class_columns", "csv_head", "csv_rows", "pictures_in", "pixels_of", "read_picture", "recast", "square",
    "whole_numbers", "whole_picture",
]  # fmt: skip

HARD_VOTES: Final = 10
"""Votes that a single label stands for: as if ten annotators agreed."""
MOST_VOTES: Final = 255
"""Votes that a class may have of one face."""
UNKNOWN, NOT_A_FACE, IGNORE = "unknown", "not-a-face", "ignore"
PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
LARGEST_SIDE_PX = 8192
NAMED_ROWS = 5

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {"none": UNKNOWN, "uncertain": UNKNOWN, "nf": NOT_A_FACE, "non-face": NOT_A_FACE, "no-face": NOT_A_FACE}
)  # fmt: skip


class Complaints:
    """Collects the rows that cannot be used, and then refuses the data set by naming them.

    Args:
        path: of the file or folder that is read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told: list[str] = []
        self._count = 0

    def add(self, where: str, what: object) -> None:
        """Note one row."""
        self._count += 1
        if len(self._told) < NAMED_ROWS:
            self._told.append(f"{where}: {what}")

    def settle(self) -> None:
        """Raise UnsupportedMediaError when anything was noted."""
        if self._count:
            more = f" (and {self._count - len(self._told)} more)" if self._count > len(self._told) else ""
            rows = "row" if self._count == 1 else "rows"
            raise UnsupportedMediaError(
                f"{self._path}: {self._count} {rows} cannot be used: {'; '.join(self._told)}{more}"
            )


class Gathering:
    """Faces as they are found, until they become arrays.

    Args:
        path: of the data set, for messages.
        options: what to read.
        labels: the layout's own classes, in the order of its votes.
    """

    def __init__(self, path: Path, options: ReadOptions, labels: Sequence[str] = EMOTIONS) -> None:
        self.path = path
        self.options = options
        self.labels = options.labels or tuple(labels)
        self._own = tuple(labels)
        self._columns: tuple[int | None, ...] | None = None
        self.complaints = Complaints(path)
        self._images: list[UInt8Array] = []
        self._votes: list[UInt8Array] = []
        self._files: list[str] = []

    def add(self, where: str, image: UInt8Array | Path, label: str | Sequence[int], file: str = "") -> None:
        """Take one face, or note why not.

        Args:
            where: names the row.
            image: pixels, or a picture file.
            label: a class name, or votes for each of the layout's own classes, *unknown* and *not a face*.
            file: the picture's name as the data set has it; empty where it has none.
        """
        try:
            votes = self._votes_of(label)
            if votes is None:
                return
            if isinstance(image, Path):
                image = read_picture(image, self.options.size_px, self.options.colour)
            if self._images and image.shape != self._images[0].shape:
                raise ValueError(f"a picture of {image.shape}, those before have {self._images[0].shape}")
        except ValueError as error:
            self.complaints.add(where, error)
            return
        self._images.append(image)
        self._votes.append(votes)
        self._files.append(file)

    def faces(self, called: Iterable[str] = ()) -> VotedFaces:
        """Everything taken.

        Args:
            called: every name that the data set may have for a class; empty for the layout's own classes, *unknown* and
                *not a face*.

        Raises:
            UnsupportedMediaError: rows cannot be used, or there is none.
        """
        self.complaints.settle()
        if not self._images:
            raise UnsupportedMediaError(f"{self.path}: no face in the part {self.options.part!r}")
        files = tuple(self._files) if all(self._files) else ()
        names = tuple(dict.fromkeys(called)) or (*self._own, UNKNOWN, NOT_A_FACE)
        return VotedFaces(np.stack(self._images), np.stack(self._votes), self.labels, files, names)

    def _votes_of(self, label: str | Sequence[int]) -> UInt8Array | None:
        if not isinstance(label, str):
            return self._own_votes(label)
        column = class_column(label, self.labels, self.options.label_map)
        if column is None:
            return None
        votes = np.zeros(len(self.labels) + 2, np.uint8)
        votes[column] = HARD_VOTES
        return votes

    def _own_votes(self, label: Sequence[int]) -> UInt8Array | None:
        if len(label) != len(self._own) + 2:
            raise ValueError(f"{len(label)} votes, expected {len(self._own) + 2}")
        if min(label) < 0 or max(label) > MOST_VOTES:
            raise ValueError(f"votes must be 0 to {MOST_VOTES}, got {list(label)}")
        votes = np.asarray(label, np.uint8)
        if self._own == self.labels and not self.options.label_map:
            return votes
        if self._columns is None:
            self._columns = class_columns(self._own, self.labels, self.options.label_map)
        rows, votes = recast(votes[None], self._columns, len(self.labels))
        return votes[0] if len(rows) else None


def class_column(name: str, labels: Sequence[str], label_map: Mapping[str, str]) -> int | None:
    """Which column of the votes a class name belongs to; None for one that is ignored.

    Raises:
        ValueError: no such class.
    """
    given = translated(name, label_map).strip()
    plain = " ".join(given.lower().replace("_", " ").split())
    plain = ALIASES.get(plain.replace(" ", "-"), plain)
    if plain == IGNORE:
        return None
    if plain == UNKNOWN:
        return len(labels)
    if plain in (NOT_A_FACE, "not a face"):
        return len(labels) + 1
    for candidate in (given, plain, SYNONYMS.get(plain, plain)):
        if candidate in labels:
            return labels.index(candidate)
    meaning = {SYNONYMS.get(label.lower(), label): column for column, label in enumerate(labels)}
    if SYNONYMS.get(plain) in meaning:
        return meaning[SYNONYMS[plain]]
    raise ValueError(f"no class {given!r}: the classes are {', '.join(labels)}. A label_map can translate it")


def class_columns(names: Sequence[str], labels: Sequence[str], label_map: Mapping[str, str]) -> tuple[int | None, ...]:
    """Where the votes for each of a data set's own classes belong, then those for *unknown* and *not a face*.

    Raises:
        ValueError: one is none of ``labels``.
    """
    return tuple(class_column(name, labels, label_map) for name in (*names, UNKNOWN, NOT_A_FACE))


def recast(votes: UInt8Array, columns: Sequence[int | None], classes: int) -> tuple[npt.NDArray[np.intp], UInt8Array]:
    """Votes for a data set's own classes as votes for others.

    A face whose own class, the first with most votes, is ignored is left out; so are other faces' votes for that class.

    Args:
        votes: uint8 N×(A + 2).
        columns: A + 2, of :func:`class_columns`.
        classes: K, how many there are to be.

    Returns:
        intp M, the rows that are kept, and their votes: uint8 M×(K + 2).

    Raises:
        ValueError: classes that become one have more votes together than can be kept.
    """
    ignored = np.array([column is None for column in columns])
    rows = np.flatnonzero(~ignored[votes.argmax(axis=1)] | (votes.max(axis=1) == 0))
    told = np.zeros((len(rows), classes + 2), np.int64)
    for column, target in enumerate(columns):
        if target is not None:
            told[:, target] += votes[rows, column]
    if (most := told.max(initial=0)) > MOST_VOTES:
        raise ValueError(f"classes that become one have {most} votes for a face together, at most {MOST_VOTES} can be")
    return rows, told.astype(np.uint8)


def read_picture(path: Path, size_px: int, colour: Colour) -> UInt8Array:
    """The largest centred square of a picture file, scaled; errors as :func:`whole_picture`.

    Returns:
        uint8 S×S, or S×S×3 RGB.
    """
    return square(whole_picture(path, colour), size_px)


def whole_picture(path: Path, colour: Colour) -> UInt8Array:
    """A picture file as serving would see it: upright, and of more than eight bits a pixel none clipped.

    Returns:
        uint8 H×W, or H×W×3 RGB.

    Raises:
        ValueError: it is missing, no picture, damaged, or declares more than 8192 pixels a side.
    """
    try:
        with opened(path, path.name) as picture:
            if max(picture.size) > LARGEST_SIDE_PX:
                raise ValueError(f"{path.name} is {picture.size[0]}×{picture.size[1]} pixels, too large for a face")
            return upright(picture, path.name, colour)
    except UnsupportedMediaError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise ValueError(f"no such picture: {path.name}") from None
        raise ValueError(str(error).removesuffix(".")) from None


def square(pixels: UInt8Array, size_px: int) -> UInt8Array:
    """The largest centred square of uint8 H×W or H×W×3, scaled to a side."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    pixels = pixels[top : top + side, left : left + side]
    if side == size_px:
        return pixels
    way = cv2.INTER_AREA if side > size_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (size_px, size_px), interpolation=way), np.uint8)


def pictures_in(folder: Path) -> list[Path]:
    """Picture files directly in a folder, by name; none where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file())


def csv_rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows of a CSV with a head, each with a name such as ``line 17``; spaces around names of columns are dropped.

    Raises:
        InputError: it cannot be read.
        UnsupportedMediaError: it is no text.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            for row in reader:
                yield f"line {reader.line_num}", {(k or "").strip(): v or "" for k, v in row.items() if k is not None}
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnsupportedMediaError(f"{path} is not a CSV: {error}") from error


def csv_head(path: Path) -> frozenset[str]:
    """Names of a CSV's columns; empty when it has none, or is none."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            first = stream.readline(10_000)
    except (OSError, UnicodeDecodeError):
        return frozenset()
    return frozenset(name.strip() for name in next(csv.reader([first]), []))


def whole_numbers(values: Sequence[str]) -> list[int]:
    """Votes as numbers.

    Raises:
        ValueError: one is no whole number.
    """
    try:
        return [int(value) for value in values]
    except ValueError:
        raise ValueError(f"votes must be whole numbers, got {', '.join(map(repr, values))}") from None


def pixels_of(text: str, side: int = 48) -> UInt8Array:
    """A grey picture written as numbers with spaces between, uint8 side×side.

    Raises:
        ValueError: not so many numbers, or one beyond 0 to 255.
    """
    try:
        values = np.array(text.split(), np.int64)
    except ValueError:
        raise ValueError("the pixels are not all whole numbers") from None
    if len(values) != side * side:
        raise ValueError(f"{len(values)} pixels, expected {side * side}")
    if values.min() < 0 or values.max() > 255:
        raise ValueError("a pixel is beyond 0 to 255")
    return values.astype(np.uint8).reshape(side, side)
