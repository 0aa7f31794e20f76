"""Posts one message to one receiver: to an address that was judged, once, without following anything.

HTTP/1.1 over a connection of its own, with TLS verified against the name in the URL. Nothing of the environment is
used (no proxy, no cookie, no credentials). Of the answer only the status and ``Retry-After`` are kept, so that no
webhook can be used to read what lies behind a URL.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import h11

import mien
from mien.core.errors import MienError
from mien.service.webhooks.addresses import Address
from mien.service.webhooks.destinations import Destination, Guard

_CHUNK: Final = 16_384


class SendError(MienError):
    """A message could not be sent, or was not answered; the message tells which, and nothing of what answered."""


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How long a receiver may take.

    Attributes:
        connect_seconds: to be reached, TLS included, an address.
        total_seconds: for everything.
        most_answer_bytes: of its answer, which is read and dropped.
        most_addresses: tried one after the other until one can be reached.
    """

    connect_seconds: float = 5.0
    total_seconds: float = 15.0
    most_answer_bytes: int = 65_536
    most_addresses: int = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said.

    Attributes:
        status: of HTTP, 200–599.
        retry_after: what the header of that name says, as it came; None without one.
    """

    status: int
    retry_after: str | None = None

    def retry_at(self, now: datetime) -> datetime | None:
        """When the receiver wants to be asked again, or None where it does not say."""
        text = (self.retry_after or "").strip()
        if text.isascii() and text.isdigit() and len(text) <= 9:
            return datetime.fromtimestamp(now.timestamp() + int(text), UTC)
        try:
            told = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return None
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)


class Sender:
    """Sends messages where a guard lets them.

    Args:
        guard: judges where they go.
        options: how long that may take.
        tls: how receivers are verified; the machine's authorities where None.
    """

    def __init__(self, guard: Guard, options: SendOptions | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self._guard = guard
        self._options = options or SendOptions()
        self._tls = tls or ssl.create_default_context()
        if self._tls.minimum_version < ssl.TLSVersion.TLSv1_2:
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2

    @property
    def longest_seconds(self) -> float:
        """No sending lasts longer."""
        return self._options.total_seconds

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        """Post a body.

        Args:
            url: as the webhook has it; it is judged again.
            headers: besides those that every request has.
            body: at most as long as a message is.

        Raises:
            DestinationError: no message may go there.
            SendError: the receiver could not be reached, or did not answer HTTP in time.
        """
        try:
            async with asyncio.timeout(self._options.total_seconds):
                destination = self._guard.read(url)
                addresses = await self._guard.addresses(destination)
                reader, writer = await self._connect(destination, addresses)
                try:
                    return await self._talk(reader, writer, destination, headers, body)
                finally:
                    # Nothing more is expected, so nobody waits for a polite goodbye.
                    writer.transport.abort()
        except TimeoutError:
            raise SendError(f"no answer within {self._options.total_seconds:g} seconds.") from None
        except h11.RemoteProtocolError:
            raise SendError("the receiver does not answer HTTP/1.1.") from None
        except (OSError, ssl.SSLError) as error:
            raise SendError(f"the connection broke ({type(error).__name__}).") from None

    async def _connect(
        self, destination: Destination, addresses: Sequence[Address]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        problem = "the receiver cannot be reached."
        for address in addresses[: self._options.most_addresses]:
            try:
                async with asyncio.timeout(self._options.connect_seconds):
                    # An address as text is not resolved again, so this is the one that was judged.
                    return await asyncio.open_connection(
                        str(address),
                        destination.port,
                        ssl=self._tls if destination.tls else None,
                        server_hostname=destination.host if destination.tls else None,
                    )
            except ssl.SSLCertVerificationError as error:
                problem = f"the receiver's certificate is not valid: {error.verify_message}."
            except ssl.SSLError:
                problem = "the receiver does not speak TLS 1.2 or later."
            except TimeoutError:
                problem = f"the receiver cannot be reached within {self._options.connect_seconds:g} seconds."
            except OSError as error:
                refused = isinstance(error, ConnectionRefusedError)
                problem = "the receiver refused the connection." if refused else "the receiver cannot be reached."
        raise SendError(problem)

    async def _talk(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        destination: Destination,
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> Answer:
        connection = h11.Connection(our_role=h11.CLIENT)
        told = [
            ("host", destination.host_header),
            ("user-agent", f"mien/{mien.__version__}"),
            ("accept", "*/*"),
            ("connection", "close"),
            ("content-length", str(len(body))),
            *headers,
        ]
        request = h11.Request(method="POST", target=destination.target, headers=told)
        parts = (request, h11.Data(data=body), h11.EndOfMessage())
        writer.write(b"".join(connection.send(part) or b"" for part in parts))
        # A receiver may answer before it has read everything, and then close: its answer counts.
        with suppress(ConnectionError):
            await writer.drain()
        received = 0
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(_CHUNK)
                received += len(data)
                if not data:
                    raise SendError("the receiver closed the connection without an answer.")
                if received > self._options.most_answer_bytes:
                    raise SendError("the receiver answers with more than a status.")
                connection.receive_data(data)
            elif isinstance(event, h11.Response):
                after = dict(event.headers).get(b"retry-after")
                return Answer(event.status_code, None if after is None else after.decode("latin-1")[:100])
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                raise SendError("the receiver closed the connection without an answer.")
