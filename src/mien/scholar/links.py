"""Searches that a reader may follow. No network is needed to write them down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from mien.scholar.source import Link, SearchLinks
from mien.scholar.wording import key_terms

SINCE_YEAR: Final = 2020
"""Google Scholar's earliest year, as the shared scholarly links have it (TXT8)."""
_MOST_TERMS: Final = 5
"""Each further term makes these engines find less."""


def search_links(terms: Sequence[str], since_year: int = SINCE_YEAR) -> SearchLinks:
    """Google Scholar, arXiv, DOAJ, BASE and ResearchGate, asked for the first five terms.

    Raises:
        SettingsError: there is no term, or one is a sentence.
    """
    words = " ".join(key_terms(terms)[:_MOST_TERMS])
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


def _link(name: str, address: str, **query: str) -> Link:
    return Link(name, f"{address}?{urlencode(query)}")
