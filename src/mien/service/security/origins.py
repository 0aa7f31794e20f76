"""Which pages may call with a browser's cookies, and open sockets."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

_SECURE = {"ws": "http", "wss": "https"}
_PORTS = {"http": 80, "https": 443}


def normal(origin: str) -> str:
    """An origin as browsers write it: scheme, host and, where it is not the scheme's own, port.

    Raises:
        ValueError: it is none (a path, another scheme, ``null``).
    """
    parts = urlsplit(origin.strip().lower())
    try:
        port = parts.port
    except ValueError:
        port = -1
    rest = parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None
    if parts.scheme not in _PORTS or not parts.hostname or rest or port == -1:
        raise ValueError(f"{origin!r} is no origin: write https://host or https://host:port")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port in (None, _PORTS[parts.scheme]) else f":{port}")


def told(connection: HTTPConnection) -> bool:
    """Whether a browser said where the page is from."""
    return "origin" in connection.headers


def allowed(connection: HTTPConnection, others: Collection[str]) -> bool:
    """Whether the page is the service's own or one of ``others``; False where nothing was said.

    Its own is the origin that the request was sent to: scheme and ``Host``.
    """
    origin = connection.headers.get("origin", "")
    try:
        asked = normal(origin)
        scheme = _SECURE.get(connection.url.scheme, connection.url.scheme)
        own = normal(f"{scheme}://{connection.headers.get('host', '')}")
    except ValueError:
        return False
    return asked == own or asked in others
