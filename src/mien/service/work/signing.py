"""Reports that are signed when they are made: what lies in the database later can be held against it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mien.core.errors import InputError, SettingsError
from mien.report.signing import SUFFIX, Signer, file_text

FILE: Final = "report.json" + SUFFIX
TYPE: Final = "application/json"


def signer_of(path: Path | None) -> Signer | None:
    """What signs the reports of a service; None where the operator set no key.

    Raises:
        SettingsError: the key cannot be used, or the extra ``[sign]`` is not installed.
    """
    if path is None:
        return None
    try:
        return Signer.open(path)
    except InputError as error:
        raise SettingsError(f"MIEN_REPORT_KEY: {error}") from error


def signature_of(signer: Signer, report: Mapping[str, Any]) -> bytes:
    """A report's signature file. Of a long report it takes seconds: not on the event loop."""
    return file_text(signer.sign(json.dumps(report, allow_nan=False).encode())).encode()
