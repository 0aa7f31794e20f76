"""Words: what may be sent, what came back made plain, and what counts as the same."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import SettingsError
from mien.scholar.wording import (
    LONGEST_TERM_CHARACTERS,
    LONGEST_TERM_WORDS,
    MOST_TERMS,
    any_of,
    doi_address,
    doi_of,
    family_key,
    fitting_terms,
    key_terms,
    plain,
    title_key,
    web_address,
    without_markup,
    words_of,
)


def test_terms_are_trimmed_and_each_is_sent_once() -> None:
    assert key_terms(("  Jump  scares ", "jump scares", "c++", "Müller-Lyer", "10.5%", "", "?")) == (
        "Jump scares",
        "c++",
        "Müller-Lyer",
        "10.5",
    )


def test_terms_hold_no_syntax_of_a_search_engine() -> None:
    assert key_terms(['title:"fear" (joy) *~^{x}', "all:y\\\\z"]) == ("title fear joy x", "all y z")
    assert any_of(("fear", "cats AND dogs")) == '"fear" OR "cats and dogs"'


def test_a_long_term_is_sought_by_its_words_as_a_phrase_nobody_wrote_it() -> None:
    assert any_of(("fear of the dark in halls", "jump scare"), "all:") == (
        '(all:"fear" AND all:"dark" AND all:"halls") OR all:"jump scare"'
    )
    assert any_of(("to be or not to be",)) == '("to" AND "be" AND "or" AND "not" AND "to" AND "be")'


def test_of_what_a_machine_proposed_only_terms_are_taken() -> None:
    sentence = "in the end she told everybody what the doctor had said"
    assert fitting_terms((" jump  scares", sentence, "", "dark hall")) == ("jump scares", "dark hall")
    assert fitting_terms((sentence, "?")) == ()


def test_of_terms_within_each_other_the_first_is_taken() -> None:
    proposed = ("neural networks", "data neural networks", "training data", "Network", "data", "loss")
    assert fitting_terms(proposed) == ("neural networks", "training data", "loss")


@given(st.lists(st.text(max_size=40), max_size=12))
def test_what_is_sent_is_short_and_harmless(terms: list[str]) -> None:
    try:
        kept = key_terms(terms)
    except SettingsError:
        return
    assert 1 <= len(kept) <= MOST_TERMS
    for term in kept:
        assert len(term) <= LONGEST_TERM_CHARACTERS
        assert len(term.split()) <= LONGEST_TERM_WORDS
        assert not set(term) & set('"()[]{}:*?~^\\/|&!<>=\n\r\0')
        assert any(c.isalnum() for c in term)
    assert key_terms(kept) == kept


@pytest.mark.parametrize("sentence", ["one two three four five six seven eight nine", "x" * 81])
def test_a_sentence_is_refused(sentence: str) -> None:
    with pytest.raises(SettingsError, match="is no key term"):
        key_terms(["fear", sentence])


@given(st.text(max_size=300), st.integers(1, 50))
def test_plain_text_is_one_line_of_bounded_length(text: str, longest: int) -> None:
    line = plain(text, longest)
    assert len(line) <= longest
    assert line == " ".join(line.split())
    assert not any(unicodedata.category(c)[0] == "C" for c in line)


def test_a_terminal_is_told_no_commands() -> None:
    assert plain("red \x1b[31malert\x07 \u202eright-to-left\u200b") == "red [31malert right-to-left"


@pytest.mark.parametrize(
    ("marked", "text"),
    [
        ("<jats:p>One</jats:p><jats:p>two</jats:p>", "One two"),
        ("H<sub>2</sub>O &amp; &lt;b&gt;salt&lt;/b&gt;", "H 2 O & salt"),
        ("p < 0.05 and q > 3", "p < 0.05 and q > 3"),
        ("&amp;lt;script&amp;gt;x", "<script>x"),
        ("<" * 5_000, "<" * 99 + "…"),
    ],
)
def test_markup_goes_and_words_stay(marked: str, text: str) -> None:
    assert without_markup(marked, 100) == text


@pytest.mark.parametrize(
    "told",
    [
        "10.1000/ABC.d",
        "https://doi.org/10.1000/abc.D",
        "http://dx.doi.org/10.1000/abc.d",
        "doi:10.1000/abc.d",
        " DOI: 10.1000/abc.d ",
    ],
)
def test_a_doi_is_one_however_it_is_told(told: str) -> None:
    assert doi_of(told) == "10.1000/abc.d"


@pytest.mark.parametrize(
    "told", [None, "", "10.1000/", "11.1000/x", "https://example.org/10.1000/x", "10.1/x y", '10.1000/"']
)
def test_what_is_no_doi_is_none(told: str | None) -> None:
    assert doi_of(told) is None


def test_a_doi_is_escaped_where_it_is_linked() -> None:
    assert doi_address("10.1000/a#b?c%d(e)") == "https://doi.org/10.1000/a%23b%3Fc%25d(e)"


@pytest.mark.parametrize("told", ["https://example.org/a?b=c#d", "http://example.org"])
def test_pages_are_linked(told: str) -> None:
    assert web_address(told) == told


@pytest.mark.parametrize(
    "told",
    [
        "javascript:alert(1)",
        "https://",
        "https://[x",
        "//example.org",
        "https://a b",
        "https://a\n",
        None,
        "https://u@h/",
    ],
)
def test_what_is_no_page_is_not(told: str | None) -> None:
    assert web_address(told) is None


def test_titles_are_compared_without_typography() -> None:
    assert title_key("The “Naïve” Viewer—II") == title_key("the naive viewer ii")
    assert title_key("!?") == ""


@pytest.mark.parametrize("name", ["Ada Lindqvist", "A. Lindqvist", "Lindqvist, Ada", "LINDQVIST"])
def test_family_names_are_compared_however_they_are_written(name: str) -> None:
    assert family_key(name) == "lindqvist"


def test_words_that_carry_meaning() -> None:
    assert words_of("The audiences' faces, in studies of Fear — it's 3D") == ["audience", "face", "study", "fear", "3d"]
    assert words_of("We'll see: don’t they’re I'd fear") == ["see", "fear"]
    assert words_of("観客の感情 фильмы") == ["観", "客", "の", "感", "情", "фильмы"]
