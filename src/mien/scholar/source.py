"""What is looked for, what is found, and what went wrong meanwhile."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mien.core.errors import SettingsError
from mien.weights.entries import permitted
from mien.weights.store import default_cache, is_offline

SERVICES: Final = ("openalex", "crossref", "arxiv", "semantic_scholar")
"""Asked by default, in the order of trust: where records of one work differ, the first tells."""

CONTACT_VARIABLE: Final = "MIEN_CONTACT_EMAIL"
KEY_VARIABLES: Final = {"openalex": "OPENALEX_API_KEY", "semantic_scholar": "SEMANTIC_SCHOLAR_API_KEY"}
LARGEST_LIMIT: Final = 50
_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_KEY: Final = re.compile(r"[!-~]{1,512}")


def address_variable(service: str) -> str:
    """The environment variable that names another server which speaks like a service."""
    return f"MIEN_{service.upper()}_ADDRESS"


@dataclass(frozen=True, slots=True)
class Source:
    """A scholarly work. Every text was written by others and is plain: no markup, no control characters.

    Attributes:
        title: not empty.
        authors: names, given name first, in the work's order; empty where no service told them.
        year: of publication, or None.
        venue: journal, conference or repository, or None.
        doi: in lower case without a resolver, such as ``10.1000/xyz``, or None.
        url: where it can be read about, http or https; the DOI's resolver where there is a DOI.
        abstract: at most 3,000 characters, or None.
        found_in: plug-in names of the services that know it, in the order of :data:`SERVICES`.
        relevance: to what was asked, 0–1; comparable within one search only (see ``ranking.py``).
    """

    title: str
    authors: tuple[str, ...]
    year: int | None
    venue: str | None
    doi: str | None
    url: str
    abstract: str | None
    found_in: tuple[str, ...]
    relevance: float = 0.0


@dataclass(frozen=True, slots=True)
class Link:
    """A search that a reader may follow.

    Attributes:
        name: of the search engine.
        url: https.
    """

    name: str
    url: str


SearchLinks = tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A service that gave nothing.

    Attributes:
        service: its plug-in's name.
        reason: completes "SERVICE …", such as ``answered 503 Service Unavailable``.
        reached: whether it answered at all.
    """

    service: str
    reason: str
    reached: bool


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """What a search gave.

    Attributes:
        sources: the most relevant first; at most as many as were asked for.
        links: ready-made searches, there with and without a network.
        failures: services that gave nothing, and why.
        offline: no service could be reached, or none was to be. What is in ``sources`` then was remembered.
        terms: what was sent, and nothing else was.
    """

    sources: tuple[Source, ...]
    links: SearchLinks
    failures: tuple[Failure, ...]
    offline: bool
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How sources are looked for.

    Attributes:
        limit: most sources to return, 1–50.
        timeout_seconds: longest wait for one answer.
        patience_seconds: longest time for all of it: services, attempts and pauses between them.
        services: plug-ins of ``scholar/services``.
        since_year: earliest year of publication; a work whose year is not known is left out then.
        contact_email: told to the services, which treat those who say who they are better; None tells none.
        offline: ask nobody.
        cache_folder: where answers are remembered; None remembers none.
        cache_seconds: how long.
        keys: of services that give more to those who have one, by service.
        addresses: other servers that speak like a service, by service; https, or http on this machine.
        attempts: requests made of a busy service.
        largest_answer_bytes: longer answers are refused.

    Raises:
        SettingsError: a value makes no sense.
    """

    limit: int = 5
    timeout_seconds: float = 8.0
    patience_seconds: float = 20.0
    services: tuple[str, ...] = SERVICES
    since_year: int | None = None
    contact_email: str | None = None
    offline: bool = False
    cache_folder: Path | None = None
    cache_seconds: float = 7 * 86_400.0
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    addresses: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 3
    largest_answer_bytes: int = 4 << 20

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= LARGEST_LIMIT:
            raise SettingsError(f"{self.limit} sources were asked for: choose 1 to {LARGEST_LIMIT}.")
        for name in ("timeout_seconds", "patience_seconds"):
            if not (math.isfinite(seconds := getattr(self, name)) and seconds > 0):
                raise SettingsError(f"{name} is {seconds}: give a number of seconds above 0.")
        if self.since_year is not None and not 1000 <= self.since_year <= 9999:
            raise SettingsError(f"{self.since_year} is no year: give four digits.")
        if self.contact_email is not None and not _EMAIL.fullmatch(self.contact_email):
            raise SettingsError(f"{self.contact_email!r} is no e-mail address that can be told to a service.")
        for service, key in self.keys.items():
            if not _KEY.fullmatch(key):
                raise SettingsError(f"the key of {service} holds characters that no key has.")
        for service, address in self.addresses.items():
            if not permitted(address):
                raise SettingsError(f"{address_variable(service)} is {address}: give an https address.")
        if not self.services:
            raise SettingsError(f"no service is to be asked: choose from {', '.join(SERVICES)}.")
        if self.attempts < 1 or self.largest_answer_bytes < 1:
            raise SettingsError("attempts and largest_answer_bytes are at least 1.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> SourceOptions:
        """The options that the user's environment describes: offline, contact, keys, addresses, cache."""

        def told(variables: Mapping[str, str]) -> dict[str, str]:
            values = {name: environment.get(variable, "").strip() for name, variable in variables.items()}
            return {name: value for name, value in values.items() if value}

        return cls(
            contact_email=environment.get(CONTACT_VARIABLE, "").strip() or None,
            offline=is_offline(environment),
            cache_folder=default_cache(environment) / "sources",
            keys=told(KEY_VARIABLES),
            addresses=told({service: address_variable(service) for service in SERVICES}),
        )

    def but(self, **changes: object) -> SourceOptions:
        """The same with some values changed.

        Raises:
            SettingsError: a value makes no sense.
        """
        return replace(self, **changes)  # type: ignore[arg-type]


def as_document(found: SourcesFound) -> dict[str, object]:
    """What was found as JSON: the shape of ``mien sources --json``."""
    return {
        "terms": list(found.terms),
        "offline": found.offline,
        "sources": [
            {
                "title": source.title,
                "authors": list(source.authors),
                "year": source.year,
                "venue": source.venue,
                "doi": source.doi,
                "url": source.url,
                "abstract": source.abstract,
                "found_in": list(source.found_in),
                "relevance": round(source.relevance, 4),
            }
            for source in found.sources
        ],
        "links": [{"name": link.name, "url": link.url} for link in found.links],
        "failures": [{"service": failure.service, "reason": failure.reason} for failure in found.failures],
    }
