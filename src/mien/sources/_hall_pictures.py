"""Pictures of faces whose emotion is known, from which a hall is composed."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.errors import InputError, UnsupportedMediaError
from mien.core.faces import FloatArray, UInt8Array
from mien.core.labels import EMOTIONS
from mien.core.settings import SamplingSettings
from mien.sources.images import ImagesSource

VOTE_COLUMNS: Final = len(EMOTIONS) + 2
"""FER+'s columns: the eight emotions, *unknown*, *not a face*."""
_MOST_VOTES: Final = 1 << 20
LARGEST_SIDE_PX: Final = 256
"""Pictures of a folder are kept no larger than this."""


@dataclass(frozen=True, slots=True)
class PicturePool:
    """Tight, square pictures of faces, and what people saw in each.

    Attributes:
        images: uint8 S×S grey or S×S×3 RGB each; sides may differ.
        emotions: intp N, canonical index of each picture's emotion.
        votes: float32 N×8, share of the votes that went to each emotion; rows sum to 1.
    """

    images: Sequence[UInt8Array]
    emotions: npt.NDArray[np.intp]
    votes: FloatArray

    def __post_init__(self) -> None:
        n = len(self.images)
        if self.emotions.shape != (n,) or self.votes.shape != (n, len(EMOTIONS)):
            raise ValueError(f"{n} pictures, {self.emotions.shape} emotions, {self.votes.shape} votes")
        if any(i.dtype != np.uint8 or i.shape[0] != i.shape[1] or i.shape[2:] not in {(), (3,)} for i in self.images):
            raise ValueError("pictures are uint8 S×S or S×S×3")

    def __len__(self) -> int:
        return len(self.images)

    def of(self, emotion: str) -> npt.NDArray[np.intp]:
        """Rows of the pictures that show ``emotion``."""
        return np.flatnonzero(self.emotions == EMOTIONS.index(emotion))

    def select(self, rows: npt.NDArray[np.intp]) -> PicturePool:
        """Some of the pictures, in the order of ``rows``."""
        return PicturePool([self.images[row] for row in rows], self.emotions[rows], self.votes[rows])

    def sha256(self) -> str:
        """Hash of pictures, emotions and votes."""
        digest = hashlib.sha256()
        for image in self.images:
            digest.update(repr(image.shape).encode() + image.tobytes())
        digest.update(self.emotions.astype(np.int64).tobytes() + self.votes.tobytes())
        return digest.hexdigest()


def load_pictures(path: Path, min_agreement: float = 0.5) -> PicturePool:
    """The pictures of an npz, or of a folder with one sub-folder for each emotion.

    Args:
        path: an npz with ``images`` uint8 N×S×S and ``votes`` N×10 (FER+'s columns), or a folder.
        min_agreement: an npz's picture is kept where one emotion has more than this share of its votes, single votes
            left out; at 0.5 that is FER+'s majority.

    Raises:
        InputError: there is nothing at ``path``.
        UnsupportedMediaError: it is neither, or holds no picture that people agree on.
    """
    if path.is_dir():
        return _of_folder(path)
    if not path.is_file():
        raise InputError(f"no such pictures: {path}. Give an npz of 'images' and 'votes', or a folder.")
    return _of_npz(path, min_agreement)


def _of_npz(path: Path, min_agreement: float) -> PicturePool:
    try:
        # NumPy would take a file that is no archive for a pickle or a single array.
        zipfile.ZipFile(path).close()
        with np.load(path, allow_pickle=False) as archive:
            images, votes = archive["images"], archive["votes"]
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UnsupportedMediaError(f"{path} is not an npz with arrays 'images' and 'votes': {error}") from error
    square = images.ndim == 3 and images.shape[1] == images.shape[2] > 0
    if not square or images.dtype != np.uint8 or votes.shape != (len(images), VOTE_COLUMNS):
        raise UnsupportedMediaError(
            f"{path}: expected images uint8 N×S×S and votes N×10, got {images.dtype} {images.shape} and {votes.shape}"
        )
    if votes.dtype.kind not in "iuf" or not ((votes >= 0) & (votes < _MOST_VOTES)).all():
        raise UnsupportedMediaError(f"{path}: votes are counts, from 0 up; got {votes.dtype} values that are not.")
    agreed = np.where(votes <= 1, 0, votes).astype(np.int64)
    winner = agreed.argmax(axis=1)
    clear = agreed.max(axis=1) > min_agreement * agreed.sum(axis=1)
    keep = np.flatnonzero(clear & (winner < len(EMOTIONS)))
    if len(keep) == 0:
        raise UnsupportedMediaError(f"{path} holds no picture on whose emotion its voters agree.")
    emotions = votes[keep, : len(EMOTIONS)].astype(np.float32)
    return PicturePool(images[keep], winner[keep], emotions / emotions.sum(axis=1, keepdims=True))


def _of_folder(path: Path) -> PicturePool:
    images: list[UInt8Array] = []
    emotions: list[int] = []
    for index, name in enumerate(EMOTIONS):
        if not (path / name).is_dir():
            continue
        for frame in ImagesSource(path / name, SamplingSettings()):
            images.append(_square(frame.image))
            emotions.append(index)
    if not images:
        raise UnsupportedMediaError(
            f"{path} holds no face pictures. Put them into sub-folders named {', '.join(EMOTIONS)}."
        )
    return PicturePool(images, np.asarray(emotions, np.intp), np.eye(len(EMOTIONS), dtype=np.float32)[emotions])


def _square(image: UInt8Array) -> UInt8Array:
    """The middle square, shrunk where it is large."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    middle = image[top : top + side, left : left + side]
    if side > LARGEST_SIDE_PX:
        middle = np.asarray(
            cv2.resize(middle, (LARGEST_SIDE_PX, LARGEST_SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8
        )
    return np.ascontiguousarray(middle)
