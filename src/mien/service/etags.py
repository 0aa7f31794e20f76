"""Strong entity tags (RFC 9110, 8.8.3): a reader that has the newest gets 304 and no body."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response


def etag_of(*content: bytes) -> str:
    """A tag of exactly these bytes, or of a digest of them."""
    return '"' + hashlib.sha256(b"\0".join(content)).hexdigest()[:32] + '"'


def matches(request: Request, etag: str) -> bool:
    """Whether the reader has what ``etag`` names. Weak and strong are compared alike, as for ``If-None-Match``."""
    told = ",".join(request.headers.getlist("if-none-match"))
    known = {tag.strip().removeprefix("W/") for tag in told.split(",")}
    return "*" in known or etag in known


def not_modified(etag: str) -> Response:
    """What a reader is told who has it."""
    return Response(status_code=304, headers=_headers(etag))


def tagged(request: Request, content: bytes, media_type: str, *, etag: str | None = None) -> Response:
    """Content with its tag, or 304 where the reader has it already.

    It may be kept by the reader alone, and must be asked about before it is used again.
    """
    etag = etag or etag_of(content)
    if matches(request, etag):
        return not_modified(etag)
    return Response(content, media_type=media_type, headers=_headers(etag))


def _headers(etag: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie, X-API-Key"}
