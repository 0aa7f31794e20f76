"""Sessions of one person as one: whoever watched ten times is one person, not ten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from mien.analysis.sessions import SessionSet
from mien.core.errors import InputError

JOINT: Final = "+"
"""Between the names of sessions in the name of a row."""


def one_each(sessions: SessionSet, persons: Sequence[Hashable | None]) -> SessionSet:
    """A set in which every person is one row: smallest groups, gates and permutations then count people.

    A person's value at a step is the mean of their sessions by weight; weight and faces read at once are the largest of
    any session that counts there. What they declared stays where it is the same in all their sessions, and is empty
    where one says nothing: what may not be used of one session is not used of their mean.

    A row is named by all its sessions, so a person with a session more is told from the person before: what changed
    between two answers is theirs alone.

    Args:
        sessions: S of them.
        persons: S, whose each is; None for a session that is nobody's in particular and stays as it is.

    Returns:
        Rows in the order in which persons come first; the set itself where nobody comes twice.

    Raises:
        InputError: there are not as many persons as sessions.
    """
    if len(persons) != len(sessions):
        raise InputError(f"{len(persons)} persons cannot be those of {len(sessions)} sessions.")
    of: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, person in enumerate(persons):
        of[(None, place) if person is None else (person,)].append(place)
    groups = list(of.values())
    if len(groups) == len(sessions):
        return sessions
    firsts = [group[0] for group in groups]
    kept = sessions.select(firsts)
    series = {name: kept.series[name].copy() for name in kept.series}
    weights, readable = kept.weights.copy(), kept.readable.copy()
    names = list(kept.names)
    told = {name: list(values) for name, values in kept.attributes.items()}
    for row, group in enumerate(groups):
        if len(group) == 1:
            continue
        names[row] = JOINT.join(sorted(sessions.names[place] for place in group))
        read = np.zeros((len(group), sessions.base.steps), np.bool_)
        for name in series:
            values = sessions.series[name][group]
            counts = ~np.isnan(values) & (sessions.weights[group] > 0)
            counted = np.where(counts, sessions.weights[group], 0).astype(np.float64)
            total = counted.sum(axis=0)
            summed = (np.where(counts, values, 0) * counted).sum(axis=0)
            series[name][row] = np.divide(summed, total, out=np.full_like(total, np.nan), where=total > 0)
            read |= counts
        weights[row] = np.where(read, sessions.weights[group], 0).max(axis=0)
        readable[row] = np.where(read, sessions.readable[group], 0).max(axis=0)
        for name, values_of in sessions.attributes.items():
            said = {values_of[place] for place in group}
            told[name][row] = said.pop() if len(said) == 1 else ""
    return replace(
        kept,
        names=tuple(names),
        series=series,
        weights=weights,
        readable=readable,
        attributes={name: tuple(values) for name, values in told.items()},
    )
