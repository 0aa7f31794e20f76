"""Locators without opening anything: what they are called where others read it, and which never end."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

RTSP_SCHEMES: Final = ("rtsp://", "rtsps://")
LIVE_SCHEMES: Final = ("camera:", *RTSP_SCHEMES)
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9/._-]*")


def told_name(locator: str) -> str:
    """What a locator is called in reports, logs and errors: itself, but for an address.

    Of an address scheme, host, port and path are told, and never user, password and query. A path that could hold a
    password, as some cameras want it, is left out.
    """
    if "://" not in locator:
        return locator
    try:
        parts = urlsplit(locator)
        port = f":{parts.port}" if parts.port else ""
        host = parts.hostname or ""
    except ValueError:
        return f"{locator.split('://', 1)[0].lower()}://"
    path = parts.path if _PLAIN_PATH.fullmatch(parts.path) else ""
    return f"{parts.scheme.lower()}://{host}{port}{path}"


def is_live(locator: str) -> bool:
    """Whether what is behind a locator is filmed now, and has no end of its own."""
    return locator.lower().startswith(LIVE_SCHEMES)
