"""The model's own vocabulary: the encoder's pieces that comments use, and emoji.

A word piece that is dropped is spelled with shorter ones that stay, so no English word becomes unknown: every single
character of the published vocabulary in Latin script is kept, at a word's start and inside it.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from torch import Tensor

SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
EMOJI_BLOCKS: Final = (
    (0x1F600, 0x1F64F),  # faces and gestures
    (0x1F910, 0x1F92F),  # more faces
    (0x1F970, 0x1F97A),  # more faces
    (0x1F493, 0x1F49F),  # hearts
)
EMOJI_ALONE: Final = (
    "☹☺❤♥💀💔💩💪💯👀👋👌👍👎👏👻🔥🎉🎊✨⭐🌟😂🤮"
    "🥰🥱🥲🥳🥴🥵🥶🥺🧡🤍🤎🖤💐🌹🌈☀🎂🎁🏆🥇✅❌❗❓"
    "🚀🙏🤝🤞🤟🤘✌✊👊🤡👿👹💢💥💦💤🩷🫠🫡🫣🫶🫂"
)
"""Emoji outside the blocks that comments often close with."""
SPLIT: Final = "[\\x{2600}-\\x{27BF}\\x{2B50}\\x{1F300}-\\x{1FAFF}]"
"""Symbols that stand for themselves: each is a token, also where it touches a word or another symbol."""
SKIN_TONES: Final = "[\\x{1F3FB}-\\x{1F3FF}\\x{FE0F}\\x{200D}]"
_EMPTY_WORDS = frozenset({"face", "with", "sign", "of", "and", "symbol", "the", "person", "mark"})


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A tokeniser and the embeddings of its pieces.

    Attributes:
        tokenizer: the tokenizer's JSON document.
        embeddings: float32 V×width, row i for piece i.
        kept: pieces taken over from the published vocabulary.
    """

    tokenizer: str
    embeddings: Tensor
    kept: int


def prune(published: str, embeddings: Tensor, texts: Sequence[str], minimum_count: int, common: int) -> Vocabulary:
    """The vocabulary that these texts need.

    Args:
        published: the tokenizer JSON of the encoder.
        embeddings: float32 V×width of its pieces.
        texts: what the pieces are counted in (training texts only).
        minimum_count: a piece seen this often is kept.
        common: so many of the published vocabulary's first word pieces are kept unseen; they are its most frequent.
    """
    document: dict[str, Any] = json.loads(published)
    tokenizer = Tokenizer.from_str(published)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    seen = Counter(i for encoding in tokenizer.encode_batch(list(texts)) for i in encoding.ids)
    old: dict[str, int] = document["model"]["vocab"]
    first = min(i for piece, i in old.items() if len(piece) > 1 and piece.isalpha())
    keep = [
        piece
        for piece, i in sorted(old.items(), key=lambda item: item[1])
        if piece not in SPECIAL
        and (seen[i] >= minimum_count or first <= i < first + common or _is_latin_character(piece))
        and not (piece.startswith("[") and len(piece) > 1)
    ]
    rows = [embeddings[old[piece]] for piece in (*SPECIAL, *keep)]
    added = [symbol for symbol in _emoji(texts) if symbol not in keep]
    rows += [_meaning(symbol, tokenizer, embeddings) for symbol in added]
    vocabulary = {piece: i for i, piece in enumerate((*SPECIAL, *keep, *added))}
    return Vocabulary(_document(document, vocabulary), torch.stack(rows), len(keep) + len(SPECIAL))


def _is_latin_character(piece: str) -> bool:
    character = piece.removeprefix("##")
    return len(character) == 1 and character.isascii()


def _emoji(texts: Iterable[str]) -> list[str]:
    symbols = {chr(code) for low, high in EMOJI_BLOCKS for code in range(low, high + 1)} | set(EMOJI_ALONE)
    seen = Counter(c for text in texts for c in text if 0x1F300 <= ord(c) <= 0x1FAFF or 0x2600 <= ord(c) <= 0x27BF)
    symbols |= {symbol for symbol, count in seen.items() if count >= 3}
    # Skin tones are taken out before splitting; unassigned code points have no name.
    return sorted(s for s in symbols if unicodedata.name(s, "") and not 0x1F3FB <= ord(s) <= 0x1F3FF)


def _meaning(symbol: str, tokenizer: Tokenizer, embeddings: Tensor) -> Tensor:
    """Where a symbol starts: at the mean of the words of its Unicode name."""
    words = [w for w in unicodedata.name(symbol).lower().replace("-", " ").split() if w not in _EMPTY_WORDS]
    ids = tokenizer.encode(" ".join(words or ["face"]), add_special_tokens=False).ids
    return embeddings[ids].mean(dim=0)


def _document(published: dict[str, Any], vocabulary: dict[str, int]) -> str:
    normalizer = published["normalizer"]
    document = {
        "version": published["version"],
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {**entry, "id": vocabulary[entry["content"]]}
            for entry in published["added_tokens"]
            if entry["content"] in SPECIAL
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Replace", "pattern": {"Regex": SKIN_TONES}, "content": ""},
                normalizer,
            ],
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": False},
                published["pre_tokenizer"],
            ],
        },
        "post_processor": {
            **published["post_processor"],
            "special_tokens": {
                name: {"id": name, "ids": [vocabulary[name]], "tokens": [name]} for name in ("[CLS]", "[SEP]")
            },
        },
        "decoder": published["decoder"],
        "model": {**published["model"], "vocab": vocabulary},
    }
    return json.dumps(document, ensure_ascii=False)
