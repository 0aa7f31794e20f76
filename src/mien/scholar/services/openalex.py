"""OpenAlex (``GET /works``): a catalogue of all fields.

Shape: https://developers.openalex.org/api-reference/works. A few searches a day need no key; more need one, which is
free, in ``OPENALEX_API_KEY``. It travels in the query, as OpenAlex wants it.
"""

from __future__ import annotations

from typing import Any, Final

from mien.scholar.service import LONGEST_ABSTRACT, Query, Record, Request, get, read_json, read_works, work
from mien.scholar.source import Source
from mien.scholar.wording import any_of

ADDRESS: Final = "https://api.openalex.org"
_FIELDS: Final = (
    "id,doi,display_name,publication_year,primary_location,authorships,abstract_inverted_index,is_retracted,is_paratext"
)


class _Named(Record):
    display_name: str | None = None


class _Authorship(Record):
    author: _Named | None = None


class _Location(Record):
    landing_page_url: str | None = None
    source: _Named | None = None


class _Work(Record):
    id: str
    display_name: str | None = None
    doi: str | None = None
    publication_year: int | None = None
    primary_location: _Location | None = None
    authorships: tuple[_Authorship, ...] = ()
    abstract_inverted_index: dict[str, list[int]] | None = None
    is_retracted: bool | None = None
    is_paratext: bool | None = None


class _Answer(Record):
    results: list[Any]


def create(address: str | None = None, key: str | None = None) -> OpenAlex:
    """OpenAlex, or a server that speaks like it."""
    return OpenAlex(address or ADDRESS, key)


class OpenAlex:
    """See the module.

    Args:
        address: of the interface.
        key: of the user, or None.
    """

    title = "OpenAlex"
    pause_seconds = 1.0

    def __init__(self, address: str, key: str | None) -> None:
        self._address = f"{address.rstrip('/')}/works"
        self._key = key

    def request(self, query: Query) -> Request:
        """Works that hold any of the terms, the most relevant first."""
        asked = {"search": any_of(query.terms), "per_page": str(query.rows), "select": _FIELDS}
        if query.since_year is not None:
            asked["filter"] = f"from_publication_date:{query.since_year}-01-01"
        return get(self._address, asked, untold={"mailto": query.contact_email, "api_key": self._key})

    def read(self, body: bytes) -> tuple[Source, ...]:
        """See :class:`~mien.scholar.service.Service`; retracted works and tables of contents are left out."""
        return read_works(read_json(body, _Answer).results, _Work, _source)


def _source(found: _Work) -> Source | None:
    if found.is_retracted or found.is_paratext:
        return None
    place = found.primary_location
    return work(
        "openalex",
        title=found.display_name,
        authors=[authorship.author.display_name for authorship in found.authorships if authorship.author],
        year=found.publication_year,
        venue=place.source.display_name if place and place.source else None,
        doi=found.doi,
        url=(place.landing_page_url if place else None) or found.id,
        abstract=_abstract(found.abstract_inverted_index or {}),
    )


def _abstract(index: dict[str, list[int]]) -> str:
    """Text out of its words and their positions."""
    placed = sorted((position, word) for word, positions in index.items() for position in positions[:LONGEST_ABSTRACT])
    return " ".join(word for _, word in placed[:LONGEST_ABSTRACT])
