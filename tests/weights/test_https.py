"""Downloads over a real connection: continued where they broke, never to another scheme, never too long."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mien.weights.entries import permitted
from mien.weights.https import FetchError, UnreachableError, download
from tests.weights.parts import CONTENT, upstream


def fetch(address: str, part: Path, *, timeout_seconds: float = 2.0) -> bool:
    return download(address, part, len(CONTENT), timeout_seconds=timeout_seconds, progress=lambda *_: None)


def test_a_broken_connection_is_continued_with_a_range(tmp_path: Path) -> None:
    part = tmp_path / "part"
    with upstream(break_after=[100_000, 50_000]) as server:
        fetch(server.address, part)
        assert part.read_bytes() == CONTENT
        assert server.requests == [None, "bytes=100000-", "bytes=150000-"]


def test_what_an_earlier_run_left_is_continued(tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(CONTENT[:1234])
    with upstream() as server:
        assert fetch(server.address, part)
        assert part.read_bytes() == CONTENT
        assert server.requests == ["bytes=1234-"]


def test_a_server_without_ranges_starts_again(tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(b"x" * 1234)
    with upstream(ranges=False) as server:
        assert not fetch(server.address, part)
        assert part.read_bytes() == CONTENT


def test_a_connection_that_gets_no_further_fails_and_keeps_what_came(tmp_path: Path) -> None:
    part = tmp_path / "part"
    with upstream(break_after=[1000, 0, 0, 0]) as server, pytest.raises(FetchError, match="after 1000 of"):
        fetch(server.address, part)
    assert part.read_bytes() == CONTENT[:1000]


def test_more_than_the_registered_length_is_refused(tmp_path: Path) -> None:
    with upstream(content=CONTENT + b"x") as server, pytest.raises(FetchError, match="is longer than"):
        fetch(server.address, tmp_path / "part")


def test_a_host_that_accepts_and_says_nothing_times_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(UnreachableError, match="timed out"):
            fetch(address, tmp_path / "part", timeout_seconds=0.2)


def test_a_refusal_names_its_code(tmp_path: Path) -> None:
    with upstream(redirect_to="/again") as server, pytest.raises(FetchError, match="answered 302"):
        fetch(server.address, tmp_path / "part")


@pytest.mark.parametrize("elsewhere", ["http://example.com/x", "ftp://example.com/x", "file:///etc/hosts"])
def test_a_redirect_may_not_leave_https(tmp_path: Path, elsewhere: str) -> None:
    with upstream(redirect_to=elsewhere) as server, pytest.raises(FetchError, match=r"not https|not allowed"):
        fetch(server.address, tmp_path / "part")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://example.com/x", True),
        ("http://127.0.0.1:80/x", True),
        ("http://[::1]/x", True),
        ("http://localhost/x", True),
        ("http://example.com/x", False),
        ("http://127.0.0.1.example.com/x", False),
        ("file:///x", False),
        ("https:///x", False),
    ],
)
def test_only_https_or_this_machine(address: str, allowed: bool, tmp_path: Path) -> None:
    assert permitted(address) is allowed
    if not allowed:
        with pytest.raises(FetchError, match="not an https address"):
            fetch(address, tmp_path / "part")
