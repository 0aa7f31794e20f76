"""One recording counted once: two sessions that hold the very same readings are one session and its copy.

Independence of sessions is what every interval and p-value across them rests on. A folder copied by accident, a report
measured twice under two names, or one version's sessions given as the other's would narrow every interval for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np

from mien.analysis.sessions import SessionSet
from mien.core.errors import InputError

_LEAST_DISTINCT: Final = 8
"""Different values that a session must hold to be told from another: two short or flat ones may agree by chance."""


def refuse_copies(versions: Sequence[SessionSet]) -> None:
    """Make sure that no session is told twice, in one version or in two.

    Sessions are compared by the values of the series that all versions share, in order of time; where on the film they
    lie does not matter. A session with fewer than eight different values is taken for itself.

    Args:
        versions: as they were read, before they are aligned.

    Raises:
        InputError: two sessions hold the same readings; the message names both.
    """
    shared = sorted(set.intersection(*(set(v.series) for v in versions))) if versions else []
    first: dict[bytes, tuple[str, str]] = {}
    for version in versions:
        for number, name in enumerate(version.names):
            digest = _digest(version, number, shared)
            if digest is None:
                continue
            known = first.setdefault(digest, (version.version, name))
            if known != (version.version, name):
                raise InputError(
                    f"session '{name}' of version '{version.version}' holds the very readings of session '{known[1]}' "
                    f"of version '{known[0]}': it is a copy and would count double. Remove one of them."
                )


def _digest(version: SessionSet, number: int, series: Sequence[str]) -> bytes | None:
    told = hashlib.sha256()
    distinct = 0
    for name in series:
        values = version.series[name][number]
        read = values[~np.isnan(values)]
        distinct = max(distinct, len(np.unique(read)))
        told.update(np.ascontiguousarray(read).tobytes() + b"|")
    return told.digest() if distinct >= _LEAST_DISTINCT else None
