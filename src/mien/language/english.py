"""Whether a text is plainly in another language than English, told by its small words and by how its words fall apart.

It is a check for a classifier that reads English only, not a language detector: it refuses a text in which hardly any
word is a small English one and whose words the English vocabulary holds in fragments only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mien.language.stop_words import STOP_WORDS

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_HIDDEN: Final = re.compile(r"\[[A-Z]+\]")


@dataclass(frozen=True, slots=True)
class EnglishOptions:
    """When a text counts as English.

    Attributes:
        least_words: a shorter text always does: too little can be told of it.
        small_share: it does where more of its words than this are small English ones.
        pieces_a_word: it does where its words have fewer pieces of the vocabulary each, on average.
    """

    least_words: int = 6
    small_share: float = 0.15
    pieces_a_word: float = 1.5


def is_foreign(text: str, pieces: Callable[[str], int], options: EnglishOptions | None = None) -> bool:
    """Whether a text is plainly not English. Of one in a script of its own the vocabulary itself tells.

    Args:
        text: of any length.
        pieces: how many pieces of an English vocabulary a text has; asked only where small words are few.
        options: when a text counts as English.
    """
    options = options or EnglishOptions()
    words = [word.lower().replace("’", "'") for word in _WORD.findall(_HIDDEN.sub(" ", text))]
    if len(words) < options.least_words:
        return False
    small = sum(word in STOP_WORDS for word in words)
    return small <= options.small_share * len(words) and pieces(" ".join(words)) >= options.pieces_a_word * len(words)
