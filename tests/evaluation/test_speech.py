"""Word error rate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.evaluation.speech import WordErrors, spoken, word_errors


def test_case_punctuation_and_titles_are_no_errors() -> None:
    assert spoken("Mr. Brown’s well-known house… is OLD!") == [
        "mister",
        "brown's",
        "well",
        "known",
        "house",
        "is",
        "old",
    ]


@pytest.mark.parametrize(
    ("said", "written", "errors"),
    [
        ("a b c", "a b c", (0, 0, 0)),
        ("a b c", "a x c", (1, 0, 0)),
        ("a b c", "a c", (0, 1, 0)),
        ("a c", "a b c", (0, 0, 1)),
        ("a b c", "", (0, 3, 0)),
        ("", "a", (0, 0, 1)),
    ],
)
def test_errors_are_counted_by_kind(said: str, written: str, errors: tuple[int, int, int]) -> None:
    found = word_errors(said, written)
    assert (found.substituted, found.deleted, found.inserted) == errors
    assert found.words == len(said.split())


def test_the_rate_is_errors_a_word_said() -> None:
    assert word_errors("a b c d", "a x c").rate == pytest.approx(0.5)
    assert word_errors("", "").rate == 0
    assert word_errors("", "a b").rate == 1
    assert (WordErrors(2, 1, 0, 0) + WordErrors(6, 0, 1, 0)).rate == pytest.approx(0.25)


sentences = st.lists(st.sampled_from("abcd"), max_size=8).map(" ".join)


@given(sentences, sentences)
def test_it_is_a_distance(a: str, b: str) -> None:
    there, back = word_errors(a, b), word_errors(b, a)
    total = there.substituted + there.deleted + there.inserted
    assert total == back.substituted + back.deleted + back.inserted
    assert (total == 0) == (a == b)
    assert there.deleted - there.inserted == len(a.split()) - len(b.split())
    assert total <= max(len(a.split()), len(b.split()))
