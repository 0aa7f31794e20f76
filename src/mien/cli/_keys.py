"""Keys of services that the user's own ``.env`` holds."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

FILE: Final = Path(".env")
KEYS: Final = ("DEEPGRAM_API_KEY", "GOOGLE_API_KEY", "OPENALEX_API_KEY", "SEMANTIC_SCHOLAR_API_KEY")
"""Nothing else of the file is taken: it may be another program's."""


def take_keys(environment: MutableMapping[str, str], path: Path = FILE) -> None:
    """Put the keys of ``.env`` in the working folder into the environment; what is set there already goes before.

    Raises:
        SettingsError: the file is no list of ``NAME=value``.
    """
    if not path.is_file():
        return
    from mien.core.dotenv import read_dotenv

    told = read_dotenv(path)
    for name in KEYS:
        if told.get(name):
            environment.setdefault(name, told[name])
