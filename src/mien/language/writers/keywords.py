"""A summary of the text's own sentences, and queries of its key terms. Nothing leaves this machine."""

from __future__ import annotations

from collections.abc import Sequence

from mien.core.content import Term, Written
from mien.language.summarising import pick_summary
from mien.language.writing import QUERIES, Writer, WriterOptions


def create(options: WriterOptions) -> Keywords:
    """The writer."""
    return Keywords(options)


class Keywords(Writer):
    """Picks sentences (:mod:`mien.language.summarising`); searches for the strongest terms, two by two.

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
            queries=_queries([term.text for term in terms]),
        )


def _queries(terms: Sequence[str]) -> tuple[str, ...]:
    """The strongest term beside each of the next ones; alone where there is no other."""
    if len(terms) < 2:
        return tuple(terms)
    return tuple(f"{terms[0]} {other}" for other in terms[1 : QUERIES + 1])
