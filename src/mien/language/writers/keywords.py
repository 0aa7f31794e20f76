"""A summary of the text's own sentences, and queries of its key terms. Nothing leaves this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mien.core.content import Term, Written
from mien.language.summarising import pick_summary
from mien.language.writing import QUERIES, Writer, WriterOptions

_FEWEST: Final = 2


def create(options: WriterOptions) -> Keywords:
    """The writer."""
    return Keywords(options)


class Keywords(Writer):
    """Picks sentences (:mod:`mien.language.summarising`); searches for the strongest terms, each for itself.

    Args:
        options: the language; there is no model.
    """

    def __init__(self, options: WriterOptions) -> None:
        self.name = "keywords"
        self._language = options.language

    def write(self, sentences: Sequence[str], terms: Sequence[Term]) -> Written:
        """A summary and queries; no query where there is no term."""
        picked = pick_summary(sentences, self._language)
        return Written(
            writer=self.name,
            model=None,
            summary=tuple(sentences[number] for number in picked),
            picked=picked,
            queries=_queries(terms),
        )


def _queries(terms: Sequence[Term]) -> tuple[str, ...]:
    """The strongest terms; those said once only where hardly any was said again, since they find anything."""
    again = [term.text for term in terms if term.count > 1]
    return tuple(again if len(again) >= _FEWEST else [term.text for term in terms])[:QUERIES]
