"""Arrays in an npz: ``images`` uint8 N×S×S or N×S×S×3, ``votes`` N×(classes + 2), and ``labels`` for other classes.

``files`` may name the pictures, one text each. A folder of ``train.npz``, ``valid.npz`` and ``test.npz``, as
``mien data split`` writes, is one too; files are parts.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Final

import numpy as np

from mien.core.errors import InputError, UnsupportedMediaError
from mien.core.faces import UInt8Array
from mien.core.labels import EMOTIONS
from mien.evaluation.faces import VotedFaces
from mien.evaluation.layouts._reading import (
    MOST_VOTES,
    NOT_A_FACE,
    PARTS,
    UNKNOWN,
    Part,
    ReadOptions,
    class_columns,
    recast,
)

_DAMAGED: Final = (
    KeyError, ValueError, TypeError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What NumPy and zipfile raise of a file that is none of theirs, is cut short or lacks an array."""


def recognises(path: Path) -> bool:
    """A file that ends in ``.npz``, or a folder with one named after a part."""
    if path.is_dir():
        return any((path / f"{part}.npz").is_file() for part in PARTS[1:])
    return path.suffix == ".npz"


def read(path: Path, options: ReadOptions) -> VotedFaces:
    """Every row, in the file's order, but those whose class is ignored.

    Raises:
        InputError: no such file, or a single file was asked for one of its parts.
        UnsupportedMediaError: an array is missing, or has the wrong shape or numbers; or every face is ignored.
    """
    if path.is_dir():
        wanted: tuple[Part, ...] = PARTS[1:] if options.part == "all" else (options.part,)
        files = [path / f"{part}.npz" for part in wanted if options.part != "all" or (path / f"{part}.npz").is_file()]
        if not files:
            raise InputError(f"no such data set: {path} holds none of {', '.join(f'{p}.npz' for p in PARTS[1:])}")
        parts = [_read_file(file) for file in files]
        if len({p.labels for p in parts}) > 1 or len({p.images.shape[1:] for p in parts}) > 1:
            raise UnsupportedMediaError(f"the parts in {path} differ in classes or size")
        faces = VotedFaces(
            np.concatenate([p.images for p in parts]),
            np.concatenate([p.votes for p in parts]),
            parts[0].labels,
            tuple(name for p in parts for name in p.files) if all(p.files for p in parts) else (),
            parts[0].called,
        )
    else:
        if options.part not in ("all", path.stem):
            raise InputError(f"{path} is one file without parts: it has no part {options.part!r}")
        faces = _read_file(path)
    return _relabelled(path, faces, options)


def _read_file(path: Path) -> VotedFaces:
    try:
        with path.open("rb") as stream, zipfile.ZipFile(stream):
            pass
        with np.load(path, allow_pickle=False) as archive:
            images, votes = archive["images"], archive["votes"]
            labels = tuple(map(str, archive["labels"])) if "labels" in archive else EMOTIONS
            names = archive.get("files")
    except FileNotFoundError as error:
        raise InputError(f"no such data set: {path}") from error
    except _DAMAGED as error:
        raise UnsupportedMediaError(f"{path} is not an npz with arrays 'images' and 'votes': {error}") from error
    pictures = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    if not pictures or images.dtype != np.uint8 or votes.shape != (len(images), len(labels) + 2):
        raise UnsupportedMediaError(
            f"{path}: expected images uint8 N×S×S or N×S×S×3 and votes N×{len(labels) + 2}, got {images.dtype} "
            f"{images.shape} and {votes.shape}"
        )
    if not len(images):
        raise UnsupportedMediaError(f"{path} holds no face: expected one or more rows of images and votes")
    height, width = images.shape[1:3]
    if height != width or not height:
        raise UnsupportedMediaError(
            f"{path}: expected square pictures, got some {height} pixels high and {width} wide: cut or scale them first"
        )
    files = () if names is None else _names(path, names, len(images))
    return VotedFaces(images, _counts(path, votes), labels, files, (*labels, UNKNOWN, NOT_A_FACE))


def _counts(path: Path, votes: np.ndarray) -> UInt8Array:
    """Votes as the uint8 they are kept in.

    Raises:
        UnsupportedMediaError: they are no whole numbers from 0 to 255.
    """
    if votes.dtype.kind not in "buif":
        raise UnsupportedMediaError(f"{path}: expected votes that are numbers, got {votes.dtype}")
    wrong = np.flatnonzero(~((votes >= 0) & (votes <= MOST_VOTES) & (votes == np.floor(votes))).all(axis=1))
    if len(wrong):
        told = ", ".join(f"{value:g}" for value in votes[wrong[0]])
        raise UnsupportedMediaError(
            f"{path}: expected votes that are whole numbers from 0 to {MOST_VOTES}, got {told} in row {wrong[0]}; "
            "shares become votes when they are multiplied by the number of annotators and rounded"
        )
    return votes.astype(np.uint8, copy=False)


def _names(path: Path, names: np.ndarray, faces: int) -> tuple[str, ...]:
    """Names of the pictures; none where one has none.

    Raises:
        UnsupportedMediaError: they are no texts, or not one a face.
    """
    if names.dtype.kind != "U" or names.shape != (faces,):
        raise UnsupportedMediaError(
            f"{path}: expected 'files' to name each of {faces} pictures with a text, got {names.dtype} {names.shape}"
        )
    told = tuple(map(str, names))
    return told if all(told) else ()


def _relabelled(path: Path, faces: VotedFaces, options: ReadOptions) -> VotedFaces:
    """The faces whose class is not ignored, with votes in the order of the classes that were asked for."""
    labels = options.labels or (EMOTIONS if options.label_map else faces.labels)
    if labels == faces.labels and not options.label_map:
        return faces
    try:
        rows, votes = recast(faces.votes, class_columns(faces.labels, labels, options.label_map), len(labels))
    except ValueError as error:
        raise UnsupportedMediaError(f"{path}: {error}") from None
    if not len(rows):
        raise UnsupportedMediaError(f"{path}: every face is of a class that is ignored, so none is left")
    files = tuple(faces.files[row] for row in rows) if faces.files else ()
    return VotedFaces(faces.images[rows], votes, labels, files, faces.called)
