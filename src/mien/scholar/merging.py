"""One work, one source: what several services know of the same work is put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mien.scholar.source import Source
from mien.scholar.wording import family_key, title_key

PREPRINT_DOIS: Final = "10.48550/"
MOST_YEARS_APART: Final = 3
"""Between a preprint and its publication."""


def merged(found: Sequence[Source]) -> tuple[Source, ...]:
    """Sources without copies, each where its first record stood.

    Two records tell of one work where their DOIs are equal, or where their titles are equal but for typography, their
    years no more than three apart and they share an author's family name (as far as years and authors are told). That
    holds for a preprint and its publication, whose DOIs differ.

    Args:
        found: records in the order of trust: where they differ, the first tells, a publication before a preprint.
    """
    groups: list[list[_Record]] = []
    for record in map(_Record.of, found):
        same = [group for group in groups if any(record.is_of_the_work_of(other) for other in group)]
        if not same:
            groups.append([record])
            continue
        same[0].append(record)
        for group in same[1:]:
            same[0] += group
            groups.remove(group)
    return tuple(_together([record.source for record in group]) for group in groups)


@dataclass(frozen=True, slots=True, eq=False)
class _Record:
    """A source, and what it is compared by."""

    source: Source
    title: str
    families: frozenset[str]

    @classmethod
    def of(cls, source: Source) -> _Record:
        families = frozenset(family_key(name) for name in source.authors) - {""}
        return cls(source, title_key(source.title), families)

    def is_of_the_work_of(self, other: _Record) -> bool:
        mine, yours = self.source, other.source
        if mine.doi is not None and mine.doi == yours.doi:
            return True
        if not self.title or self.title != other.title:
            return False
        if mine.year is not None and yours.year is not None and abs(mine.year - yours.year) > MOST_YEARS_APART:
            return False
        return not self.families or not other.families or not self.families.isdisjoint(other.families)


def _together(group: Sequence[Source]) -> Source:
    # Sorting is stable: within a kind the order of trust stays.
    records = sorted(group, key=lambda source: 2 if source.doi is None else source.doi.startswith(PREPRINT_DOIS))
    first = records[0]
    return Source(
        title=first.title,
        authors=max((record.authors for record in records), key=len),
        year=next((record.year for record in records if record.year is not None), None),
        venue=next((record.venue for record in records if record.venue), None),
        doi=first.doi,
        url=first.url,
        abstract=max((record.abstract for record in records if record.abstract), key=len, default=None),
        found_in=tuple(dict.fromkeys(name for record in group for name in record.found_in)),
    )
