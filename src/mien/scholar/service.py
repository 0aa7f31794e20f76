"""What a service promises: it says what to request, and reads what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, ValidationError

from mien.scholar.source import Source
from mien.scholar.wording import doi_address, doi_of, plain, web_address, without_markup

KIND: Final = "scholar.services"
LONGEST_TITLE: Final = 400
LONGEST_ABSTRACT: Final = 3_000
LONGEST_NAME: Final = 120
MOST_AUTHORS: Final = 100


class AnswerError(Exception):
    """An answer that is not what the service gives. ``str(error)`` completes "SERVICE …"."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of every service.

    Attributes:
        terms: as :func:`~mien.scholar.wording.key_terms` made them.
        rows: works wanted.
        since_year: earliest year of publication, or None.
        contact_email: to be told, or None.
    """

    terms: tuple[str, ...]
    rows: int
    since_year: int | None = None
    contact_email: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One GET.

    Attributes:
        address: with its query.
        question: what tells this question from others; holds no key and no e-mail address.
        accept: media type.
        headers: further ones, such as a key.
    """

    address: str = field(repr=False)
    question: str
    accept: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Service(Protocol):
    """A catalogue of scholarly works. A plug-in's ``create(address, key)`` makes one; either may be None.

    Attributes:
        title: what people call it.
        pause_seconds: least time between two requests to it.
    """

    title: str
    pause_seconds: float

    def request(self, query: Query) -> Request:
        """The request that asks it."""
        ...

    def read(self, body: bytes) -> tuple[Source, ...]:
        """Works in an answer, the service's best first, their ``found_in`` the plug-in's name.

        A work that makes no sense is left out.

        Raises:
            AnswerError: the answer is not one of this service's.
        """
        ...


def get(
    address: str,
    query: Mapping[str, str],
    *,
    untold: Mapping[str, str | None] | None = None,
    accept: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Request:
    """A request.

    Args:
        address: without a query.
        query: its parameters, unescaped.
        untold: parameters that are no part of the question (a key, an e-mail address); None leaves one out.
        accept: media type.
        headers: further ones.
    """
    told = urlencode(query)
    more = urlencode({name: value for name, value in (untold or {}).items() if value})
    return Request(
        f"{address}?{told}&{more}" if more else f"{address}?{told}", f"{address}?{told}", accept, headers or {}
    )


class Record(BaseModel):
    """A part of an answer; what is not named in it is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


_R = TypeVar("_R", bound=Record)


def read_json(body: bytes, shape: type[_R]) -> _R:
    """An answer's JSON in a shape.

    Raises:
        AnswerError: it is no JSON, or has another shape.
    """
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise AnswerError("answered with something that is no JSON, or broke off in it") from error
        where = ".".join(map(str, first["loc"])) or "its start"
        raise AnswerError(f"answered with something else than works, at {where}") from error


def read_works(items: Sequence[Any], shape: type[_R], work: Callable[[_R], Source | None]) -> tuple[Source, ...]:
    """Works out of an answer's items; those in another shape are left out.

    Raises:
        AnswerError: all of them are.
    """
    works, odd = [], 0
    for item in items:
        try:
            record = shape.model_validate(item)
        except ValidationError:
            odd += 1
            continue
        if (found := work(record)) is not None:
            works.append(found)
    if odd and odd == len(items):
        raise AnswerError("answered with works in another shape than its own")
    return tuple(works)


def work(
    service: str,
    *,
    title: str | None,
    authors: Sequence[str | None],
    year: int | None,
    venue: str | None,
    doi: str | None,
    url: str | None,
    abstract: str | None,
) -> Source | None:
    """A source out of what a service told, everything made plain; None where it has no title or no address."""
    named = without_markup(title or "", LONGEST_TITLE)
    bare = doi_of(doi)
    address = doi_address(bare) if bare else web_address(url)
    if not named or address is None:
        return None
    names = (plain(name, LONGEST_NAME) for name in authors[:MOST_AUTHORS] if name)
    return Source(
        title=named,
        authors=tuple(name for name in names if name),
        year=year if year is not None and 1000 <= year <= 9999 else None,
        venue=without_markup(venue or "", LONGEST_TITLE) or None,
        doi=bare,
        url=address,
        abstract=without_markup(abstract or "", LONGEST_ABSTRACT) or None,
        found_in=(service,),
    )
