"""How near a transcript is to what was said: word error rate."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

TITLES: Final = {"mr": "mister", "mrs": "missus", "dr": "doctor"}
"""Written short and said long."""


@dataclass(frozen=True, slots=True)
class WordErrors:
    """What it takes to make a transcript what was said.

    Attributes:
        words: that were said.
        substituted: words that are other ones in the transcript.
        deleted: words that it lacks.
        inserted: words that nobody said.
    """

    words: int
    substituted: int
    deleted: int
    inserted: int

    @property
    def rate(self) -> float:
        """Errors a word said, 0 or more; it can exceed 1. 0 where nothing was said and nothing is written."""
        errors = self.substituted + self.deleted + self.inserted
        return errors / self.words if self.words else float(errors > 0)

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(
            self.words + other.words,
            self.substituted + other.substituted,
            self.deleted + other.deleted,
            self.inserted + other.inserted,
        )


def spoken(text: str) -> list[str]:
    """The words of a text as they are said: without case and punctuation, hyphenated ones apart, titles in full."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    return [TITLES.get(word, word) for word in re.findall(r"[^\W_]+(?:'[^\W_]+)*", plain)]


def word_errors(said: str, written: str) -> WordErrors:
    """Errors of a transcript at the least edit distance between the words (Levenshtein, 1966).

    Args:
        said: what was said.
        written: the transcript.
    """
    reference, answer = spoken(said), spoken(written)
    # Each cell: total, substituted, deleted, inserted; the least total wins, then the fewest substitutions.
    row = [(j, 0, 0, j) for j in range(len(answer) + 1)]
    for i, word in enumerate(reference, start=1):
        above, row = row, [(i, 0, i, 0)]
        for j, other in enumerate(answer, start=1):
            t, s, d, n = above[j - 1]
            same = (t, s, d, n) if word == other else (t + 1, s + 1, d, n)
            t, s, d, n = above[j]
            dropped = (t + 1, s, d + 1, n)
            t, s, d, n = row[j - 1]
            row.append(min(same, dropped, (t + 1, s, d, n + 1)))
    _, substituted, deleted, inserted = row[-1]
    return WordErrors(len(reference), substituted, deleted, inserted)
