"""One file of a form, kept in memory: a picture of somebody never touches a disk here."""

from __future__ import annotations

import sys
from contextlib import aclosing
from http import HTTPStatus
from typing import Final

from fastapi import HTTPException, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

FIELD: Final = "file"
FORM_SCHEMA: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                    "required": [FIELD],
                }
            }
        },
    }
}
"""Of a route that reads its form by :func:`uploaded_file`, for its OpenAPI."""
_MOST_FIELDS: Final = 16
FORM_BYTES: Final = 64 * 1024
"""What a form may hold besides its file."""


class _InMemory(MultiPartParser):
    """Starlette's spools files of over a megabyte to the disk."""

    spool_max_size = sys.maxsize


async def uploaded_file(request: Request, most_bytes: int) -> bytes:
    """The content of the file in a form.

    Args:
        request: whose body was not read yet.
        most_bytes: of the file.

    Raises:
        HTTPException: 413 where there is more, as soon as it is; 422 where there is no file.
    """
    too_large = HTTPException(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The file is larger than {most_bytes / 1e6:g} MB, which is the limit."
    )
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise _no_file()

    async with aclosing(request.stream()) as stream:
        try:
            form = await _InMemory(request.headers, stream, max_files=1, max_fields=_MOST_FIELDS).parse()
        except (MultiPartException, UnicodeError) as error:
            raise _no_file() from error
    try:
        file = form.get(FIELD)
        if not isinstance(file, UploadFile):
            raise _no_file()
        content = await file.read()
    finally:
        await form.close()
    if len(content) > most_bytes:
        raise too_large
    return content


def _no_file() -> HTTPException:
    return HTTPException(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"Send the picture as multipart/form-data, in the field '{FIELD}'."
    )
