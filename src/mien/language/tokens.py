"""Texts to word pieces, by the ``tokenizers`` library (extra ``[text]``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mien.core.errors import SettingsError, WeightsError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

OPENING, CLOSING, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"


@dataclass(frozen=True, slots=True)
class Pieces:
    """One text in pieces.

    Attributes:
        windows: piece ids of consecutive windows, each between its opening and closing piece; none for an empty text.
        known: share of the text's pieces that the vocabulary holds, 0–1; 0 for an empty text.
    """

    windows: tuple[tuple[int, ...], ...]
    known: float


class PieceReader:
    """Cuts texts into windows of pieces.

    Args:
        document: a tokenizer's JSON.
        longest: pieces a window may have, opening and closing one included.

    Raises:
        SettingsError: the library is not installed.
        WeightsError: not a tokenizer, or one without the pieces a window needs.
    """

    def __init__(self, document: str, longest: int) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise SettingsError("reading texts needs tokenizers: pip install 'mien[text]'") from error
        try:
            self._tokenizer: Tokenizer = Tokenizer.from_str(document)
        except Exception as error:
            raise WeightsError(f"the model's tokenizer.json cannot be read: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._opening, self._closing, self._unknown = (self._id(piece) for piece in (OPENING, CLOSING, UNKNOWN))
        self._room = longest - 2

    @property
    def pieces(self) -> int:
        """Pieces in the vocabulary."""
        return int(self._tokenizer.get_vocab_size())

    def read(self, texts: Sequence[str]) -> list[Pieces]:
        """Each text in pieces.

        A text is what its author typed, and may hold ``[CLS]`` or ``[SEP]``: written out they are words like others.
        """
        return [self._cut(text) for text in texts]

    def _id(self, piece: str) -> int:
        found = self._tokenizer.token_to_id(piece)
        if found is None:
            raise WeightsError(f"the model's tokenizer.json has no piece {piece}")
        return int(found)

    def _cut(self, text: str) -> Pieces:
        # A lone surrogate is no character and cannot be encoded.
        clean = text.encode("utf-8", "replace").decode("utf-8")
        for special in (OPENING, CLOSING, UNKNOWN, "[PAD]", "[MASK]"):
            clean = clean.replace(special, special.lower())
        ids = self._tokenizer.encode(clean, add_special_tokens=False).ids
        if not ids:
            return Pieces((), 0.0)
        parts = [ids[start : start + self._room] for start in range(0, len(ids), self._room)]
        windows = tuple((self._opening, *part, self._closing) for part in parts)
        return Pieces(windows, 1.0 - ids.count(self._unknown) / len(ids))
