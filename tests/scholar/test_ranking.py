"""The most relevant first, by BM25."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.scholar.ranking import ranked
from mien.scholar.source import Source


def source(title: str, abstract: str | None = None, found_in: tuple[str, ...] = ("crossref",)) -> Source:
    return Source(title, (), None, None, None, "https://example.org/", abstract, found_in)


def titles(*sources: Source, terms: tuple[str, ...] = ("fear",), text: str = "") -> list[str]:
    return [found.title for found in ranked(sources, terms, text)]


def test_what_shares_no_word_is_left_out() -> None:
    assert titles(source("Cooking"), source("Fear")) == ["Fear"]


def test_a_title_says_more_than_an_abstract() -> None:
    assert titles(source("Cinema", "fear"), source("Fear", "cinema")) == ["Fear", "Cinema"]


def test_more_of_the_terms_is_more_relevant() -> None:
    assert titles(source("Fear"), source("Fear of heights"), terms=("fear", "heights"))[0] == "Fear of heights"


def test_a_long_text_does_not_drown_the_terms() -> None:
    text = " ".join(f"word{n}" for n in range(5_000)) + " fear"
    stray = source("Stray", " ".join(f"word{n}" for n in range(10)))
    assert titles(stray, source("Fear"), text=text)[0] == "Fear"


def test_forty_words_of_the_text_count() -> None:
    often = [f"word{n}" for n in range(40)]
    works = [source("Stray"), source(often[0]), source("Fear")]
    assert titles(*works, text=" ".join([*often * 3, "stray"])) == ["Fear", often[0]]


def test_the_text_decides_between_equals() -> None:
    assert titles(source("Fear of cats"), source("Fear of dogs"), text="The dogs bark.")[0] == "Fear of dogs"


def test_what_more_services_know_comes_first_among_equals() -> None:
    known = source("Fear y", found_in=("crossref", "arxiv"))
    assert titles(source("Fear x"), known, source("Fear z")) == ["Fear y", "Fear x", "Fear z"]


def test_a_work_of_its_words_alone_has_the_relevance_that_the_formula_gives() -> None:
    """One document of one word, thrice as a title: ``tf / (tf + k1)`` of the most there is, with ``tf`` = 3."""
    (found,) = ranked([source("Fear")], ("fear",), "")
    assert found.relevance == pytest.approx(3 / (3 + 1.2))


def test_a_rarer_word_weighs_more_by_as_much_as_the_formula_gives() -> None:
    """Three works of one length; two hold ``common``, one ``rare``: ln(4/3) + 1 against ln(4/2) + 1."""
    works = [source("common"), source("common"), source("rare")]
    both = {found.title: found.relevance for found in ranked(works, ("common", "rare"), "")}
    assert both["rare"] / both["common"] == pytest.approx((math.log(4 / 2) + 1) / (math.log(4 / 3) + 1))


WORDS = st.lists(st.sampled_from(["fear", "joy", "cinema", "dogs", "the"]), max_size=8).map(" ".join)


@given(st.lists(st.builds(source, WORDS, WORDS), max_size=6), st.lists(WORDS, max_size=3), WORDS)
def test_relevance_is_a_share_and_falls(works: list[Source], terms: list[str], text: str) -> None:
    found = ranked(works, terms, text)
    assert all(0 < one.relevance <= 1 for one in found)
    assert [one.relevance for one in found] == sorted((one.relevance for one in found), reverse=True)


@given(st.lists(st.builds(source, WORDS, WORDS), max_size=6))
def test_nothing_asked_is_nothing_found(works: list[Source]) -> None:
    assert ranked(works, (), "") == ()
