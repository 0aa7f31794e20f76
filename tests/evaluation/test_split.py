"""Splits are seeded, balanced, and keep copies together."""

from __future__ import annotations

import numpy as np
import pytest

from mien.evaluation.faces import VotedFaces
from mien.evaluation.split import split


def faces(count: int = 400) -> VotedFaces:
    generator = np.random.default_rng(0)
    votes = np.zeros((count, 10), np.uint8)
    votes[np.arange(count), generator.choice(8, count, p=[0.4, 0.3, 0.1, 0.05, 0.05, 0.04, 0.03, 0.03])] = 10
    return VotedFaces(generator.integers(0, 256, (count, 48, 48), dtype=np.uint8), votes)


def test_every_row_falls_on_one_side() -> None:
    parts = split(faces(), (0.8, 0.1, 0.1), np.random.default_rng(1))
    everything = np.concatenate([parts.train, parts.valid, parts.test])
    assert sorted(everything.tolist()) == list(range(400))
    assert len(parts.train) == pytest.approx(320, abs=8)
    assert len(parts.valid) == pytest.approx(40, abs=8)


def test_each_side_has_the_mix_of_the_whole() -> None:
    data = faces(2000)
    parts = split(data, (0.8, 0.1, 0.1), np.random.default_rng(1))
    whole = np.bincount(data.votes.argmax(axis=1), minlength=8) / 2000
    for rows in (parts.train, parts.valid, parts.test):
        assert np.bincount(data.votes[rows].argmax(axis=1), minlength=8) / len(rows) == pytest.approx(whole, abs=0.03)


def test_copies_stay_on_one_side() -> None:
    base = faces(30)
    copies = np.clip(base.images * 0.7 + 20, 0, 255).astype(np.uint8)
    doubled = VotedFaces(np.concatenate([base.images, copies]), np.concatenate([base.votes, base.votes]))
    parts = split(doubled, (0.5, 0.25, 0.25), np.random.default_rng(2))
    for rows in (parts.train, parts.valid, parts.test):
        assert len(rows) > 0
        assert set((rows % 30).tolist()) & set((np.delete(np.arange(60), rows) % 30).tolist()) == set()


def test_the_seed_decides() -> None:
    a, b, c = (split(faces(), (0.8, 0.1, 0.1), np.random.default_rng(s)) for s in (1, 1, 2))
    assert (a.test == b.test).all()
    assert a.test.tolist() != c.test.tolist()


def test_shares_must_be_whole() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        split(faces(10), (0.8, 0.1, 0.2), np.random.default_rng(0))
