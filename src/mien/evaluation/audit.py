"""How much of a validation set a training set has seen: counts, agreement of the votes, and pairs to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from mien.core.faces import UInt8Array
from mien.evaluation.duplicates import THRESHOLD, Copies, copies_between
from mien.evaluation.faces import VotedFaces, resized
from mien.preprocess import to_grey

STEPS = (0.75, 0.80, 0.85, 0.90, 0.95)
SHEET_PAIRS = 96
SHEET_COLUMNS = 8
TILE_PX = 72


@dataclass(frozen=True, slots=True)
class Audit:
    """Copies of a validation set's photographs in a training set.

    Attributes:
        copies: pairs (row of validation, row of training) at the threshold.
        leaked: rows of validation with at least one copy.
        identical: of these, rows whose pixels are those of a copy.
        mirrored: of these, rows whose best copy is mirrored.
        agreement: share of pairs whose two pictures have the same class by most votes, 0–1.
        at: rows of validation with a copy, for each least score.
    """

    copies: Copies
    leaked: int
    identical: int
    mirrored: int
    agreement: float
    at: tuple[tuple[float, int], ...]


def audit(
    held: VotedFaces,
    seen: VotedFaces,
    threshold: float = THRESHOLD,
    progress: Callable[[int], None] = lambda done: None,
) -> Audit:
    """Look for every held-back face among those seen in training.

    Args:
        held, seen: validation and training.
        threshold: score from which a pair counts as copies, 0–1.
        progress: told how many of ``held`` are done.
    """
    wide = copies_between(held.images, seen.images, min(threshold, STEPS[0]), progress)
    close = wide.score >= threshold
    found = Copies(wide.first[close], wide.second[close], wide.score[close], wide.mirrored[close])
    same = [held.images[a].shape == seen.images[b].shape and bool((held.images[a] == seen.images[b]).all())
            for a, b in zip(found.first, found.second, strict=True)]  # fmt: skip
    best = _best(found)
    agree = held.votes[found.first].argmax(axis=1) == seen.votes[found.second].argmax(axis=1)
    return Audit(
        found,
        len(best),
        len(set(found.first[np.array(same, np.bool_)].tolist())),
        int(found.mirrored[best].sum()),
        float(agree.mean()) if len(found) else 0.0,
        tuple((least, len(set(wide.first[wide.score >= least].tolist()))) for least in STEPS),
    )


def pair_rows(copies: Copies) -> Iterator[tuple[str, str, str, str]]:
    """Rows of a table of the pairs, its head first."""
    yield "valid_row", "train_row", "score", "mirrored"
    for a, b, score, mirrored in zip(copies.first, copies.second, copies.score, copies.mirrored, strict=True):
        yield str(a), str(b), f"{score:.4f}", "yes" if mirrored else "no"


def contact_sheet(copies: Copies, held: VotedFaces, seen: VotedFaces) -> bytes:
    """A PNG of up to 96 pairs side by side, those of the lowest scores first: where mistakes would show."""
    best = _best(copies)
    best = best[np.argsort(copies.score[best], kind="stable")][:SHEET_PAIRS]
    blank = np.full((TILE_PX, 2 * TILE_PX + 6), 255, np.uint8)
    tiles = []
    for pair in best:
        left, right = (_tile(f.images[r]) for f, r in ((held, copies.first[pair]), (seen, copies.second[pair])))
        tile = blank.copy()
        tile[:, :TILE_PX] = left[:, ::-1] if copies.mirrored[pair] else left
        tile[:, TILE_PX : 2 * TILE_PX] = right
        tiles.append(tile)
    tiles += [blank] * (-len(tiles) % SHEET_COLUMNS or (0 if tiles else SHEET_COLUMNS))
    rows = [np.hstack(tiles[i : i + SHEET_COLUMNS]) for i in range(0, len(tiles), SHEET_COLUMNS)]
    return bytes(cv2.imencode(".png", np.vstack(rows))[1])


def _best(copies: Copies) -> np.ndarray:
    """For each row with a copy, the place of its best pair."""
    order = np.lexsort((-copies.score, copies.first))
    _, first = np.unique(copies.first[order], return_index=True)
    return np.asarray(order[first], np.intp)


def _tile(image: UInt8Array) -> UInt8Array:
    grey = to_grey(image[None]) if image.ndim == 3 else image[None]
    return np.asarray(resized(grey, TILE_PX)[0], np.uint8)
