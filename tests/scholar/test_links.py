"""Searches to follow, as the engines' own pages write them."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from mien.scholar import search_links


def test_five_engines_are_linked_word_for_word() -> None:
    assert [(link.name, link.url) for link in search_links(("emotion recognition", "naïve & bold"))] == [
        ("Google Scholar", "https://scholar.google.com/scholar?q=emotion+recognition+na%C3%AFve+bold&as_ylo=2020"),
        ("arXiv", "https://arxiv.org/search/?query=emotion+recognition+na%C3%AFve+bold&searchtype=all"),
        (
            "DOAJ",
            "https://doaj.org/search/articles?ref=quick-search&source=%7B%22query%22%3A%7B%22query_string%22%3A%7B"
            "%22query%22%3A%22emotion+recognition+na%C3%AFve+bold%22%2C%22default_operator%22%3A%22AND%22%7D%7D%7D",
        ),
        ("BASE", "https://www.base-search.net/Search/Results?lookfor=emotion+recognition+na%C3%AFve+bold&type=all"),
        ("ResearchGate", "https://www.researchgate.net/search/publication?q=emotion+recognition+na%C3%AFve+bold"),
    ]


@pytest.mark.parametrize(
    ("terms", "asked"),
    [
        ([f"term{n}" for n in range(8)], "term0 term1 term2"),
        (["neural networks", "neural networks training", "data", "networks"], "neural networks data"),
        (["jump scares", "dark halls", "fear", "heart rate"], "jump scares dark halls fear"),
        (["jump scares", "dark halls", "heart rate"], "jump scares dark halls"),
        (["convolutional neural networks", "stochastic gradient descent", "loss"], None),
        (["fear of the dark in halls", "scare"], "fear of the dark in halls"),
    ],
)
def test_a_question_holds_few_words_and_none_twice(terms: list[str], asked: str | None) -> None:
    for link in search_links(terms):
        query = parse_qs(urlsplit(link.url).query)
        told = query.get("q") or query.get("lookfor") or query.get("query")
        if told is not None:
            assert told == [asked or "convolutional neural networks stochastic gradient descent"]


def test_doaj_is_asked_in_json() -> None:
    doaj = search_links(('fear "x" \\',))[2]
    asked = json.loads(parse_qs(urlsplit(doaj.url).query)["source"][0])
    assert asked["query"]["query_string"] == {"query": "fear x", "default_operator": "AND"}


def test_the_year_may_be_another() -> None:
    assert "as_ylo=2024" in search_links(("fear",), 2024)[0].url
