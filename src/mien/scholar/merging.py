"""One work, one source: what several services know of the same work is put together."""

from __future__ import annotations

from collections.abc import Sequence
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
    groups: list[list[Source]] = []
    for source in found:
        same = [group for group in groups if any(one_work(source, other) for other in group)]
        if not same:
            groups.append([source])
            continue
        same[0].append(source)
        for group in same[1:]:
            same[0] += group
            groups.remove(group)
    return tuple(_together(group) for group in groups)


def one_work(a: Source, b: Source) -> bool:
    """Whether two records tell of the same work."""
    if a.doi is not None and a.doi == b.doi:
        return True
    key = title_key(a.title)
    if not key or key != title_key(b.title):
        return False
    if a.year is not None and b.year is not None and abs(a.year - b.year) > MOST_YEARS_APART:
        return False
    names, others = ({family_key(name) for name in source.authors} - {""} for source in (a, b))
    return not names or not others or not names.isdisjoint(others)


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
