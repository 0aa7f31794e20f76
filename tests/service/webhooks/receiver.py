"""Receivers that listen on the loopback interface, and a certificate authority of one's own."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import h11
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Received:
    target: str
    headers: Mapping[str, str]
    body: bytes
    server_name: str | None


Reply = tuple[int, Mapping[str, str]]
Behaviour = Callable[[Received], Reply | Awaitable[Reply]]


def ok(_: Received) -> Reply:
    return 204, {}


class Receiver:
    """Keeps what it is sent and answers as it is told."""

    def __init__(
        self, behaviour: Behaviour = ok, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.behaviour = behaviour
        self.received: list[Received] = []
        self.connections = 0
        self._host, self._tls = host, tls
        self._names: dict[Any, str | None] = {}
        self._handlers: set[asyncio.Task[Any]] = set()
        if tls is not None:
            tls.sni_callback = self._note_name

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        # An aborted transport closes its socket in the loop's next turn.
        await asyncio.sleep(0.01)

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self.port}/hook?from=mien"

    def _note_name(self, connection: Any, name: str | None, _context: ssl.SSLContext) -> None:
        self._last_name = name

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)
        self.connections += 1
        try:
            await self._answer(reader, writer)
        except (ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection, request, body = h11.Connection(our_role=h11.SERVER), None, b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(65_536))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return
        assert request is not None
        told = Received(
            request.target.decode(),
            {name.decode(): value.decode() for name, value in request.headers},
            body,
            getattr(self, "_last_name", None),
        )
        self.received.append(told)
        reply = self.behaviour(told)
        status, headers = await reply if isinstance(reply, Awaitable) else reply
        response = h11.Response(status_code=status, headers=[*headers.items(), ("content-length", "0")])
        writer.write((connection.send(response) or b"") + (connection.send(h11.EndOfMessage()) or b""))
        await writer.drain()


def certify(folder: Path, *names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A receiver's side of TLS for these names, and the side of whoever trusts its authority."""
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Receivers of a test")])
    alternatives = [
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(issuer)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "receiver.pem"
    path.write_bytes(pem + private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    client = ssl.create_default_context(cadata=pem.decode())
    return server, client
