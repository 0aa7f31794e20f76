"""What each service is asked, word for word, and what is made of its own answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mien.scholar.service import AnswerError, Query
from mien.scholar.services import arxiv, crossref, openalex, semantic_scholar
from mien.scholar.source import Source
from tests.scholar.answers import ARXIV, ARXIV_ERROR, CROSSREF, OPENALEX, SEMANTIC_SCHOLAR, WORKS

QUERY = Query(("emotion recognition", "audience-effect", "NOT"), 15, contact_email="ada@example.org")
TITLE = "Emotion recognition of cinema audiences in the dark"


def asked(address: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}{parts.path}", {k: v[0] for k, v in parse_qs(parts.query).items()}


def changed(answer: dict[str, Any], path: tuple[Any, ...], value: Any) -> bytes:
    """An answer with one value exchanged."""
    copy = json.loads(json.dumps(answer))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(copy).encode()


# OpenAlex


def test_openalex_is_asked_for_any_of_the_phrases() -> None:
    address, query = asked(openalex.create(None, "key").request(QUERY).address)
    assert address == "https://api.openalex.org/works"
    assert query["search"] == '"emotion recognition" OR "audience-effect" OR "not"'
    assert (query["per_page"], query["mailto"], query["api_key"]) == ("15", "ada@example.org", "key")
    assert "abstract_inverted_index" in query["select"]


def test_openalex_tells_a_work() -> None:
    first, second = openalex.create().read(WORKS["openalex"])
    assert first == Source(
        title=TITLE,
        authors=("Ada Lindqvist", "Bo Ruiz"),
        year=2021,
        venue="Journal of Audience Studies",
        doi="10.5555/hall.2021.7",
        url="https://doi.org/10.5555/hall.2021.7",
        abstract="Faces of an audience tell fear.",
        found_in=("openalex",),
    )
    assert (second.title, second.url) == ("Popcorn & attention", "https://openalex.org/W4200000002")
    assert (second.doi, second.venue, second.abstract, second.authors) == (None, None, None, ())


@pytest.mark.parametrize("flag", ["is_retracted", "is_paratext"])
def test_what_openalex_calls_retracted_or_no_work_is_left_out(flag: str) -> None:
    (left,) = openalex.create().read(changed(OPENALEX, ("results", 0, flag), True))
    assert left.title == "Popcorn & attention"


def test_one_work_in_another_shape_costs_no_other() -> None:
    (left,) = openalex.create().read(changed(OPENALEX, ("results", 0), {"id": 7}))
    assert left.title == "Popcorn & attention"
    with pytest.raises(AnswerError, match="another shape"):
        openalex.create().read(changed(OPENALEX, ("results",), [1, None, {"id": []}]))


def test_an_index_with_positions_out_of_any_abstract_costs_no_memory() -> None:
    index = {"far": [10**15], "near": [0], "of": list(range(1, 50_000))}
    (first, _) = openalex.create().read(changed(OPENALEX, ("results", 0, "abstract_inverted_index"), index))
    assert first.abstract is not None
    assert first.abstract.startswith("near of of")
    assert len(first.abstract) <= 3_000


# Crossref


def test_crossref_is_asked_for_the_words() -> None:
    address, query = asked(crossref.create().request(QUERY).address)
    assert address == "https://api.crossref.org/works"
    assert query["query.bibliographic"] == "emotion recognition audience-effect NOT"
    assert (query["rows"], query["mailto"]) == ("15", "ada@example.org")
    assert query["select"].split(",") == [
        "DOI",
        "title",
        "author",
        "issued",
        "container-title",
        "abstract",
        "URL",
        "type",
    ]


def test_crossref_tells_a_work() -> None:
    first, second = crossref.create().read(WORKS["crossref"])
    assert first.authors == ("Ada Lindqvist", "Bo Ruiz", "The Hall Consortium")
    assert first.abstract == "Abstract Faces of an audience, read < 1 lux."
    assert (first.year, first.venue) == (2021, "Journal of Audience Studies")
    assert (second.year, second.venue, second.abstract) == (None, None, None)


@pytest.mark.parametrize("parts", [[], [[]], [[None]], [[0]], [[99999]]])
def test_a_date_that_is_none_is_no_year(parts: list[Any]) -> None:
    first, _ = crossref.create().read(changed(CROSSREF, ("message", "items", 0, "issued", "date-parts"), parts))
    assert first.year is None


def test_parts_of_works_are_no_sources() -> None:
    assert len(crossref.create().read(changed(CROSSREF, ("message", "items", 0, "type"), "component"))) == 1


# arXiv


def test_arxiv_is_asked_for_any_of_the_phrases() -> None:
    request = arxiv.create().request(QUERY)
    address, query = asked(request.address)
    assert address == "https://export.arxiv.org/api/query"
    assert query["search_query"] == 'all:"emotion recognition" OR all:"audience-effect" OR all:"not"'
    assert (query["max_results"], query["sortBy"]) == ("15", "relevance")
    assert request.accept == "application/atom+xml"
    _, since = asked(arxiv.create().request(Query(("fear",), 15, 2020)).address)
    assert since["search_query"] == '(all:"fear") AND submittedDate:[202001010000 TO 999912312359]'


def test_arxiv_tells_a_preprint_by_its_doi() -> None:
    first, second = arxiv.create().read(WORKS["arxiv"])
    assert (first.title, first.authors, first.year, first.venue) == (TITLE, ("Ada Lindqvist",), 2020, "arXiv")
    assert (first.doi, first.url) == ("10.48550/arxiv.2011.01234", "https://doi.org/10.48550/arxiv.2011.01234")
    assert first.abstract == "We read the faces of a cinema audience where x < 1 lux."
    assert (second.doi, second.venue, second.year) == ("10.5555/echo.2005", "Acta Acustica 91 (2005)", 2004)


def test_an_error_of_arxiv_is_no_work() -> None:
    with pytest.raises(AnswerError, match="answered with an error instead of works"):
        arxiv.create().read(ARXIV_ERROR.encode())


def test_an_entry_that_is_no_preprint_is_left_out() -> None:
    assert len(arxiv.create().read(ARXIV.replace("arxiv.org/abs/2011", "example.org/abs/2011").encode())) == 1


# Semantic Scholar


def test_semantic_scholar_is_asked_for_the_first_terms_without_hyphens() -> None:
    request = semantic_scholar.create(None, "key").request(Query(("a-b", "c", "d", "e"), 15))
    address, query = asked(request.address)
    assert address == "https://api.semanticscholar.org/graph/v1/paper/search"
    assert (query["query"], query["limit"]) == ("a b c d", "15")
    assert query["fields"] == "title,abstract,year,venue,externalIds,authors,url"
    assert request.headers == {"x-api-key": "key"}
    assert semantic_scholar.create().request(QUERY).headers == {}


def test_semantic_scholar_tells_a_work() -> None:
    first, second = semantic_scholar.create().read(WORKS["semantic_scholar"])
    assert (first.title, first.year, first.venue) == (TITLE, 2020, "arXiv.org")
    assert first.doi == "10.48550/arxiv.2011.01234"
    assert (second.doi, second.venue, second.year) == (None, None, None)
    assert second.url.startswith("https://www.semanticscholar.org/paper/")


def test_what_leads_nowhere_is_left_out() -> None:
    for url in ("javascript:alert(1)", "https://u:p@example.org/", "data:text/html,x", None, "https://"):
        assert len(semantic_scholar.create().read(changed(SEMANTIC_SCHOLAR, ("data", 1, "url"), url))) == 1
