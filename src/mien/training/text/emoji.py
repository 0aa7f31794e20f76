"""What emoji say: GoEmotions holds few, and most of them once, so their meaning is taught from this table of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from mien.core.labels import TEXT_ORIGINAL
from mien.training.text.data import FloatArray

FEELINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "amusement": "😂🤣😆😹😝😜🤪",
        "joy": "😀😃😄😁😊🙂☺😺🥳😇",
        "love": "❤😍🥰😘💕💖💗💘💞💜💙💚💛🧡😻",
        "admiration": "👏🙌👍💯🔥🤩🏆",
        "gratitude": "🙏",
        "caring": "🤗🫂",
        "excitement": "🎉🎊✨",
        "pride": "💪😎",
        "relief": "😌😅",
        "sadness": "😢😭😿☹🙁😥🥺",
        "grief": "💔🖤",
        "disappointment": "😞😔😕😩😫",
        "remorse": "😣",
        "embarrassment": "😳🫣",
        "anger": "😡😠🤬👿💢",
        "annoyance": "🙄😒😤😑",
        "disapproval": "👎",
        "disgust": "🤢🤮🤧",
        "fear": "😱😨😰👻",
        "nervousness": "😬😟😖",
        "surprise": "😮😲😯🤯😧😦",
        "confusion": "😵🤷",
        "curiosity": "🤔👀",
    }
)
"""Emoji by the label that they most often carry in comments."""


def drawn(neutral: Sequence[str], copies: int, generator: np.random.Generator) -> tuple[list[str], FloatArray]:
    """Comments that an emoji decides: it alone, one to three times, and after a comment that says nothing.

    Args:
        neutral: comments labelled neutral alone.
        copies: of each kind and emoji.
        generator: draws repetitions and comments.

    Returns:
        Texts, and their float32 N×28 targets.
    """
    texts: list[str] = []
    rows: list[int] = []
    for label, symbols in FEELINGS.items():
        for symbol in symbols:
            for _ in range(copies):
                repeated = symbol * int(generator.integers(1, 4))
                before = neutral[int(generator.integers(len(neutral)))]
                texts += [repeated, f"{before} {repeated}"]
                rows += [TEXT_ORIGINAL.index(label)] * 2
    targets = np.zeros((len(texts), len(TEXT_ORIGINAL)), np.float32)
    targets[np.arange(len(rows)), rows] = 1.0
    return texts, targets
