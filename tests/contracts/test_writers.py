"""What every writer promises, whichever there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mien.core import plugins
from mien.language.terms import key_terms
from mien.language.writers import gemini
from mien.language.writing import KIND, QUERIES, Writer, WriterOptions
from tests.language.services import server

TALK = ("Audiences fear the dark.", "Horror films are dark.", "So audiences fear horror films.")
WROTE = {"summary": ["People fear the dark."], "queries": [f"fear of darkness {n}" for n in range(9)]}
ANSWER: dict[str, Any] = {"candidates": [{"content": {"parts": [{"text": json.dumps(WROTE)}]}}]}


@pytest.fixture(params=plugins.available(KIND))
def writer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Writer]:
    path = f"/v1beta/models/{gemini.DEFAULT_MODEL}:generateContent"
    with server((200, ANSWER), path=path) as fake:
        monkeypatch.setenv(gemini.KEY_VARIABLE, "secret")
        monkeypatch.setenv(gemini.ADDRESS_VARIABLE, fake.address)
        yield plugins.load(KIND, request.param).create(WriterOptions(language="en"))


def test_it_sums_up_and_says_who_did(writer: Writer) -> None:
    told = writer.write(TALK, key_terms(TALK))
    assert told.writer == writer.name
    assert told.summary
    assert 1 <= len(told.queries) <= QUERIES
    assert told.generated is (told.model is not None)
    if not told.generated:
        assert told.summary == tuple(TALK[number] for number in told.picked)
        assert writer.sends_to is None


def test_a_text_without_terms_is_no_error(writer: Writer) -> None:
    assert writer.write(["Well, and so it is."], ()).summary
