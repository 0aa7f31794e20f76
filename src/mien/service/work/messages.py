"""What the limited process tells: messages with a length before them, through a pipe.

The reading end trusts nothing: kinds, lengths and the amount of everything are bounded, and what is JSON is validated.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import IntEnum
from io import RawIOBase
from typing import Any, BinaryIO, Final

from mien.core.errors import MienError

_HEADER: Final = struct.Struct("<BI")
LONGEST_MESSAGE_BYTES: Final = 1 << 22
PIECE_BYTES: Final = 1 << 18


class Kind(IntEnum):
    """What a message is."""

    PROGRESS = 1
    """How far it is."""
    NOTE = 2
    """Something its user should know."""
    SNAPSHOT = 3
    """One snapshot, JSON."""
    SAMPLES = 4
    """A line of JSON about a series, and its packed samples."""
    FILE = 5
    """A file begins: its name."""
    DATA = 6
    """A piece of it."""
    FILE_END = 7
    """It is whole."""
    RESULT = 8
    """What was found."""
    PROBLEM = 9
    """Why there is no result."""
    QUESTION = 10
    """Key terms to look for works about; the answer is a line of JSON on its standard input."""


class ProtocolError(MienError):
    """The limited process said what it may not say; it may have been taken over by what it read."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    kind: Kind
    body: bytes

    def document(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            ProtocolError: it is none.
        """
        try:
            told = json.loads(self.body)
        except ValueError as error:
            raise ProtocolError("the process that read the upload sent something that cannot be read.") from error
        if not isinstance(told, dict):
            raise ProtocolError("the process that read the upload sent something that cannot be read.")
        return told


class Sender:
    """The writing end.

    Args:
        stream: of the pipe.
    """

    def __init__(self, stream: BinaryIO | RawIOBase) -> None:
        self._stream = stream

    def send(self, kind: Kind, body: bytes) -> None:
        """Send a message; waits while the reader is behind."""
        data = memoryview(_HEADER.pack(kind, len(body)) + body)
        while data:
            data = data[self._stream.write(data) or 0 :]

    def tell(self, kind: Kind, **told: Any) -> None:
        """Send a message whose body is JSON."""
        self.send(kind, json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode())


async def received(stream: asyncio.StreamReader) -> AsyncIterator[Message]:
    """Messages until the pipe ends.

    Raises:
        ProtocolError: a message of an unknown kind, too long, or cut off by anything but the end of the process.
    """
    while True:
        try:
            header = await stream.readexactly(_HEADER.size)
            number, length = _HEADER.unpack(header)
            if length > LONGEST_MESSAGE_BYTES:
                raise ProtocolError("the process that read the upload sent a message that is too long.")
            body = await stream.readexactly(length)
        except asyncio.IncompleteReadError:
            return
        try:
            kind = Kind(number)
        except ValueError as error:
            raise ProtocolError("the process that read the upload sent a message of no known kind.") from error
        yield Message(kind, body)
