"""Which addresses the internet's own are: everything else is somebody's inside, and no client may send us there."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SPECIAL_4: Final = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by a carrier",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved for protocols",
    "192.0.2.0/24": "for documentation",
    "192.31.196.0/24": "reserved for protocols",
    "192.52.193.0/24": "reserved for protocols",
    "192.88.99.0/24": "a relay of 6to4",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "reserved for protocols",
    "198.18.0.0/15": "for benchmarks",
    "198.51.100.0/24": "for documentation",
    "203.0.113.0/24": "for documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    # Addresses of cloud hosts' own services that lie among public ones.
    "168.63.129.16/32": "a cloud's metadata",
}
_SPECIAL_6: Final = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "100::/64": "discard only",
    "2001::/23": "reserved for protocols",
    "2001:db8::/32": "for documentation",
    "2620:4f:8000::/48": "reserved for protocols",
    "3fff::/20": "for documentation",
    "5f00::/16": "for segment routing",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_GLOBAL_6: Final = ipaddress.IPv6Network("2000::/3")
"""All that is given out to the internet (RFC 4291); what lies outside is not."""
_SPECIAL: Final[tuple[tuple[Network, str], ...]] = tuple(
    (ipaddress.ip_network(text), why) for text, why in (_SPECIAL_4 | _SPECIAL_6).items()
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_TRANSLATED: Final = ipaddress.IPv6Network("::ffff:0:0:0/96")
_ISATAP: Final = frozenset((0x0000_5EFE, 0x0200_5EFE))


def refusal(address: Address, allowed: Sequence[Network] = ()) -> str | None:
    """Why an address must not be reached, or None where it may.

    An IPv6 address may be one way of writing an IPv4 address (mapped), or the only way to it from a network without
    IPv4 (NAT64): those are judged by the address within. Tunnels are refused, wherever they end.

    Args:
        address: where a connection would go.
        allowed: networks that may be reached whatever they are.
    """
    if any(address.version == network.version and address in network for network in allowed):
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return "link-local"
        inner = address.ipv4_mapped or (_low(address) if address in _NAT64 else None)
        if inner is not None:
            why = refusal(inner, allowed)
            return None if why is None else f"{why} ({inner})"
        if _is_tunnel(address):
            return "a tunnel's"
    for network, why in _SPECIAL:
        if address.version == network.version and address in network:
            return why
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_6:
        return "given out to nobody"
    if not address.is_global or address.is_multicast or address.is_reserved:
        return "not on the internet"
    return None


def _low(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)


def _is_tunnel(address: ipaddress.IPv6Address) -> bool:
    """Whether it is 6to4, Teredo, ISATAP, translated or "compatible": nobody knows whose the address within is."""
    return (
        address.sixtofour is not None
        or address.teredo is not None
        or any(address in network for network in (_NAT64_LOCAL, _TRANSLATED))
        or (address in _COMPATIBLE and int(address) > 1)
        or (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP
    )
