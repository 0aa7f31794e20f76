"""What every catalogue of scholarly works owes; the files in ``mien/scholar/services`` are discovered, not listed."""

from __future__ import annotations

import unicodedata
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core import plugins
from mien.scholar import SERVICES, SourceOptions
from mien.scholar.search import open_service
from mien.scholar.service import KIND, AnswerError, Query, Service
from tests.scholar.answers import NOTHING, WORKS

NAMES = plugins.available(KIND)
TERMS = ("emotion recognition", "AND", 'c++ "x"')


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def service(name: str) -> Service:
    return open_service(name, SourceOptions())


def test_all_are_asked_by_default() -> None:
    assert sorted(SERVICES) == sorted(NAMES)


def test_it_is_asked_over_https_by_one_address(service: Service) -> None:
    request = service.request(Query(TERMS, 15))
    parts = urlsplit(request.address)
    assert parts.scheme == "https"
    assert request.address.isascii()
    assert " " not in request.address
    assert len(request.address) < 4_000
    assert service.title
    assert service.pause_seconds >= 1


def test_another_address_is_asked_in_its_place(name: str) -> None:
    options = SourceOptions(addresses={name: "https://mirror.example.org/base/"})
    request = open_service(name, options).request(Query(TERMS, 15))
    assert request.address.startswith("https://mirror.example.org/base/")
    assert "//" not in urlsplit(request.address).path


def test_rows_years_and_terms_change_the_question_and_nothing_private_does(name: str) -> None:
    service = open_service(name, SourceOptions(keys={name: "secret"}))
    asked = [
        Query(TERMS, 15),
        Query(TERMS, 16),
        Query(("popcorn",), 15),
        Query(TERMS, 15, since_year=2020),
    ]
    questions = {service.request(query).question for query in asked}
    assert len(questions) == len(asked)
    polite = service.request(Query(TERMS, 15, contact_email="ada@example.org"))
    assert polite.question in questions
    assert "secret" not in polite.question + repr(polite)
    assert "ada" not in polite.question + repr(polite)


def test_its_works_are_plain_and_lead_somewhere(name: str, service: Service) -> None:
    works = service.read(WORKS[name])
    assert len(works) == 2
    for work in works:
        assert work.found_in == (name,)
        assert urlsplit(work.url).scheme in ("http", "https")
        for text in (work.title, work.venue or "", work.abstract or "", *work.authors):
            assert "<" not in text.replace("< 1 lux", "")
            assert not any(unicodedata.category(c).startswith("C") for c in text)
        assert work.doi is None or work.url.startswith("https://doi.org/10.")


def test_nothing_found_is_no_works(name: str, service: Service) -> None:
    assert service.read(NOTHING[name]) == ()


def test_any_part_of_an_answer_is_read_or_refused(name: str, service: Service) -> None:
    whole = WORKS[name]
    for end in range(0, len(whole.rstrip()) - 1, 7):
        with pytest.raises(AnswerError):
            service.read(whole[:end])


@given(at=st.integers(0), byte=st.integers(0, 255), body=st.binary(max_size=60))
def test_no_bytes_make_it_fail_otherwise(at: int, byte: int, body: bytes) -> None:
    for name in NAMES:
        service = open_service(name, SourceOptions())
        whole = bytearray(WORKS[name])
        whole[at % len(whole)] = byte
        for answer in (bytes(whole), body):
            try:
                works = service.read(answer)
            except AnswerError:
                continue
            assert all(work.title and work.url for work in works)
