"""Writes that a browser's cookies authorise: the page must know a token, and be one that may call.

The token is a signed double submit: sent in a cookie that this host's scripts alone can read, and again in a header.
It holds an HMAC over the user's number, so that a planted cookie of somebody else's is none.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

HEADER: Final = "x-csrf-token"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_CONTEXT: Final = b"mien csrf token v1"


def new_token(key: bytes, user_number: int) -> str:
    """A token for one user's browser."""
    nonce = secrets.token_urlsafe(18)
    return f"{nonce}.{_signature(key, user_number, nonce)}"


def holds(key: bytes, user_number: int, cookie: str | None, header: str | None) -> bool:
    """Whether cookie and header are the same token, made for this user."""
    if not cookie or not header or not hmac.compare_digest(cookie.encode(), header.encode()):
        return False
    nonce, _, signature = cookie.partition(".")
    return hmac.compare_digest(signature.encode(), _signature(key, user_number, nonce).encode())


def _signature(key: bytes, user_number: int, nonce: str) -> str:
    derived = hmac.digest(key, _CONTEXT, hashlib.sha256)
    return hmac.new(derived, f"{user_number}\n{nonce}".encode(), hashlib.sha256).hexdigest()
