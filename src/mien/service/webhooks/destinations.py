"""Where a webhook's URL leads, and whether messages may go there.

A URL is judged when it is written down and again whenever a message is sent: names are resolved once for an attempt,
every address they give is judged, and the connection goes to an address that was judged. What the name would say a
moment later is never asked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

import idna

from mien.core.errors import InputError
from mien.service.settings import ServiceSettings
from mien.service.webhooks.addresses import Address, Network, refusal

LONGEST_URL: Final = 2000
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMERIC: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)")
_INSIDE: Final = (
    "localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp", "private", "home.arpa",
    "metadata", "metadata.goog", "test", "invalid", "onion",
)  # fmt: skip
"""Names under which nothing of the internet's is."""
CLOSED_PORTS: Final = frozenset(
    (
        1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
        110, 111, 113, 115, 117, 119, 123, 135, 137, 138, 139, 143, 161, 162, 179, 389, 427, 445, 465, 512, 513, 514,
        515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 631, 636, 873, 989, 990, 993, 995, 1080, 1433,
        1521, 1719, 1720, 1723, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432, 5900,
        5984, 6000, 6379, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042, 9200, 9300, 10080, 10250, 11211,
        27017,
    )
)  # fmt: skip
"""Ports on which other things than web servers listen: those that browsers close, and databases and their like."""


class DestinationError(InputError):
    """A URL to which no message may be sent; the message says why, and nothing of what answers there."""


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """What may be reached.

    Attributes:
        allow_http: also without TLS, for development.
        allowed_networks: addresses that may be reached although they are not the internet's: a studio's own network.
            Ports and names are free there.
    """

    allow_http: bool = False
    allowed_networks: tuple[Network, ...] = ()


def guard_options(settings: ServiceSettings) -> GuardOptions:
    """What the operator lets webhooks reach."""
    networks = tuple(ipaddress.ip_network(network) for network in settings.webhook_allowed_networks)
    return GuardOptions(allow_http=settings.webhook_allow_http, allowed_networks=networks)


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL, taken apart.

    Attributes:
        tls: whether it is https.
        host: in small ASCII letters, without a final dot; an address without brackets.
        target: path and query as they are sent.
    """

    tls: bool
    host: str
    port: int
    target: str

    @property
    def host_header(self) -> str:
        """What the header ``Host`` says."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.tls else 80) else f"{name}:{self.port}"


class Resolver(Protocol):
    """Tells the addresses of a name."""

    async def __call__(self, host: str) -> Sequence[Address]:
        """All of them.

        Raises:
            OSError: the name is unknown, or nobody could be asked.
        """
        ...


async def resolve(host: str) -> Sequence[Address]:
    """The addresses that the machine knows of a name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    told = dict.fromkeys(str(entry[4][0]) for entry in found)
    return tuple(ipaddress.ip_address(text) for text in told)


class Guard:
    """Judges URLs and addresses.

    Args:
        options: what may be reached.
        resolver: tells addresses; the machine's where None.
    """

    def __init__(self, options: GuardOptions | None = None, resolver: Resolver | None = None) -> None:
        self._options = options or GuardOptions()
        self._resolve = resolver or resolve

    def read(self, url: str) -> Destination:
        """Take a URL apart and judge what can be judged without asking for its name.

        Raises:
            DestinationError: no message may go there.
        """
        if not url.isprintable() or " " in url or "\\" in url or len(url) > LONGEST_URL:
            raise DestinationError(
                f"a webhook's URL has at most {LONGEST_URL} characters, none of them a blank or '\\'."
            )
        try:
            parts = urlsplit(url)
            port, name = parts.port, parts.hostname
        except ValueError:
            raise DestinationError("the webhook's URL cannot be read: write https://host/path.") from None
        if parts.scheme not in ("https", "http") or not name:
            raise DestinationError("a webhook's URL begins with https:// and a host.")
        if parts.scheme == "http" and not self._options.allow_http:
            raise DestinationError("a webhook's URL begins with https://; plain http is for development only.")
        if parts.username is not None or parts.password is not None or "@" in parts.netloc:
            raise DestinationError("a webhook's URL holds no user and no password: its messages are signed.")
        if "[" in parts.netloc and ":" not in name:
            raise DestinationError("the address in the webhook's URL is none.")
        if parts.fragment or url.endswith("#"):
            raise DestinationError("a webhook's URL holds no fragment ('#…'): nothing of it would be sent.")
        tls = parts.scheme == "https"
        if port is None:
            port = 443 if tls else 80
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not target.isascii():
            raise DestinationError("write the path of a webhook's URL percent-encoded.")
        destination = Destination(tls, _host(name), port, target)
        address = _literal(destination.host)
        if address is None:
            self._judge_name(destination)
        else:
            self._judge(destination, [address])
        return destination

    async def addresses(self, destination: Destination) -> Sequence[Address]:
        """Where to connect, asked for once; every address of the name may be reached, or none is given.

        Raises:
            DestinationError: no message may go there, or the name is unknown.
        """
        literal = _literal(destination.host)
        if literal is not None:
            found: Sequence[Address] = (literal,)
        else:
            try:
                found = await self._resolve(destination.host)
            except (OSError, UnicodeError):
                found = ()
            if not found:
                raise DestinationError(f"the name {destination.host} is not known.")
        self._judge(destination, found)
        return found

    def _judge_name(self, destination: Destination) -> None:
        host = destination.host
        if self._options.allowed_networks:
            # A studio's own names lead into its own network, or are refused by their addresses.
            return
        if "." not in host or any(host == name or host.endswith(f".{name}") for name in _INSIDE):
            raise DestinationError(f"{host} is no name on the internet.")
        _open(destination)

    def _judge(self, destination: Destination, found: Sequence[Address]) -> None:
        allowed = self._options.allowed_networks
        for address in found:
            why = refusal(address, allowed)
            if why is not None:
                # What a name leads to inside is nobody's business who only knows the name.
                told = why if _literal(destination.host) is not None else "none of the internet's"
                raise DestinationError(
                    f"messages cannot be sent to {destination.host}: its address is {told}. Whoever runs the service "
                    "can allow a network of their own (MIEN_WEBHOOK_ALLOWED_NETWORKS)."
                )
            if not any(address.version == n.version and address in n for n in allowed):
                _open(destination)


def _open(destination: Destination) -> None:
    if destination.port in CLOSED_PORTS or destination.port == 0:
        raise DestinationError(f"port {destination.port} is not one of a web server.")


def _host(name: str) -> str:
    """A host in the one form in which it is judged, resolved and named to the receiver."""
    if ":" in name:
        if _literal(name) is None:
            raise DestinationError("the address in the webhook's URL is none.")
        return name.lower()
    trimmed = name.removesuffix(".")
    try:
        host = trimmed.lower() if trimmed.isascii() else idna.encode(trimmed, uts46=True).decode()
    except idna.IDNAError:
        raise DestinationError("the host in the webhook's URL is no name.") from None
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise DestinationError("the host in the webhook's URL is no name.")
    if _NUMERIC.fullmatch(labels[-1]) and _literal(host) is None:
        # Old ways of writing an address (2130706433, 0x7f.1, 0177.0.0.1) are read differently by different programs.
        raise DestinationError("write the address in a webhook's URL as four decimal numbers.")
    return host


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
