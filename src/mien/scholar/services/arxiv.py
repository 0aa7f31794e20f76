"""arXiv (``GET /api/query``): preprints, as an Atom feed.

Shape: https://info.arxiv.org/help/api/user-manual.html. Everybody is asked to make one request at a time, three seconds
apart.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element

from mien.scholar._atom import parse
from mien.scholar.service import AnswerError, Query, Request, get, work
from mien.scholar.source import Source
from mien.scholar.wording import any_of

ADDRESS: Final = "https://export.arxiv.org"
_ATOM: Final = "{http://www.w3.org/2005/Atom}"
_ARXIV: Final = "{http://arxiv.org/schemas/atom}"
_ABSTRACT_PAGE: Final = re.compile(r"^https?://arxiv\.org/abs/(?P<id>[a-z.-]+/\d{7}|\d{4}\.\d{4,5})(v\d+)?$", re.I)


def create(address: str | None = None, key: str | None = None) -> Arxiv:
    """arXiv, or a server that speaks like it. It has no keys."""
    return Arxiv(address or ADDRESS)


class Arxiv:
    """See the module.

    Args:
        address: of the interface.
    """

    title = "arXiv"
    pause_seconds = 3.0

    def __init__(self, address: str) -> None:
        self._address = f"{address.rstrip('/')}/api/query"

    def request(self, query: Query) -> Request:
        """Preprints that hold any of the terms, the most relevant first."""
        sought = any_of(query.terms, "all:")
        if query.since_year is not None:
            sought = f"({sought}) AND submittedDate:[{query.since_year}01010000 TO 999912312359]"
        asked = {"search_query": sought, "start": "0", "max_results": str(query.rows), "sortBy": "relevance"}
        return get(self._address, asked, accept="application/atom+xml")

    def read(self, body: bytes) -> tuple[Source, ...]:
        """See :class:`~mien.scholar.service.Service`. arXiv tells an error as a feed with one entry, "Error"."""
        feed = parse(body)
        if feed.tag != f"{_ATOM}feed":
            raise AnswerError("answered with something else than an Atom feed")
        entries = feed.findall(f"{_ATOM}entry")
        if any("/api/errors" in _text(entry, f"{_ATOM}id") for entry in entries):
            raise AnswerError("answered with an error instead of works")
        return tuple(source for entry in entries if (source := _source(entry)) is not None)


def _source(entry: Element) -> Source | None:
    page = _ABSTRACT_PAGE.match(_text(entry, f"{_ATOM}id"))
    if page is None:
        return None
    year = re.match(r"\d{4}", _text(entry, f"{_ATOM}published"))
    return work(
        "arxiv",
        title=_text(entry, f"{_ATOM}title"),
        authors=[_text(author, f"{_ATOM}name") for author in entry.findall(f"{_ATOM}author")],
        year=int(year[0]) if year else None,
        venue=_text(entry, f"{_ARXIV}journal_ref") or "arXiv",
        doi=_text(entry, f"{_ARXIV}doi") or f"10.48550/arXiv.{page['id']}",
        url=f"https://arxiv.org/abs/{page['id']}",
        abstract=_text(entry, f"{_ATOM}summary"),
    )


def _text(parent: Element, tag: str) -> str:
    return " ".join((parent.findtext(tag) or "").split())
