"""Options that make no sense are refused, and the environment is read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from mien.core.errors import SettingsError
from mien.scholar import Failure, Link, Source, SourceOptions, SourcesFound, as_document


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": 51},
        {"timeout_seconds": 0},
        {"patience_seconds": math.nan},
        {"since_year": 20},
        {"contact_email": "ada"},
        {"contact_email": "ada@example.org\r\nX-Evil: 1"},
        {"keys": {"openalex": "a\nb"}},
        {"addresses": {"openalex": "http://example.org"}},
        {"services": ()},
        {"attempts": 0},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        SourceOptions(**wrong)


def test_the_environment_tells_what_is_ones_own(tmp_path: Path) -> None:
    told = SourceOptions.from_environment(
        {
            "MIEN_OFFLINE": "1",
            "MIEN_CACHE": str(tmp_path),
            "MIEN_CONTACT_EMAIL": " ada@example.org ",
            "OPENALEX_API_KEY": "k",
            "SEMANTIC_SCHOLAR_API_KEY": "",
            "MIEN_CROSSREF_ADDRESS": "https://mirror.example.org",
        }
    )
    assert (told.offline, told.cache_folder, told.contact_email) == (True, tmp_path / "sources", "ada@example.org")
    assert (dict(told.keys), dict(told.addresses)) == ({"openalex": "k"}, {"crossref": "https://mirror.example.org"})


def test_nothing_in_the_environment_is_nobody_told() -> None:
    told = SourceOptions.from_environment({})
    assert (told.offline, told.contact_email, dict(told.keys)) == (False, None, {})


def test_a_document_tells_everything_that_was_found() -> None:
    source = Source("Fear", ("A B",), 2021, "J", "10.1000/a", "https://doi.org/10.1000/a", "x", ("arxiv",), 0.123456)
    found = SourcesFound((source,), (Link("BASE", "https://b"),), (Failure("crossref", "x", True),), False, ("fear",))
    assert json.loads(json.dumps(as_document(found))) == {
        "terms": ["fear"],
        "offline": False,
        "sources": [
            {
                "title": "Fear",
                "authors": ["A B"],
                "year": 2021,
                "venue": "J",
                "doi": "10.1000/a",
                "url": "https://doi.org/10.1000/a",
                "abstract": "x",
                "found_in": ["arxiv"],
                "relevance": 0.1235,
            }
        ],
        "links": [{"name": "BASE", "url": "https://b"}],
        "failures": [{"service": "crossref", "reason": "x"}],
    }
