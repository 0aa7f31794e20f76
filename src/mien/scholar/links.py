"""Searches that a reader may follow. No network is needed to write them down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from mien.scholar.source import Link, SearchLinks
from mien.scholar.wording import key_terms, words_of

SINCE_YEAR: Final = 2020
"""Google Scholar's earliest year, as the shared scholarly links have it (TXT8)."""
_MOST_TERMS: Final = 3
_MOST_WORDS: Final = (6, 5)
"""With a second and with a third term: these engines look for all words at once, and find less with each."""


def search_links(terms: Sequence[str], since_year: int = SINCE_YEAR) -> SearchLinks:
    """Google Scholar, arXiv, DOAJ, BASE and ResearchGate, asked for up to three terms, the first that share no word.

    Raises:
        SettingsError: there is no term, or one is a sentence.
    """
    words = " ".join(_few(key_terms(terms)))
    doaj = {"query": {"query_string": {"query": words, "default_operator": "AND"}}}
    return (
        _link("Google Scholar", "https://scholar.google.com/scholar", q=words, as_ylo=str(since_year)),
        _link("arXiv", "https://arxiv.org/search/", query=words, searchtype="all"),
        _link(
            "DOAJ",
            "https://doaj.org/search/articles",
            ref="quick-search",
            source=json.dumps(doaj, ensure_ascii=False, separators=(",", ":")),
        ),
        _link("BASE", "https://www.base-search.net/Search/Results", lookfor=words, type="all"),
        _link("ResearchGate", "https://www.researchgate.net/search/publication", q=words),
    )


def _few(terms: Sequence[str]) -> list[str]:
    """The first term, and others after it while they are short and tell something of their own."""
    taken = [terms[0]]
    for term in terms[1:]:
        if len(taken) == _MOST_TERMS:
            break
        told = " ".join(taken)
        fits = len(f"{told} {term}".split()) <= _MOST_WORDS[len(taken) - 1]
        if fits and not set(words_of(told)) & set(words_of(term)):
            taken.append(term)
    return taken


def _link(name: str, address: str, **query: str) -> Link:
    return Link(name, f"{address}?{urlencode(query)}")
