"""Semantic Scholar (``GET /graph/v1/paper/search``): a catalogue of all fields.

Shape: https://api.semanticscholar.org/api-docs/graph. Those without a key (``SEMANTIC_SCHOLAR_API_KEY``) share one
limit and are often told to come back later.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from mien.scholar.service import Query, Record, Request, get, read_json, read_works, work
from mien.scholar.source import Source

ADDRESS: Final = "https://api.semanticscholar.org"
_FIELDS: Final = "title,abstract,year,venue,externalIds,authors,url"
_MOST_TERMS: Final = 3
"""The search knows no OR: each further term leaves less to find."""


class _Author(Record):
    name: str | None = None


class _Ids(Record):
    doi: str | None = Field(None, alias="DOI")
    arxiv: str | None = Field(None, alias="ArXiv")


class _Paper(Record):
    paper_id: str = Field(alias="paperId")
    title: str | None = None
    abstract: str | None = None
    year: int | None = None
    venue: str | None = None
    external_ids: _Ids | None = Field(None, alias="externalIds")
    authors: list[_Author] | None = None
    url: str | None = None


class _Answer(Record):
    total: int
    data: tuple[Any, ...] = ()


def create(address: str | None = None, key: str | None = None) -> SemanticScholar:
    """Semantic Scholar, or a server that speaks like it."""
    return SemanticScholar(address or ADDRESS, key)


class SemanticScholar:
    """See the module.

    Args:
        address: of the interface.
        key: of the user, or None.
    """

    title = "Semantic Scholar"
    pause_seconds = 1.0

    def __init__(self, address: str, key: str | None) -> None:
        self._address = f"{address.rstrip('/')}/graph/v1/paper/search"
        self._key = key

    def request(self, query: Query) -> Request:
        """Papers for the first terms. A hyphen finds nothing there; a space does."""
        words = " ".join(query.terms[:_MOST_TERMS]).replace("-", " ")
        asked = {"query": words, "limit": str(query.rows), "fields": _FIELDS}
        if query.since_year is not None:
            asked["year"] = f"{query.since_year}-"
        return get(self._address, asked, headers={"x-api-key": self._key} if self._key else {})

    def read(self, body: bytes) -> tuple[Source, ...]:
        """See :class:`~mien.scholar.service.Service`."""
        return read_works(read_json(body, _Answer).data, _Paper, _source)


def _source(found: _Paper) -> Source | None:
    ids = found.external_ids or _Ids()
    return work(
        "semantic_scholar",
        title=found.title,
        authors=[author.name for author in found.authors or []],
        year=found.year,
        venue=found.venue,
        doi=ids.doi or (f"10.48550/arXiv.{ids.arxiv}" if ids.arxiv else None),
        url=found.url,
        abstract=found.abstract,
    )
