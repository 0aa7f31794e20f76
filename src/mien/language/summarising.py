"""A summary out of a text's own sentences.

Sentences are ranked by how much they share with all others, as pages are by their links (TextRank, Mihalcea and Tarau
2004, on the cosines of TF-IDF vectors), then taken from the top unless one repeats what was taken (maximal marginal
relevance, Carbonell and Goldstein 1998). Nothing is drawn at random and nothing is written anew.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.language.stop_words import is_stop, stem, tokens

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SummaryOptions:
    """How a summary is made.

    Attributes:
        most_sentences: of it.
        share: of the text's sentences, 0–1, rounded up.
        least_words: that say something, in a sentence of it.
        damping: of the ranking.
        novelty: 0–1, how much a sentence loses by likeness to one that was taken.
    """

    most_sentences: int = 5
    share: float = 0.15
    least_words: int = 4
    damping: float = 0.85
    novelty: float = 0.5


def pick_summary(
    sentences: Sequence[str], language: str | None = None, options: SummaryOptions | None = None
) -> tuple[int, ...]:
    """Numbers of the sentences that sum up a text, from 0, in their order; none for a text without any.

    Args:
        sentences: in order.
        language: code of the language, or None.
        options: how.
    """
    options = options or SummaryOptions()
    words = [[stem(word) for word in tokens(s) if not is_stop(word, language)] for s in sentences]
    return pick(tf_idf(words), [len(set(w)) for w in words], options)


def pick(vectors: FloatArray, words: Sequence[int], options: SummaryOptions | None = None) -> tuple[int, ...]:
    """Numbers of the sentences taken, in their order.

    Args:
        vectors: float64 N×D, rows of length 1 or 0, no negative cosine between two.
        words: N, how many words of each sentence say something; a text of short ones only is not held to the least.
        options: how.
    """
    options = options or SummaryOptions()
    if not len(vectors):
        return ()
    wanted = min(options.most_sentences, math.ceil(options.share * len(vectors)))
    long_enough = np.array(words) >= min(options.least_words, max(words))
    scores = rank(vectors, options.damping)
    scores = scores / scores.max()
    likeness = np.zeros(len(vectors))
    taken: list[int] = []
    while len(taken) < wanted:
        worth = np.where(long_enough, scores - options.novelty * likeness, -np.inf)
        worth[taken] = -np.inf
        best = int(worth.argmax())
        if not np.isfinite(worth[best]):
            break
        taken.append(best)
        likeness = np.maximum(likeness, vectors @ vectors[best])
    return tuple(sorted(taken))


def rank(vectors: FloatArray, damping: float = 0.85) -> FloatArray:
    """float64 N, sums to 1: how central each of N ≥ 1 sentences is; their likenesses are never all held at once.

    Args:
        vectors: float64 N×D, rows of length 1 or 0, no negative cosine between two.
        damping: 0–1, how much of a sentence's rank is its neighbours'.
    """
    n = len(vectors)
    own = (vectors**2).sum(axis=1)
    degree = vectors @ vectors.sum(axis=0) - own
    linked = degree > 1e-12
    scores = np.full(n, 1 / n)
    for _ in range(100):
        given = np.where(linked, scores / np.where(linked, degree, 1.0), 0.0)
        # What sentences without a neighbour hold goes to all alike.
        loose = scores[~linked].sum() / n
        after = (1 - damping) / n + damping * (vectors @ (vectors.T @ given) - own * given + loose)
        moved = float(np.abs(after - scores).sum())
        scores = after
        if moved < 1e-10:
            break
    return np.asarray(scores / scores.sum(), np.float64)


def tf_idf(sentences: Sequence[Sequence[str]]) -> FloatArray:
    """float64 N×D of length 1, or 0 for a sentence without words; words that only one sentence has are in no column.

    They make no two sentences alike, but they count for a sentence's length.
    """
    n = len(sentences)
    counted = [Counter(words) for words in sentences]
    found = Counter(word for words in counted for word in words)
    columns = {word: place for place, word in enumerate(word for word, number in found.items() if number > 1)}
    vectors = np.zeros((n, len(columns)))
    for row, words in enumerate(counted):
        weights = {word: (1 + math.log(number)) * math.log(1 + n / found[word]) for word, number in words.items()}
        length = math.sqrt(sum(weight**2 for weight in weights.values()))
        for word, weight in weights.items():
            if word in columns:
                vectors[row, columns[word]] = weight / length
    return vectors
