"""Texts that are plainly not English, by small words and pieces."""

from __future__ import annotations

import pytest

from mien.language.english import EnglishOptions, is_foreign


@pytest.mark.parametrize(
    ("text", "each", "foreign"),
    [
        ("Das war ein wunderschöner Abend und ich bin glücklich", 2.4, True),
        ("Das war ein wunderschöner Abend und ich bin glücklich", 1.4, False),
        ("The evening was beautiful and everybody seemed very happy", 2.4, False),
        ("Ich liebe dich von Herzen", 2.4, False),
        ("[NAME] [NAME] [NAME] [NAME] [NAME] [NAME]", 2.4, False),
        ("", 2.4, False),
    ],
)
def test_few_small_words_in_many_pieces_are_another_language(text: str, each: float, foreign: bool) -> None:
    assert is_foreign(text, lambda told: round(each * len(told.split()))) is foreign


def test_the_shares_are_limits_that_are_included() -> None:
    text = "the " + " ".join(["xyzzy"] * 9)
    options = EnglishOptions(least_words=10, small_share=0.1, pieces_a_word=2.0)
    assert is_foreign(text, lambda told: 20, options)
    assert not is_foreign(text, lambda told: 19, options)
    assert not is_foreign(f"the {text}", lambda told: 22, options)
