"""A tokenizer of a few words and an encoder of a few numbers."""

from __future__ import annotations

import json

import torch

from mien.training.text.encoder import EncoderShape, TextEncoder

WORDS = ("good", "bad", "happy", "sad", "film", "never", "##ing")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def published() -> str:
    """A tokenizer in the form of BERT's."""
    letters = [f"{mark}{chr(c)}" for mark in ("", "##") for c in range(ord("a"), ord("z") + 1)]
    vocabulary = {piece: i for i, piece in enumerate((*SPECIAL, "!", ".", *letters, *WORDS))}
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {
                    "id": vocabulary[name], "content": name, "single_word": False, "lstrip": False, "rstrip": False,
                    "normalized": False, "special": True,
                }
                for name in SPECIAL
            ],
            "normalizer": {
                "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                "lowercase": True,
            },
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [
                    {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
                ],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {
                    name: {"id": name, "ids": [vocabulary[name]], "tokens": [name]} for name in ("[CLS]", "[SEP]")
                },
            },
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {
                "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100, "vocab": vocabulary,
            },
        }
    )  # fmt: skip


def encoder(pieces: int, *, inner: int = 32, layers: int = 2) -> TextEncoder:
    torch.manual_seed(5)
    shape = EncoderShape(pieces, positions=24, width=16, layers=layers, heads=2, inner=inner)
    network = TextEncoder(shape, (28, 7), 0.0, 0.0)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return network.eval()
