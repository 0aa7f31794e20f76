"""Finds copies of one photograph among pictures of faces: re-encoded, watermarked, shifted, scaled, mirrored.

Two looks. The first compares every picture with every other at 16×16 cells (normalised correlation) and keeps the few
most alike. The second slides the middle of one over the other at five scales, both without their broad shading, and
takes the best normalised correlation as the score. On FER+ the scores of copies lie above 0.85 and those of different
people mostly below 0.75, with a valley between (``docs/data-audit.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.faces import FloatArray, UInt8Array
from mien.evaluation.faces import resized
from mien.preprocess import to_grey

THRESHOLD = 0.85
SIDE_PX = 48
COARSE_SIDE = 16
COARSE_LEAST = 0.7
CANDIDATES = 5
"""Pictures of the second set that each of the first is held against, and again when it is mirrored."""
SCALES = (1.0, 0.95, 1.05, 0.9, 1.1)
TEMPLATE_PX = 34
SHADING_PX = 4.0
LEAST_DEVIATION = 2.0
HOPELESS = 0.3
BLOCK = 512


@dataclass(frozen=True, slots=True)
class Copies:
    """Pairs of pictures that show one photograph.

    Attributes:
        first: intp M, rows of the first set, rising.
        second: intp M, rows of the second set.
        score: float32 M, 0–1; 1 for pictures that are the same up to brightness and contrast.
        mirrored: bool M, the pair matches when one is mirrored.
    """

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    score: FloatArray
    mirrored: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.first)


def copies_between(
    first: UInt8Array,
    second: UInt8Array,
    threshold: float = THRESHOLD,
    progress: Callable[[int], None] = lambda done: None,
) -> Copies:
    """Pairs of one picture of each set that show one photograph.

    At most :data:`CANDIDATES` pairs a picture of the first set, and as many with it mirrored: of a photograph that is
    in the second set more often than that, the others are found when they are the first.

    Args:
        first, second: uint8 N×S×S grey or N×S×S×3 RGB.
        threshold: least score of a pair, 0–1.
        progress: told how many of the first set are done.
    """
    return _search(_Prepared(first), _Prepared(second), threshold, progress, within=False)


def copies_within(
    images: UInt8Array, threshold: float = THRESHOLD, progress: Callable[[int], None] = lambda done: None
) -> Copies:
    """Pairs of different rows of one set that show one photograph; each pair once, the lower row first."""
    prepared = _Prepared(images)
    found = _search(prepared, prepared, threshold, progress, within=True)
    low, high = np.minimum(found.first, found.second), np.maximum(found.first, found.second)
    order = np.lexsort((-found.score, high, low))
    _, once = np.unique(np.stack([low, high])[:, order], axis=1, return_index=True)
    chosen = order[once]
    return Copies(low[chosen], high[chosen], found.score[chosen], found.mirrored[chosen])


def joined(count: int, pairs: Copies) -> npt.NDArray[np.intp]:
    """A group number for each of ``count`` rows; rows joined by pairs, even through others, share one.

    Args:
        count: of rows.
        pairs: from :func:`copies_within`.
    """
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for a, b in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return np.unique([root(row) for row in range(count)], return_inverse=True)[1].reshape(-1)


class _Prepared:
    """A set of pictures as both looks want them."""

    def __init__(self, images: UInt8Array) -> None:
        self.pixels = resized(to_grey(images) if images.ndim == 4 else images, SIDE_PX)
        self.coarse = self._coarse()
        self.usable = self.pixels.reshape(len(images), -1).std(axis=1) >= LEAST_DEVIATION

    def _coarse(self) -> FloatArray:
        small = [cv2.resize(i, (COARSE_SIDE, COARSE_SIDE), interpolation=cv2.INTER_AREA) for i in self.pixels]
        cells = np.stack(small).astype(np.float32).reshape(len(small), -1)
        cells -= cells.mean(axis=1, keepdims=True)
        return np.asarray(cells / np.maximum(np.linalg.norm(cells, axis=1, keepdims=True), 1e-6), np.float32)

    def detail(self, row: int) -> FloatArray:
        """A picture without its broad shading, float32 48×48."""
        return _detail(self.pixels[row])

    def templates(self, row: int, mirrored: bool) -> list[FloatArray]:
        """The middle of a picture at each of the scales, float32 34×34."""
        image = np.ascontiguousarray(self.pixels[row][:, ::-1]) if mirrored else self.pixels[row]
        cut = []
        for scale in SCALES:
            side = round(SIDE_PX * scale)
            scaled = image if side == SIDE_PX else np.asarray(cv2.resize(image, (side, side)), np.uint8)
            start = (side - TEMPLATE_PX) // 2
            cut.append(_detail(scaled)[start : start + TEMPLATE_PX, start : start + TEMPLATE_PX])
        return cut


def _detail(image: UInt8Array) -> FloatArray:
    pixels = image.astype(np.float32)
    return np.asarray(pixels - cv2.GaussianBlur(pixels, (0, 0), SHADING_PX), np.float32)


def _search(
    first: _Prepared, second: _Prepared, threshold: float, progress: Callable[[int], None], *, within: bool
) -> Copies:
    found: list[tuple[int, int, float, bool]] = []
    for row, mirrored, candidates in _candidates(first, second, within):
        templates = first.templates(row, mirrored) if candidates else []
        for other in candidates:
            score = _slide(templates, second.detail(other), threshold)
            if score >= threshold:
                found.append((row, other, score, mirrored))
        if mirrored:
            progress(row + 1)
    found.sort()
    return Copies(
        np.array([f[0] for f in found], np.intp),
        np.array([f[1] for f in found], np.intp),
        np.array([f[2] for f in found], np.float32),
        np.array([f[3] for f in found], np.bool_),
    )


def _candidates(first: _Prepared, second: _Prepared, within: bool) -> Iterator[tuple[int, bool, list[int]]]:
    """Row of the first set, whether it is mirrored, and the few rows of the second that are most alike."""
    side = COARSE_SIDE
    for start in range(0, len(first.coarse), BLOCK):
        block = first.coarse[start : start + BLOCK]
        turned = np.ascontiguousarray(block.reshape(-1, side, side)[:, :, ::-1]).reshape(len(block), -1)
        likeness = [(mirrored, cells @ second.coarse.T) for mirrored, cells in ((False, block), (True, turned))]
        for offset in range(len(block)):
            row = start + offset
            for mirrored, table in likeness:
                alike = table[offset]
                if within:
                    alike[row] = -1.0
                close = np.flatnonzero((alike >= COARSE_LEAST) & second.usable) if first.usable[row] else np.arange(0)
                best = close[np.argsort(-alike[close], kind="stable")[:CANDIDATES]]
                yield row, mirrored, best.tolist()


def _slide(templates: list[FloatArray], detail: FloatArray, enough: float) -> float:
    """The best correlation of any template anywhere; stops where it is nearly whole, or hopeless at the plain scale."""
    best = 0.0
    for template in templates:
        best = max(best, float(cv2.matchTemplate(detail, template, cv2.TM_CCOEFF_NORMED).max()))
        if best >= max(enough, 0.97) or best < HOPELESS:
            break
    return best
