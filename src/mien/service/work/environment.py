"""What a process that decodes strangers' files is told of its surroundings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

KEPT_VARIABLES: Final = (
    *("PATH", "LANG", "LC_ALL", "HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "PYTHONPATH"),
    *("MIEN_MODELS", "MIEN_CACHE", "MIEN_OFFLINE"),
)
"""Of the service's environment, what such a process gets: where things are, and no secret."""
_SINGLE: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""A process confines itself before it has threads; libraries of linear algebra start theirs when they are imported."""


def told_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Environment of such a process."""
    return {**{name: environment[name] for name in KEPT_VARIABLES if name in environment}, **_SINGLE}
