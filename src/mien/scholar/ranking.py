"""Which of the works found are about what was said: BM25 over their titles and abstracts.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with two changes for a
collection that consists of search results: the weight of a word is ``ln((1 + N) / (1 + n)) + 1``, which does not vanish
for the words that every work holds because it was searched by them, and the sum is divided by the most it could be,
which gives 0–1.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mien.scholar.source import Source
from mien.scholar.wording import words_of

SATURATION: Final = 1.2
LENGTH_SHARE: Final = 0.75
TEXT_SATURATION: Final = 8.0
"""``k1``, ``b`` and ``k3`` of the framework."""
TITLE_WEIGHT: Final = 3
"""Times that a word of a title counts."""
TERM_WEIGHT: Final = 4.0
"""What a word of a key term adds to its weight from the text: a word that fills the text reaches 9 with ``k3`` = 8."""
MOST_TEXT_WORDS: Final = 40
"""The most telling words of the text that count; all of a long one would drown the key terms."""


def ranked(sources: Sequence[Source], terms: Sequence[str], text: str) -> tuple[Source, ...]:
    """Sources with their relevance, the most relevant first; those that share no word with terms or text are left out.

    Equal ones stand in the order of how many services know them, then as they came.

    Args:
        sources: any number.
        terms: key terms.
        text: what was said; may be empty. It is read here only.
    """
    documents = [Counter(_document(source)) for source in sources]
    weights = _weights(documents, terms, text)
    most = (SATURATION + 1) * sum(weights.values())
    mean_length = sum(document.total() for document in documents) / max(len(documents), 1)
    scored = []
    for source, document in zip(sources, documents, strict=True):
        norm = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * document.total() / mean_length) if mean_length else 1.0
        score = sum(
            weight * (SATURATION + 1) * document[word] / (document[word] + norm)
            for word, weight in weights.items()
            if document[word]
        )
        if score > 0:
            scored.append(replace(source, relevance=min(1.0, score / most)))
    return tuple(sorted(scored, key=lambda source: (-source.relevance, -len(source.found_in))))


def _document(source: Source) -> list[str]:
    return words_of(source.title) * TITLE_WEIGHT + words_of(source.abstract or "")


def _weights(documents: Sequence[Counter[str]], terms: Sequence[str], text: str) -> dict[str, float]:
    """How much each word of the question counts."""
    sought = list(dict.fromkeys(word for term in terms for word in words_of(term)))
    said = Counter(words_of(text))
    holding = Counter(word for document in documents for word in document)
    rarity = {word: math.log((1 + len(documents)) / (1 + holding[word])) + 1 for word in {*sought, *said}}
    from_text = {
        word: rarity[word] * (TEXT_SATURATION + 1) * count / (TEXT_SATURATION + count) for word, count in said.items()
    }
    telling = sorted(from_text, key=lambda word: (-from_text[word], word))[:MOST_TEXT_WORDS]
    weights = {word: from_text[word] for word in telling}
    for word in sought:
        weights[word] = weights.get(word, 0.0) + rarity[word] * TERM_WEIGHT
    return weights
