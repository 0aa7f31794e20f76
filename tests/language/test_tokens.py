"""Texts in pieces, with the shipped vocabulary."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien import models
from mien.core.errors import WeightsError
from mien.language.tokens import PieceReader

LONGEST = 96
DOCUMENT = (models.bundled_text()[models.DEFAULT_TEXT_CLASSIFIER] / "tokenizer.json").read_text(encoding="utf-8")
READER = PieceReader(DOCUMENT, LONGEST)


def ids(text: str) -> list[int]:
    return [piece for window in READER.read([text])[0].windows for piece in window[1:-1]]


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000", "\x00\x07\x1b", "\u200b\ufeff"])
def test_a_text_of_nothing_has_no_pieces(text: str) -> None:
    pieces = READER.read([text])[0]
    assert (pieces.windows, pieces.known) == ((), 0.0)


def test_case_accents_and_control_characters_do_not_matter() -> None:
    assert ids("Déjà vu") == ids("deja\x00 VU\x1b") == ids("  deja \t vu ")


def test_an_emoji_is_one_piece_wherever_it_stands() -> None:
    laughing = ids("😂")
    assert len(laughing) == 1
    assert ids("so good😂😂ok") == [*ids("so good"), *laughing, *laughing, *ids("ok")]


def test_skin_tones_and_variation_selectors_are_left_out() -> None:
    assert ids("👍🏽") == ids("👍")
    assert ids("❤\ufe0f") == ids("❤")


def test_english_words_that_were_pruned_are_spelled_with_what_is_left() -> None:
    for word in ("zygomaticus", "qwertyuiop", "antidisestablishmentarianism", "x" * 60):
        assert READER.read([word])[0].known == 1.0


def test_other_scripts_are_unknown_and_counted() -> None:
    assert READER.read(["这个电影很可怕"])[0].known == 0.0
    assert READER.read(["страшно"])[0].known < 0.5
    assert 0 < READER.read(["so scary 怖"])[0].known < 1


def test_a_long_text_is_read_whole_in_windows() -> None:
    text = " ".join(["good"] * 500)
    windows = READER.read([text])[0].windows
    assert sum(len(window) - 2 for window in windows) == 500
    assert max(map(len, windows)) == LONGEST
    assert len({(window[0], window[-1]) for window in windows}) == 1


def test_written_out_special_pieces_are_words() -> None:
    (window,) = READER.read(["[CLS] [SEP] [PAD] [UNK]"])[0].windows
    assert not {window[0], window[-1], 0, 1} & set(window[1:-1])


def test_a_lone_surrogate_does_not_stop_reading() -> None:
    assert READER.read(["fine \ud83d"])[0].known > 0


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400))
def test_any_text_can_be_read(text: str) -> None:
    (pieces,) = READER.read([text])
    assert 0.0 <= pieces.known <= 1.0
    assert all(2 < len(window) <= LONGEST for window in pieces.windows)
    assert (pieces.known == 0.0) or pieces.windows


@pytest.mark.parametrize("document", ["", "{}", "[]", '{"model": {"type": "WordPiece"}}'])
def test_what_is_no_tokenizer_is_told(document: str) -> None:
    with pytest.raises(WeightsError, match=r"tokenizer\.json"):
        PieceReader(document, LONGEST)
