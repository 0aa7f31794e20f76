"""Splits, vocabulary, drawn comments and batches."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from tokenizers import Tokenizer  # noqa: E402

from mien import models  # noqa: E402
from mien.core.labels import TEXT_ORIGINAL  # noqa: E402
from mien.training.text.data import batches, encode, name_people, pad, split  # noqa: E402
from mien.training.text.emoji import FEELINGS, drawn  # noqa: E402
from mien.training.text.vocabulary import prune  # noqa: E402
from tests.training.text.toy import published  # noqa: E402


def test_a_split_shares_out_every_label_and_keeps_copies_together() -> None:
    generator = np.random.default_rng(0)
    targets = np.zeros((600, 5), np.float32)
    targets[np.arange(600), generator.choice(5, 600, p=[0.5, 0.3, 0.1, 0.05, 0.05])] = 1
    texts = [f"comment {i}" for i in range(500)] + [f"Comment {i} " for i in range(100)]
    parts = split(texts, targets, 0.2)
    assert sorted([*parts.fit, *parts.tune]) == list(range(600))
    assert not {texts[i].strip().lower() for i in parts.fit} & {texts[i].strip().lower() for i in parts.tune}
    for label in range(5):
        share = targets[parts.tune, label].sum() / targets[:, label].sum()
        assert 0.1 < share < 0.35
    again = split(texts, targets, 0.2)
    np.testing.assert_array_equal(again.tune, parts.tune)


def test_batches_hold_each_text_once_and_texts_of_like_length() -> None:
    lengths = np.random.default_rng(1).integers(3, 60, 5000).tolist()
    found = list(batches(lengths, 32, np.random.default_rng(2)))
    assert sorted(i for batch in found for i in batch) == list(range(5000))
    padded = sum(max(lengths[i] for i in batch) * len(batch) for batch in found)
    assert padded < 1.08 * sum(lengths)
    assert [i for batch in batches(lengths, 32, None) for i in batch] == np.argsort(lengths, kind="stable").tolist()


def test_padding_is_masked() -> None:
    ids, mask = pad([[2, 7, 3], [2, 3]])
    assert ids.tolist() == [[2, 7, 3], [2, 3, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0]]


def test_hidden_names_become_names() -> None:
    text = name_people("[NAME] hates [NAME]!", np.random.default_rng(0))
    assert "[NAME]" not in text
    assert text.endswith("!")


def test_every_emoji_is_taught_alone_and_after_a_neutral_comment() -> None:
    texts, targets = drawn(["It is nine."], 1, np.random.default_rng(0))
    assert (targets.sum(axis=1) == 1).all()
    for label, symbols in FEELINGS.items():
        for symbol in symbols:
            rows = [i for i, text in enumerate(texts) if text.endswith(symbol)]
            assert {targets[i, TEXT_ORIGINAL.index(label)] for i in rows} == {1.0}, symbol
            assert {texts[i].startswith("It is nine. ") for i in rows} == {True, False}


def test_every_emoji_that_is_taught_is_a_piece_of_the_shipped_vocabulary() -> None:
    folder = models.bundled_text()[models.DEFAULT_TEXT_CLASSIFIER]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert [s for symbols in FEELINGS.values() for s in symbols if tokenizer.token_to_id(s) is None] == []


def test_pruning_keeps_what_is_seen_and_spells_the_rest() -> None:
    old = json.loads(published())["model"]["vocab"]
    embeddings = torch.arange(len(old) * 4, dtype=torch.float32).reshape(len(old), 4)
    vocabulary = prune(published(), embeddings, ["Good films! 😂", "good film 🦀🦀🦀"], minimum_count=2, common=0)
    tokenizer = Tokenizer.from_str(vocabulary.tokenizer)
    assert tokenizer.encode("good film", add_special_tokens=False).tokens == ["good", "film"]
    assert tokenizer.encode("bad", add_special_tokens=False).tokens == ["b", "##a", "##d"]
    assert tokenizer.encode("good😂🦀", add_special_tokens=False).tokens == ["good", "😂", "🦀"]
    kept = tokenizer.token_to_id("film")
    torch.testing.assert_close(vocabulary.embeddings[kept], embeddings[old["film"]])
    assert len(vocabulary.embeddings) == tokenizer.get_vocab_size()
    assert [tokenizer.token_to_id(piece) for piece in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")] == [0, 1, 2, 3]


def test_long_comments_are_cut_and_closed() -> None:
    tokenizer = Tokenizer.from_str(published())
    (row,) = encode(tokenizer, ["good " * 50], 10)
    assert len(row) == 10
    assert row[-1] == tokenizer.token_to_id("[SEP]")
