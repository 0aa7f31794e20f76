"""Key terms of a text: runs of words that say something, between those that say little.

Candidates and the weight of a word, its degree (how many words it stands beside, itself included), are those of Rose
et al., *Automatic keyword extraction from individual documents* (2010). A term weighs as the mean degree of its words
times how often it occurs, so that neither a long run that was said once nor a lone word leads by that alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mien.core.content import Term
from mien.language.stop_words import is_stop, stem, tokens

_BREAK: Final = re.compile(r"[^\w\s’'-]+|\s-+\s|--+")


@dataclass(frozen=True, slots=True)
class TermOptions:
    """Which terms are told.

    Attributes:
        most: terms.
        longest_words: of a term; a longer run is no term but a sentence without small words.
    """

    most: int = 12
    longest_words: int = 3


def key_terms(
    sentences: Iterable[str], language: str | None = None, options: TermOptions | None = None
) -> tuple[Term, ...]:
    """The key terms of sentences, strongest first; ties in the order they were said.

    Args:
        sentences: in order.
        language: code of the language, or None; the words that say little are known for English.
        options: which.
    """
    options = options or TermOptions()
    counts: Counter[tuple[str, ...]] = Counter()
    written: dict[tuple[str, ...], str] = {}
    whole: set[tuple[str, ...]] = set()
    degree: Counter[str] = Counter()
    for sentence in sentences:
        for run in _runs(sentence, language):
            stems = tuple(map(stem, run))
            whole.add(stems)
            for word in stems:
                degree[word] += len(stems)
            for term in _within(stems, options.longest_words):
                counts[term] += 1
                said = _as_said(term, run, stems)
                # A capital that only opens a sentence is none of the term's.
                if term not in written or (said.islower() and not written[term].islower()):
                    written[term] = said
    weights = {
        term: count * sum(degree[word] for word in term) / len(term)
        for term, count in counts.items()
        if len(term) == 1 or count > 1 or term in whole
    }
    order = {term: place for place, term in enumerate(counts)}
    ranked = sorted(weights, key=lambda term: (-weights[term], -len(term), order[term]))
    chosen: list[tuple[str, ...]] = []
    for term in ranked:
        if len(chosen) == options.most:
            break
        # A part of a term that was taken, or a term around one, would tell the same twice.
        if not any(_part_of(term, other) or _part_of(other, term) for other in chosen):
            chosen.append(term)
    strongest = weights[chosen[0]] if chosen else 1.0
    return tuple(Term(written[term], counts[term], weights[term] / strongest) for term in chosen)


def _runs(sentence: str, language: str | None) -> Iterable[list[str]]:
    """Runs of words that say something, as they were said."""
    for part in _BREAK.split(sentence):
        held: list[str] = []
        for word in tokens(part):
            if is_stop(word, language):
                if held:
                    yield held
                held = []
            else:
                held.append(word)
        if held:
            yield held


def _within(stems: tuple[str, ...], longest: int) -> Iterable[tuple[str, ...]]:
    """The run itself where it is short enough, and its parts, each once."""
    seen = set()
    for length in range(1, min(longest, len(stems)) + 1):
        for start in range(len(stems) - length + 1):
            term = stems[start : start + length]
            if term not in seen:
                seen.add(term)
                yield term


def _as_said(term: tuple[str, ...], run: Sequence[str], stems: tuple[str, ...]) -> str:
    start = next(i for i in range(len(stems)) if stems[i : i + len(term)] == term)
    return " ".join(run[start : start + len(term)])


def _part_of(small: tuple[str, ...], large: tuple[str, ...]) -> bool:
    return len(small) < len(large) and any(
        large[i : i + len(small)] == small for i in range(len(large) - len(small) + 1)
    )
