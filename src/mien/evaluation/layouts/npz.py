"""Arrays in an npz: ``images`` uint8 N×S×S or N×S×S×3, ``votes`` N×(classes + 2), and ``labels`` for other classes.

A folder of ``train.npz``, ``valid.npz`` and ``test.npz``, as ``mien data split`` writes, is one too; files are parts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.core.errors import InputError, UnsupportedMediaError
from mien.core.labels import EMOTIONS
from mien.evaluation.faces import VotedFaces
from mien.evaluation.layouts._reading import PARTS, Part, ReadOptions, class_column


def recognises(path: Path) -> bool:
    """A file that ends in ``.npz``, or a folder with one named after a part."""
    if path.is_dir():
        return any((path / f"{part}.npz").is_file() for part in PARTS[1:])
    return path.suffix == ".npz"


def read(path: Path, options: ReadOptions) -> VotedFaces:
    """Every row, in the file's order.

    Raises:
        InputError: no such file, or a single file was asked for one of its parts.
        UnsupportedMediaError: the arrays are missing or have the wrong shape.
    """
    if path.is_dir():
        wanted: tuple[Part, ...] = PARTS[1:] if options.part == "all" else (options.part,)
        files = [path / f"{part}.npz" for part in wanted if options.part != "all" or (path / f"{part}.npz").is_file()]
        parts = [_read_file(file) for file in files]
        if len({p.labels for p in parts}) > 1 or len({p.images.shape[1:] for p in parts}) > 1:
            raise UnsupportedMediaError(f"the parts in {path} differ in classes or size")
        faces = VotedFaces(
            np.concatenate([p.images for p in parts]), np.concatenate([p.votes for p in parts]), parts[0].labels
        )
    else:
        if options.part not in ("all", path.stem):
            raise InputError(f"{path} is one file without parts: it has no part {options.part!r}")
        faces = _read_file(path)
    return _relabelled(path, faces, options)


def _read_file(path: Path) -> VotedFaces:
    try:
        with np.load(path, allow_pickle=False) as archive:
            images, votes = archive["images"], archive["votes"]
            labels = tuple(str(label) for label in archive["labels"]) if "labels" in archive else EMOTIONS
    except FileNotFoundError as error:
        raise InputError(f"no such data set: {path}") from error
    except (KeyError, ValueError, OSError) as error:
        raise UnsupportedMediaError(f"{path} is not an npz with arrays 'images' and 'votes': {error}") from error
    pictures = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    if not pictures or images.dtype != np.uint8 or votes.shape != (len(images), len(labels) + 2):
        raise UnsupportedMediaError(
            f"{path}: expected images uint8 N×S×S or N×S×S×3 and votes N×{len(labels) + 2}, got {images.dtype} "
            f"{images.shape} and {votes.shape}"
        )
    return VotedFaces(images, votes, labels)


def _relabelled(path: Path, faces: VotedFaces, options: ReadOptions) -> VotedFaces:
    """The votes in the order of the classes that were asked for."""
    labels = options.labels or (EMOTIONS if options.label_map else faces.labels)
    if labels == faces.labels and not options.label_map:
        return faces
    votes = np.zeros((len(faces), len(labels) + 2), faces.votes.dtype)
    try:
        for column, name in enumerate((*faces.labels, "unknown", "not-a-face")):
            target = class_column(name, labels, options.label_map)
            if target is not None:
                votes[:, target] += faces.votes[:, column]
    except ValueError as error:
        raise UnsupportedMediaError(f"{path}: {error}") from None
    return VotedFaces(faces.images, votes, labels)
