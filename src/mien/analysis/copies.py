"""One recording counted once: two sessions made of one recording are one session and its copy.

Independence of sessions is what every interval and p-value across them rests on. A folder copied by accident, a
recording measured twice, an interrupted run beside the finished one, or one version's sessions given as the other's
would narrow every interval for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from mien.analysis.sessions import CellArray, SessionSet
from mien.core.errors import InputError

_LEAST_CHANGES: Final = 12
"""How often a series must change, at the same steps and to the same values, before agreement cannot be chance."""
_END_STEPS: Final = 64
"""Steps at either end by which a part of a recording is known as such."""


def refuse_copies(versions: Sequence[SessionSet]) -> None:
    """Make sure that no recording is told twice, in one version or in two.

    Recordings are known by what their reports say of them (:attr:`SessionSet.recordings`), and by their readings: two
    sessions whose series agree value for value, as a whole or over their first or last steps, are one. Where on the
    film they lie does not matter. Agreement counts where a series changes a dozen times at least.

    Args:
        versions: as they were read, before they are aligned.

    Raises:
        InputError: two sessions are of one recording; the message names both.
    """
    refuse_same_recordings(versions)
    shared = sorted(set.intersection(*(set(v.series) for v in versions))) if versions else []
    first: dict[bytes, tuple[str, str]] = {}
    for version in versions:
        for number, name in enumerate(version.names):
            for digest in _digests([version.series[one][number] for one in shared]):
                known = first.setdefault(digest, (version.version, name))
                if known != (version.version, name):
                    raise _twice(known, (version.version, name), "holds the very readings of")


def refuse_same_recordings(versions: Sequence[SessionSet]) -> None:
    """Make sure that no two sessions say that they were measured from one recording. No reading is looked at.

    Raises:
        InputError: two sessions do; the message names both.
    """
    first: dict[str, tuple[str, str]] = {}
    for version in versions:
        for name, recording in zip(version.names, version.recordings, strict=False):
            known = first.setdefault(recording, (version.version, name)) if recording else (version.version, name)
            if known != (version.version, name):
                raise _twice(known, (version.version, name), "was measured from the very recording of")


def _digests(series: Sequence[CellArray]) -> Iterator[bytes]:
    """Of the whole, of the start and of the end of what was read, where they can be told from chance."""
    told = [values[~np.isnan(values)] for values in series]
    for place, part in (("whole", slice(None)), ("start", slice(_END_STEPS)), ("end", slice(-_END_STEPS, None))):
        if place != "whole" and any(len(values) < _END_STEPS for values in told):
            continue
        kept = [np.ascontiguousarray(values[part]) for values in told]
        if max((np.count_nonzero(np.diff(values)) for values in kept), default=0) >= _LEAST_CHANGES:
            yield hashlib.sha256(place.encode() + b"|".join(values.tobytes() for values in kept)).digest()


def _twice(first: tuple[str, str], second: tuple[str, str], how: str) -> InputError:
    return InputError(
        f"session '{second[1]}' of version '{second[0]}' {how} session '{first[1]}' of version '{first[0]}': it is a "
        "copy and would count double. Remove one of them."
    )
