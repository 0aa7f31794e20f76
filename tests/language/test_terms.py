"""Key terms: RAKE's candidates and degrees, by how often they are said."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mien.language.stop_words import STOP_WORDS, is_stop, stem
from mien.language.terms import TermOptions, key_terms

TALK = (
    "Facial expressions change before a jump scare.",
    "We measured facial expressions in the dark, and a facial expression is no feeling.",
    "You know, a jump scare is what it is.",
)


def test_what_is_said_often_and_together_leads() -> None:
    terms = key_terms(TALK)
    assert [(t.text, t.count) for t in terms[:2]] == [("facial expressions", 3), ("jump scare", 2)]
    assert terms[0].weight == 1


def test_a_term_is_told_once_and_not_by_its_parts() -> None:
    told = [t.text for t in key_terms(TALK)]
    assert not {"facial", "expressions", "jump", "scare"} & set(told)


def test_the_weight_by_hand() -> None:
    # "red fox" twice: degree of either word 2 + 2 = 4, so 2 · 4; "hen" once, alone: 1 · 1.
    fox, hen = key_terms(["The red fox and the hen.", "A red fox!"])
    assert (fox.text, hen.text, hen.weight) == ("red fox", "hen", 1 / 8)


def test_no_term_runs_over_a_mark_or_is_longer_than_it_may_be() -> None:
    told = key_terms(
        ["Cinema, audience; cameras filming hidden microphones quietly everywhere"], None, TermOptions(20, 2)
    )
    assert all(len(t.text.split()) <= 2 for t in told)
    assert "Cinema audience" not in {t.text for t in told}


def test_other_languages_leave_out_short_words() -> None:
    assert [t.text for t in key_terms(["Das Publikum und der Film"], "de")] == ["Publikum"]


def test_a_text_of_small_words_has_no_term() -> None:
    assert key_terms(["It is what it is, and so on."]) == key_terms([]) == ()


def test_plurals_and_possessives_are_one_word() -> None:
    assert {stem(w) for w in ("Study", "studies", "study's")} == {"study"}
    assert (stem("glasses"), stem("bus"), stem("class")) == ("glass", "bus", "class")
    assert not is_stop("fear", "en")
    assert is_stop("don’t", "en")
    assert all(word == word.lower() for word in STOP_WORDS)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet="abcdefgh ’-.,", max_size=60), max_size=8))
def test_weights_fall_and_counts_are_of_what_was_said(sentences: list[str]) -> None:
    terms = key_terms(sentences)
    weights = [t.weight for t in terms]
    assert weights == sorted(weights, reverse=True)
    assert len({t.text.lower() for t in terms}) == len(terms)
    assert all(0 < t.weight <= 1 and t.count >= 1 for t in terms)
