"""Names of the environment that look like settings and are none: a misspelt limit is no limit."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mien.core.dotenv import read_dotenv
from mien.service.settings import PREFIX, ServiceSettings

ELSEWHERE: Final = frozenset(
    f"{PREFIX}{name}"
    for name in (
        "BROWSER",
        "CACHE",
        "CAMERA_CA",
        "CAMERA_LOGIN",
        "CONTACT_EMAIL",
        "DEEPGRAM_ADDRESS",
        "EXPORT_TOOLS",
        "GOOGLE_ADDRESS",
        "HTTP_TOKEN",
        "MODELS",
        "OFFLINE",
    )
)
"""What other parts of Mien are told by the environment."""


def unknown(environ: Mapping[str, str], dotenv: Path | None = None) -> tuple[str, ...]:
    """A sentence for each name that begins as settings do and is none, with the nearest that is; no value.

    Args:
        environ, dotenv: as for :meth:`ServiceSettings.from_environment`.

    Raises:
        SettingsError: a line of the file says nothing.
    """
    known = {PREFIX + name.upper() for name in ServiceSettings.model_fields} | ELSEWHERE
    given = {*environ, *(read_dotenv(dotenv) if dotenv is not None else ())}
    told = []
    for name in sorted(given - known):
        if name.startswith(PREFIX):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            told.append(f"{name} is no setting" + (f": did you mean {near[0]}?" if near else "."))
    return tuple(told)
