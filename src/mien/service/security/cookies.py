"""Cookies of a signed-in browser.

``__Host-`` (RFC 6265bis, 4.1.3.2) binds them to this host, the whole of it, and TLS; browsers make an exception for
``http://localhost``. The token is out of scripts' reach. ``access_token`` and ``token`` are read, never set: another
system's sign-in sets them.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

ACCESS: Final = "__Host-access"
REFRESH: Final = "__Host-refresh"
CSRF: Final = "__Host-csrf"
COMPATIBLE: Final = ("access_token", "token")


def access_token(connection: HTTPConnection) -> str | None:
    """The token that a browser carries, or None."""
    for name in (ACCESS, *COMPATIBLE):
        if token := connection.cookies.get(name):
            return token
    return None


def put(response: Response, name: str, value: str, seconds: int, *, for_scripts: bool = False) -> None:
    """Set one of ours.

    Args:
        response: what carries it.
        name, value: of the cookie.
        seconds: how long the browser keeps it.
        for_scripts: whether a page's scripts may read it: the CSRF token only.
    """
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=not for_scripts, samesite="lax")


def clear(response: Response) -> None:
    """Remove every one of ours."""
    for name in (ACCESS, REFRESH, CSRF):
        response.delete_cookie(name, path="/", secure=True, httponly=name != CSRF, samesite="lax")
