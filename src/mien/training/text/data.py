"""Comments with emotion labels, and batches of them.

GoEmotions (Demszky et al., 2020): tab-separated text, comma-separated label numbers, comment id; the numbers index a
``labels.txt`` that lies beside the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

NAMES: Final = (
    *("james", "mary", "john", "linda", "robert", "sarah", "michael", "anna", "david", "emma", "carlos", "maria"),
    *("ahmed", "fatima", "wei", "mei", "ivan", "olga", "raj", "priya", "kim", "chris", "alex", "sam", "max", "tom"),
)
NAME_MASK: Final = "[NAME]"
"""GoEmotions hides people behind this word; a viewer's comment will not."""


@dataclass(frozen=True, slots=True)
class Split:
    """Which comments the weights see and which tune thresholds and calibration.

    Attributes:
        fit: indices of comments for the weights.
        tune: indices of the rest.
    """

    fit: IntArray
    tune: IntArray


def split(texts: Sequence[str], targets: FloatArray, tune_share: float) -> Split:
    """Divide comments by their text's hash, evenly within each label's comments.

    Comments are grouped by their rarest label, so that rare labels are in both parts; equal texts stay together.

    Args:
        texts: N comments.
        targets: float32 N×C, 0 or 1.
        tune_share: 0–1, of each group.
    """
    frequency = targets.sum(axis=0)
    rarest = np.where(targets > 0, frequency, np.inf).argmin(axis=1)
    keys = np.array([hashlib.sha256(text.strip().lower().encode()).hexdigest() for text in texts])
    tune: set[str] = set()
    for label in range(targets.shape[1]):
        group = np.unique(keys[rarest == label])
        tune.update(group[: round(tune_share * len(group))].tolist())
    inside = np.array([key in tune for key in keys], dtype=bool)
    return Split(np.flatnonzero(~inside).astype(np.int64), np.flatnonzero(inside).astype(np.int64))


def name_people(text: str, generator: np.random.Generator) -> str:
    """The comment with each hidden name replaced by a first name."""
    while NAME_MASK in text:
        text = text.replace(NAME_MASK, NAMES[int(generator.integers(len(NAMES)))], 1)
    return text


def pad(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Rows of piece ids as int64 N×L ids and mask, L the longest row's length; padding is id 0, mask 0."""
    length = max(len(row) for row in rows)
    ids, mask = np.zeros((len(rows), length), np.int64), np.zeros((len(rows), length), np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = row, 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def encode(tokenizer: Tokenizer, texts: Sequence[str], longest: int) -> list[list[int]]:
    """Piece ids of each text, cut to ``longest`` with the closing piece kept."""
    rows = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    return [row if len(row) <= longest else [*row[: longest - 1], row[-1]] for row in rows]


def batches(lengths: Sequence[int], size: int, generator: np.random.Generator | None) -> Iterator[IntArray]:
    """Indices of batches of texts of nearly one length, so that little is padding.

    Args:
        lengths: pieces of each text.
        size: texts a batch.
        generator: shuffles; None gives the order by length, for evaluation.
    """
    count = len(lengths)
    if generator is None:
        order = np.argsort(lengths, kind="stable")
        yield from (order[start : start + size] for start in range(0, count, size))
        return
    shuffled = generator.permutation(count)
    block = 64 * size
    parts: list[IntArray] = []
    for start in range(0, count, block):
        chunk = shuffled[start : start + block]
        chunk = chunk[np.argsort(np.asarray(lengths)[chunk], kind="stable")]
        parts.extend(chunk[i : i + size] for i in range(0, len(chunk), size))
    for i in generator.permutation(len(parts)):
        yield parts[int(i)]
