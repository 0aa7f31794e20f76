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
REACH = 50
"""Pictures that one of a group of more than :data:`CANDIDATES` copies is held against beyond its own group, at most."""
SCALES = (1.0, 0.95, 1.05, 0.9, 1.1)
TEMPLATE_PX = 34
SHADING_PX = 4.0
LEAST_DEVIATION = 2.0
HOPELESS = 0.3
BLOCK = 512


_Pair = tuple[int, int, float, bool]
"""A row of the first set, one of the second, their score, and whether the first is mirrored."""


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
    return _copies(_search(_Prepared(first), _Prepared(second), threshold, progress, within=False))


def copies_within(
    images: UInt8Array, threshold: float = THRESHOLD, progress: Callable[[int], None] = lambda done: None
) -> Copies:
    """Pairs of different rows of one set that show one photograph; each pair once, the lower row first.

    Of a photograph that is there many times not every pair is told, but :func:`joined` makes one group of them. A
    picture is held against the :data:`CANDIDATES` most alike. In a group of more copies than that these may all be its
    own, so each picture of such a group is also held against those most alike in the :data:`CANDIDATES` groups next to
    it, up to :data:`REACH`, until no more groups join. Where no group is so large, the first is all.

    Args:
        images: uint8 N×S×S grey or N×S×S×3 RGB.
        threshold: least score of a pair, 0–1.
        progress: told how many are done, before large groups are looked at again.
    """
    prepared = _Prepared(images)
    pairs = _search(prepared, prepared, threshold, progress, within=True)
    found = _copies(pairs + _search_beyond_groups(prepared, pairs, threshold))
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
    groups = _Groups(count)
    for a, b in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
        groups.join(a, b)
    return groups.numbers()


class _Groups:
    """Rows that are joined, at first each alone."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, row: int) -> int:
        """The lowest row of a row's group."""
        parent = self._parent
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    def join(self, a: int, b: int) -> None:
        low, high = sorted((self.root(a), self.root(b)))
        self._parent[high] = low

    def numbers(self) -> npt.NDArray[np.intp]:
        """A number for each row's group, rising by its lowest row, from 0."""
        roots = [self.root(row) for row in range(len(self._parent))]
        return np.unique(roots, return_inverse=True)[1].reshape(-1)


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
) -> list[_Pair]:
    found: list[_Pair] = []
    for row, mirrored, alike in _candidates(first, second, np.arange(len(first.coarse)), within):
        candidates = alike[:CANDIDATES].tolist()
        templates = first.templates(row, mirrored) if candidates else []
        for other in candidates:
            score = _slide(templates, second.detail(other), threshold)
            if score >= threshold:
                found.append((row, other, score, mirrored))
        if mirrored:
            progress(row + 1)
    return found


def _search_beyond_groups(prepared: _Prepared, pairs: list[_Pair], threshold: float) -> list[_Pair]:
    """Pairs of a picture of a large group and one of another group, where the first look was filled by its own."""
    groups = _Groups(len(prepared.coarse))
    for row, other, _, _ in pairs:
        groups.join(row, other)
    found: list[_Pair] = []
    held: dict[tuple[int, bool], set[int]] = {}
    grown = True
    while grown:
        grown = False
        number = groups.numbers()
        rows = np.flatnonzero(np.bincount(number)[number] > CANDIDATES)
        for row, mirrored, alike in _candidates(prepared, prepared, rows, within=True):
            seen = held.setdefault((row, mirrored), set(alike[:CANDIDATES].tolist()))
            fresh = [other for other in _nearest_beyond(number[row], alike, number[alike]) if other not in seen]
            templates = prepared.templates(row, mirrored) if fresh else []
            for other in fresh:
                if groups.root(other) == groups.root(row):
                    continue
                seen.add(other)
                score = _slide(templates, prepared.detail(other), threshold)
                if score >= threshold:
                    found.append((row, other, score, mirrored))
                    groups.join(row, other)
                    grown = True
    return found


def _nearest_beyond(own: int, alike: npt.NDArray[np.intp], number: npt.NDArray[np.intp]) -> list[int]:
    """Rows of the few groups most alike beyond one's own, the most alike first.

    Args:
        own: number of that group.
        alike: rows, the most alike first.
        number: of the group of each of these.
    """
    beyond = number != own
    alike, number = alike[beyond], number[beyond]
    near = number[np.sort(np.unique(number, return_index=True)[1])[:CANDIDATES]]
    nearest: list[int] = alike[np.isin(number, near)][:REACH].tolist()
    return nearest


def _copies(pairs: list[_Pair]) -> Copies:
    found = sorted(pairs)
    return Copies(
        np.array([f[0] for f in found], np.intp),
        np.array([f[1] for f in found], np.intp),
        np.array([f[2] for f in found], np.float32),
        np.array([f[3] for f in found], np.bool_),
    )


def _candidates(
    first: _Prepared, second: _Prepared, rows: npt.NDArray[np.intp], within: bool
) -> Iterator[tuple[int, bool, npt.NDArray[np.intp]]]:
    """Each of these rows of the first set, whether it is mirrored, and the second's rows that may be copies of it.

    The most alike come first.
    """
    side = COARSE_SIDE
    for start in range(0, len(rows), BLOCK):
        chosen = rows[start : start + BLOCK]
        block = first.coarse[chosen]
        turned = np.ascontiguousarray(block.reshape(-1, side, side)[:, :, ::-1]).reshape(len(block), -1)
        likeness = [(mirrored, cells @ second.coarse.T) for mirrored, cells in ((False, block), (True, turned))]
        for offset, row in enumerate(chosen.tolist()):
            for mirrored, table in likeness:
                alike = table[offset]
                if within:
                    alike[row] = -1.0
                close = np.flatnonzero((alike >= COARSE_LEAST) & second.usable) if first.usable[row] else np.arange(0)
                yield row, mirrored, close[np.argsort(-alike[close], kind="stable")]


def _slide(templates: list[FloatArray], detail: FloatArray, enough: float) -> float:
    """The best correlation of any template anywhere; stops where it is nearly whole, or hopeless at the plain scale."""
    best = 0.0
    for template in templates:
        best = max(best, float(cv2.matchTemplate(detail, template, cv2.TM_CCOEFF_NORMED).max()))
        if best >= max(enough, 0.97) or best < HOPELESS:
            break
    return best
