"""Where messages may go, by URL, by name and by address."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.service.webhooks.addresses import Address, refusal
from mien.service.webhooks.destinations import Destination, DestinationError, Guard, GuardOptions, resolve

FORBIDDEN = {
    "0.0.0.0": "this network",
    "0.1.2.3": "this network",
    "10.0.0.1": "private",
    "10.255.255.255": "private",
    "100.64.0.1": "carrier",
    "100.127.255.254": "carrier",
    "127.0.0.1": "loopback",
    "127.255.0.9": "loopback",
    "169.254.169.254": "link-local",
    "169.254.170.2": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.8": "protocols",
    "192.0.0.192": "protocols",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarks",
    "198.19.255.255": "benchmarks",
    "198.51.100.7": "documentation",
    "203.0.113.9": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "168.63.129.16": "metadata",
    "::": "unspecified",
    "::1": "loopback",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:7f00:1": "loopback",
    "::ffff:169.254.169.254": "link-local",
    "::ffff:10.0.0.1": "private",
    "::127.0.0.1": "tunnel",
    "::8.8.8.8": "tunnel",
    "::ffff:0:127.0.0.1": "tunnel",
    "64:ff9b::127.0.0.1": "loopback",
    "64:ff9b::a9fe:a9fe": "link-local",
    "64:ff9b:1::7f00:1": "tunnel",
    "64:ff9b:1::8.8.8.8": "tunnel",
    "2002:7f00:1::": "tunnel",
    "2002:808:808::1": "tunnel",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": "tunnel",
    "2a00:1450::5efe:7f00:1": "tunnel",
    "2a00:1450::200:5efe:808:808": "tunnel",
    "100::1": "discard",
    "2001:2::1": "protocols",
    "2001:10::1": "protocols",
    "2001:db8::1": "documentation",
    "3fff::1": "documentation",
    "5f00::1": "routing",
    "fc00::1": "private",
    "fd00:ec2::254": "private",
    "fd20:ce::254": "private",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
    "ff0e::1": "multicast",
    "4000::1": "nobody",
    "1::1": "nobody",
}
PERMITTED = (
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
)


@pytest.mark.parametrize(("text", "why"), FORBIDDEN.items())
def test_addresses_that_are_not_the_internets_are_refused(text: str, why: str) -> None:
    assert why in (refusal(ipaddress.ip_address(text)) or "")


@pytest.mark.parametrize("text", PERMITTED)
def test_addresses_of_the_internet_are_not(text: str) -> None:
    assert refusal(ipaddress.ip_address(text)) is None


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_the_registries_call_private_is_never_permitted_however_it_is_written(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    why = refusal(address)
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert why is not None
    for prefix in ("::ffff:", "64:ff9b::"):
        assert (refusal(ipaddress.ip_address(f"{prefix}{address}")) is None) == (why is None)
    for tunnel in (f"::{address}", f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1"):
        assert refusal(ipaddress.ip_address(tunnel)) is not None


@settings(deadline=None)
@given(st.integers(0, 2**128 - 1))
def test_no_ipv6_address_is_permitted_that_is_not_global(number: int) -> None:
    address = ipaddress.IPv6Address(number)
    if refusal(address) is None:
        assert address in ipaddress.ip_network("2000::/3") or address in ipaddress.ip_network("64:ff9b::/96")
        assert not address.is_private


def test_a_studios_own_network_can_be_allowed_and_nothing_beside_it() -> None:
    own = (ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("fd12::/16"))
    for text in ("10.20.0.1", "::ffff:10.20.255.255", "fd12::1"):
        assert refusal(ipaddress.ip_address(text), own) is None
    for text in ("10.21.0.1", "127.0.0.1", "fd13::1", "2002:a14:1::", "169.254.169.254"):
        assert refusal(ipaddress.ip_address(text), own) is not None


REFUSED_URLS = (
    "",
    "studio.example",
    "//studio.example/hook",
    "ftp://studio.example/",
    "file:///etc/passwd",
    "gopher://studio.example/",
    "javascript:alert(1)",
    "http://studio.example/hook",
    "HTTP://studio.example/hook",
    "https://",
    "https:///hook",
    "https://user:secret@studio.example/",
    "https://user@studio.example/",
    "https://@studio.example/",
    "https://studio.example@127.0.0.1/",
    "https://studio.example/#part",
    "https://studio.example/#",
    "https://studio.example\\@127.0.0.1/",
    "https://studio.example/a b",
    "https://studio.example/a\nb",
    "https://studio.example/\r\nX-Injected: 1",
    "https://studio.example/\x00",
    "https://studio.example\t/",
    " https://studio.example/",
    "https://studio.example/ü",
    "https://studio.example:99999/",
    "https://studio.example:x/",
    "https://studio.example:0/",
    "https://studio.example:22/",
    "https://studio.example:25/",
    "https://studio.example:5432/",
    "https://studio.example:6379/",
    "https://studio.example:11211/",
    "https://studio..example/",
    "https://.studio.example/",
    "https://studio.example../",
    "https://-studio.example/",
    "https://" + "a" * 64 + ".example/",
    "https://" + ".".join(["a" * 60] * 5) + "/",
    "https://studio.example/" + "a" * 2000,
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://a.localhost/",
    "https://ⓛocalhost/",
    "https://ｌｏｃａｌｈｏｓｔ/",
    "https://intranet/",
    "https://printer.local/",
    "https://db.internal/",
    "https://metadata.google.internal/",
    "https://metadata/",
    "https://metadata.goog/",
    "https://router.home.arpa/",
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0x7f000001/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://0x7F.1/",
    "https://0x/",
    "https://127.0.0.0x1/",
    "https://1.1.1.256/",
    "https://1.1.1/",
    "https://08.8.8.8/",
    "https://１２７.0.0.1/",
    "https://127。0。0。1/",
    "https://①②⑦.0.0.1/",
    "https://127.0.0.1%2f@studio.example/",
    "https://127.0.0.1%00.studio.example/",
    "https://studio%2eexample/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:ffff:7f00:0001]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[fd00:ec2::254]/",
    "https://[::1/",
    "https://::1/",
    "https://[studio.example]/",
    "https://[v1.a]/",
    "https://xn--/",
    "https://xn--a.example\u200b@127.0.0.1/",
)


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_urls_that_lead_nowhere_good_are_refused(url: str) -> None:
    with pytest.raises(DestinationError):
        Guard().read(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://studio.example", Destination(True, "studio.example", 443, "/")),
        ("https://studio.example/hook?a=b&c", Destination(True, "studio.example", 443, "/hook?a=b&c")),
        ("https://Studio.EXAMPLE./hook", Destination(True, "studio.example", 443, "/hook")),
        ("HTTPS://studio.example:8443/", Destination(True, "studio.example", 8443, "/")),
        ("https://bücher.example/", Destination(True, "xn--bcher-kva.example", 443, "/")),
        ("https://a_b.example/", Destination(True, "a_b.example", 443, "/")),
        ("https://8.8.8.8/", Destination(True, "8.8.8.8", 443, "/")),
        ("https://[2606:4700:4700::1111]:8443/", Destination(True, "2606:4700:4700::1111", 8443, "/")),
        ("https://0x7f.example/", Destination(True, "0x7f.example", 443, "/")),
    ],
)
def test_a_url_is_taken_apart_into_one_form(url: str, expected: Destination) -> None:
    assert Guard().read(url) == expected


def test_the_header_host_names_the_port_only_where_it_is_not_the_usual_one() -> None:
    assert Destination(True, "studio.example", 443, "/").host_header == "studio.example"
    assert Destination(True, "studio.example", 8443, "/").host_header == "studio.example:8443"
    assert Destination(False, "::1", 8080, "/").host_header == "[::1]:8080"


def guard(*addresses: str, allowed: str | None = None, http: bool = False) -> Guard:
    async def tell(host: str) -> Sequence[Address]:
        return [ipaddress.ip_address(text) for text in addresses]

    networks = () if allowed is None else (ipaddress.ip_network(allowed),)
    return Guard(GuardOptions(allow_http=http, allowed_networks=networks), tell)


async def test_a_name_is_judged_by_every_address_it_has() -> None:
    good = guard("8.8.8.8", "2606:4700:4700::1111")
    assert len(await good.addresses(good.read("https://studio.example/"))) == 2
    for addresses in (("127.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("2606:4700:4700::1111", "::1"), ("8.8.8.8", "fe80::1")):
        bad = guard(*addresses)
        with pytest.raises(DestinationError, match=r"messages cannot be sent to studio\.example"):
            await bad.addresses(bad.read("https://studio.example/"))


async def test_a_name_that_is_not_known_is_refused() -> None:
    nowhere = guard()
    with pytest.raises(DestinationError, match=r"studio\.example is not known"):
        await nowhere.addresses(nowhere.read("https://studio.example/"))


async def test_a_studio_reaches_its_own_network_by_name_and_port_once_that_is_allowed() -> None:
    own = guard("10.20.3.4", allowed="10.20.0.0/16")
    destination = own.read("https://hooks.intranet:5984/")
    assert [str(a) for a in await own.addresses(destination)] == ["10.20.3.4"]
    elsewhere = guard("10.21.3.4", allowed="10.20.0.0/16")
    with pytest.raises(DestinationError, match="none of the internet's"):
        await elsewhere.addresses(elsewhere.read("https://hooks.intranet/"))
    internet = guard("8.8.8.8", allowed="10.20.0.0/16")
    with pytest.raises(DestinationError, match="port 5984"):
        await internet.addresses(internet.read("https://hooks.intranet:5984/"))


def test_plain_http_is_for_development() -> None:
    assert guard(http=True).read("http://studio.example/").port == 80


async def test_the_machines_resolver_tells_addresses() -> None:
    assert ipaddress.ip_address("127.0.0.1") in await resolve("localhost")
