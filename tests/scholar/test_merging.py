"""One work is one source."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.scholar.merging import merged
from mien.scholar.source import Source


def source(title: str = "Fear in halls", doi: str | None = None, **more: object) -> Source:
    made = Source(title, ("Ada Lindqvist",), 2021, None, doi, "https://example.org/", None, ("crossref",))
    return replace(made, **more)  # type: ignore[arg-type]


def test_records_with_one_doi_are_one_work_whatever_their_titles() -> None:
    assert len(merged([source(doi="10.1000/a"), source("Angst in Sälen", "10.1000/a", authors=())])) == 1


def test_records_with_one_title_are_one_work_whatever_its_typography() -> None:
    assert len(merged([source("Fear in halls"), source("Fear in Halls.", "10.1000/a")])) == 1


@pytest.mark.parametrize(
    "other",
    [
        source("Fear in malls"),
        source(year=2030),
        source(authors=("Bo Ruiz",)),
    ],
)
def test_other_titles_years_and_authors_are_other_works(other: Source) -> None:
    assert len(merged([source(), other])) == 2


def test_titles_of_signs_alone_tell_nothing() -> None:
    assert len(merged([source("?!"), source("!!")])) == 2


def test_a_publication_tells_before_its_preprint_and_what_it_lacks_comes_from_there() -> None:
    preprint = source(doi="10.48550/arxiv.2011.01234", year=2020, venue="arXiv", abstract="Long.", found_in=("arxiv",))
    published = source(doi="10.1000/a", authors=("A. Lindqvist", "B. Ruiz"), url="https://doi.org/10.1000/a")
    (one,) = merged([preprint, published])
    assert (one.doi, one.year, one.url) == ("10.1000/a", 2021, "https://doi.org/10.1000/a")
    assert (one.abstract, one.venue, one.authors) == ("Long.", "arXiv", ("A. Lindqvist", "B. Ruiz"))
    assert one.found_in == ("arxiv", "crossref")


def test_a_record_that_is_like_two_joins_them_in_any_order() -> None:
    records = [source("A hall", "10.1000/a"), source("A hall"), source("Another", "10.1000/a"), source("Another")]
    for order in permutations(records):
        assert len(merged(order)) == 1


RECORDS = st.builds(
    source,
    st.sampled_from(["Fear", "fear!", "Joy", "?"]),
    st.sampled_from([None, "10.1000/a", "10.1000/b", "10.48550/arxiv.1"]),
    year=st.sampled_from([None, 2000, 2002, 2010]),
    authors=st.sampled_from([(), ("Ada Lindqvist",), ("Bo Ruiz", "A. Lindqvist")]),
    found_in=st.sampled_from([("openalex",), ("crossref",), ("arxiv",)]),
)


@given(st.lists(RECORDS, max_size=8))
def test_merging_loses_no_doi_but_a_copys_and_no_two_with_one_doi_are_left(records: list[Source]) -> None:
    works = merged(records)
    assert len(works) <= len(records)
    dois = [work.doi for work in works if work.doi]
    assert len(dois) == len(set(dois))
    assert {name for work in works for name in work.found_in} == {name for r in records for name in r.found_in}


@given(st.lists(RECORDS, max_size=7), st.randoms())
def test_how_many_works_there_are_depends_on_no_order(records: list[Source], random: object) -> None:
    shuffled = list(records)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert len(merged(records)) == len(merged(shuffled))
