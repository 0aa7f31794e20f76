"""Summaries out of a text's own sentences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.language.summarising import SummaryOptions, pick, pick_summary, rank, tf_idf

TALK = (
    "Good evening everybody!",
    "Audience attention falls during long dialogue in horror films.",
    "My cat likes tuna with yoghurt and rice.",
    "Attention of an audience rises before scares in horror films.",
    "Horror films hold the attention of their audience by scares.",
    "Scares in horror films need attention first.",
)


def test_it_picks_what_shares_most_with_the_rest() -> None:
    picked = pick_summary(TALK, "en", SummaryOptions(most_sentences=2, share=1))
    assert len(picked) == 2
    assert not {0, 2} & set(picked)


def test_it_does_not_say_the_same_twice() -> None:
    repeated = [TALK[4], TALK[4], TALK[4], TALK[1], TALK[2]]
    picked = pick_summary(repeated, "en", SummaryOptions(most_sentences=2, share=1, novelty=1.0))
    assert len({repeated[number] for number in picked}) == 2


def test_it_grows_with_the_text_up_to_its_most() -> None:
    assert len(pick_summary(TALK)) == 1
    assert len(pick_summary(TALK * 5)) == 5
    assert len(pick_summary(TALK * 50)) == 5
    assert pick_summary([]) == ()
    assert pick_summary(["Well."]) == (0,)


def test_ranks_are_those_of_the_whole_matrix() -> None:
    """PageRank over the cosines without its diagonal, solved as a linear system."""
    vectors = tf_idf([sentence.lower().split() for sentence in TALK[1:]])
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, 0)
    n = len(cosines)
    degree = cosines.sum(axis=0)
    step = np.where(degree > 0, cosines / np.where(degree > 0, degree, 1), 1 / n)
    expected = np.linalg.solve(np.eye(n) - 0.85 * step, np.full(n, 0.15 / n))
    assert rank(vectors) == pytest.approx(expected, abs=1e-8)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), min_size=1, max_size=12))
def test_ranks_are_shares_and_vectors_no_longer_than_one(sentences: list[list[str]]) -> None:
    vectors = tf_idf(sentences)
    assert (np.linalg.norm(vectors, axis=1) <= 1 + 1e-9).all()
    ranks = rank(vectors)
    assert ranks.sum() == pytest.approx(1)
    assert (ranks > 0).all()
    picked = pick(vectors, [len(s) for s in sentences])
    assert list(picked) == sorted(set(picked))
    assert len(picked) >= 1
