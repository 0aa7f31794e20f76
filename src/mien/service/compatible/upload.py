"""One file of a form, taken into memory that has no name as it comes: a picture of somebody never touches a disk here.

No more of it is in this process than one piece that a socket gives. A sender that stalls, or trickles, is not waited
for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fastapi import HTTPException, Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mien.service.pictures.held import HeldFile

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

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
"""Of a route that reads its form by :func:`take_file`, for its OpenAPI."""
_MOST_PARTS: Final = 16
FORM_BYTES: Final = 64 * 1024
"""What a form may hold besides its file."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How slowly somebody may send.

    Attributes:
        idle_seconds: nothing may come.
        longest_seconds: all of it may take.
        least_bytes_per_second: on average, once ``idle_seconds`` have gone by.
    """

    idle_seconds: float = 10.0
    longest_seconds: float = 300.0
    least_bytes_per_second: float = 8_000.0


async def take_file(request: Request, into: HeldFile, most_bytes: int, pace: Pace | None = None) -> None:
    """Take the file of a form; it is whole, and sealed, when this returns.

    Args:
        request: whose body was not read yet.
        into: where its bytes go.
        most_bytes: of the file.
        pace: how slowly it may come.

    Raises:
        HTTPException: 413 where there is more, as soon as it is; 422 where there is no file.
        TimeoutError: it comes too slowly.
        BusyError: there is no room for it now.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind.lower() != b"multipart/form-data" or not boundary:
        raise _no_file()
    form = _Form(into, most_bytes)
    try:
        parser = MultipartParser(boundary, form.callbacks)
        async with aclosing(paced(request.stream(), pace or Pace())) as pieces:
            async for piece in pieces:
                parser.write(piece)
    except (FormParserError, UnicodeError) as error:
        raise _no_file() from error
    if not form.whole:
        raise _no_file()
    into.seal()


async def paced(pieces: AsyncIterator[bytes], pace: Pace) -> AsyncGenerator[bytes]:
    """The same pieces, as long as they come fast enough.

    Raises:
        TimeoutError: they do not.
    """
    clock = asyncio.get_running_loop().time
    began, size = clock(), 0
    while True:
        async with asyncio.timeout(pace.idle_seconds):
            piece = await anext(pieces, None)
        if piece is None:
            return
        size += len(piece)
        gone = clock() - began
        if gone > pace.longest_seconds or size < (gone - pace.idle_seconds) * pace.least_bytes_per_second:
            raise TimeoutError
        yield piece


class _Form:
    """What a parser finds in a form: the file goes where it belongs, and nothing else is kept.

    Args:
        into: where the file's bytes go.
        most_bytes: of the file.
    """

    def __init__(self, into: HeldFile, most_bytes: int) -> None:
        self.whole = False
        self._into, self._most = into, most_bytes
        self._parts = 0
        self._files = 0
        self._taking = False
        self._header, self._value, self._disposition = b"", b"", b""
        self.callbacks: MultipartCallbacks = {
            "on_part_begin": self._begins,
            "on_header_field": self._names,
            "on_header_value": self._says,
            "on_header_end": self._said,
            "on_headers_finished": self._opens,
            "on_part_data": self._comes,
            "on_part_end": self._ends,
        }

    def _begins(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise _no_file()
        self._disposition = b""

    def _names(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _says(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _said(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _opens(self) -> None:
        _, options = parse_options_header(self._disposition)
        is_file = b"filename" in options
        self._files += is_file
        if b"name" not in options or self._files > 1:
            raise _no_file()
        self._taking = is_file and options[b"name"] == FIELD.encode()

    def _comes(self, data: bytes, start: int, end: int) -> None:
        if not self._taking:
            return
        if self._into.size + end - start > self._most:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The file is larger than {self._most / 1e6:g} MB, which is the limit.",
            )
        with memoryview(data) as view:
            self._into.write(view[start:end])

    def _ends(self) -> None:
        self.whole = self.whole or self._taking
        self._taking = False


def _no_file() -> HTTPException:
    return HTTPException(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"Send the picture as multipart/form-data, in the field '{FIELD}'."
    )
