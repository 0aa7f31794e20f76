"""Crossref (``GET /works``): what publishers registered with a DOI.

Shape: https://github.com/CrossRef/rest-api-doc/blob/master/api_format.md.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from mien.scholar.service import Query, Record, Request, get, read_json, read_works, work
from mien.scholar.source import Source

ADDRESS: Final = "https://api.crossref.org"
_FIELDS: Final = "DOI,title,author,issued,container-title,abstract,URL,type"
_PARTS: Final = frozenset({"component", "peer-review", "grant", "journal", "journal-issue", "journal-volume"})
"""Types that are no works of their own."""


class _Contributor(Record):
    given: str | None = None
    family: str | None = None
    name: str | None = None


class _Date(Record):
    date_parts: list[list[int | None]] = Field([], alias="date-parts")


class _Work(Record):
    doi: str = Field(alias="DOI")
    title: list[str] | None = None
    author: list[_Contributor] | None = None
    issued: _Date | None = None
    container_title: list[str] | None = Field(None, alias="container-title")
    abstract: str | None = None
    url: str | None = Field(None, alias="URL")
    type: str | None = None


class _Message(Record):
    items: list[Any]


class _Answer(Record):
    message: _Message


def create(address: str | None = None, key: str | None = None) -> Crossref:
    """Crossref, or a server that speaks like it. It has no keys."""
    return Crossref(address or ADDRESS)


class Crossref:
    """See the module.

    Args:
        address: of the interface.
    """

    title = "Crossref"
    pause_seconds = 1.0

    def __init__(self, address: str) -> None:
        self._address = f"{address.rstrip('/')}/works"

    def request(self, query: Query) -> Request:
        """Works whose titles, authors, venues or years match words of the terms, the best first."""
        asked = {"query.bibliographic": " ".join(query.terms), "rows": str(query.rows), "select": _FIELDS}
        if query.since_year is not None:
            asked["filter"] = f"from-pub-date:{query.since_year}"
        return get(self._address, asked, untold={"mailto": query.contact_email})

    def read(self, body: bytes) -> tuple[Source, ...]:
        """See :class:`~mien.scholar.service.Service`; parts of works and whole journals are left out."""
        return read_works(read_json(body, _Answer).message.items, _Work, _source)


def _source(found: _Work) -> Source | None:
    if found.type in _PARTS:
        return None
    parts = found.issued.date_parts if found.issued else []
    return work(
        "crossref",
        title=next(iter(found.title or []), None),
        authors=[
            person.name or " ".join(part for part in (person.given, person.family) if part)
            for person in found.author or []
        ],
        year=parts[0][0] if parts and parts[0] else None,
        venue=next(iter(found.container_title or []), None),
        doi=found.doi,
        url=found.url,
        abstract=found.abstract,
    )
