"""Lines of JSON on a socket of this machine: whoever is connected gets them, and nobody waits for a slow one."""

from __future__ import annotations

import json
import selectors
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.core.errors import OutputError, PolicyError, SettingsError
from mien.sinks.stream import StreamSink, create
from tests.sinks.snapshots import snapshot, suppressed


@pytest.fixture
def place() -> Iterator[Path]:
    # A socket's path has to be short.
    with tempfile.TemporaryDirectory(prefix="mien") as folder:
        yield Path(folder) / "s"


def made(target: str, **options: object) -> StreamSink:
    sink = create(target, **options)  # type: ignore[arg-type]
    assert isinstance(sink, StreamSink)
    return sink


def connected(sink: StreamSink) -> socket.socket:
    return socket.create_connection(("127.0.0.1", sink.port or 0), 20)


def lines(end: socket.socket) -> list[float]:
    with end, end.makefile() as text:
        return [json.loads(line)["media_time"] for line in text]


@pytest.mark.parametrize("target", ["0", "127.0.0.1:0", "localhost:0"])
def test_whoever_connects_gets_what_is_made_from_then_on(target: str) -> None:
    sink = made(target)
    sink.write(snapshot(0.0))
    first = connected(sink)
    sink.write(snapshot(0.5))
    second = connected(sink)
    sink.write(suppressed(1.0))
    sink.close(complete=True)
    assert lines(first)[-2:] == [0.5, 1.0]
    assert lines(second)[-1:] == [1.0]


def test_a_reader_that_said_its_last_word_still_reads() -> None:
    sink = made("0")
    end = connected(sink)
    end.sendall(b"GET / HTTP/1.1\r\n\r\n")
    end.shutdown(socket.SHUT_WR)
    for k in range(3):
        sink.write(snapshot(float(k)))
        time.sleep(0.05)
    sink.close(complete=True)
    assert lines(end) == [0.0, 1.0, 2.0]


def test_readers_that_leave_are_no_trouble() -> None:
    sink = made("0")
    for _ in range(5):
        connected(sink).close()
        sink.write(snapshot(0.0))
    end = connected(sink)
    sink.write(snapshot(9.0))
    sink.close(complete=True)
    assert lines(end)[-1:] == [9.0]


def test_a_line_waits_for_whoever_connected_before_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    sink, late = made("0"), list[socket.socket]()
    accept = sink._accept

    def accept_and_be_overtaken(selector: selectors.BaseSelector) -> None:
        accept(selector)
        if not late:
            late.append(connected(sink))
            sink.write(snapshot(1.0))

    monkeypatch.setattr(sink, "_accept", accept_and_be_overtaken)
    sink.write(snapshot(0.0))
    while not late:
        time.sleep(0.01)
    sink.close(complete=True)
    assert lines(late[0]) == [1.0]


def test_a_reader_that_is_too_slow_is_let_go_and_holds_nobody_up() -> None:
    sink = made("0", most_waiting_bytes=50_000)
    slow, quick = connected(sink), connected(sink)
    quick.settimeout(20)
    read = quick.makefile()
    started = time.monotonic()
    count = 0
    while not sink.let_go:
        sink.write(snapshot(float(count)))
        assert json.loads(read.readline())["media_time"] == count
        count += 1
        assert time.monotonic() - started < 60
    sink.write(snapshot(-0.0))
    assert json.loads(read.readline())["media_time"] == 0.0
    sink.close(complete=True)
    for end in (slow, quick, read):
        end.close()


def test_a_line_is_never_cut_though_a_reader_takes_it_in_pieces() -> None:
    sink = made("0", most_waiting_bytes=100_000_000, linger_seconds=20.0)
    end = connected(sink)
    for k in range(3000):
        sink.write(snapshot(float(k)))
    read = end.makefile()
    for _ in range(10):
        read.readline()
    told = [json.loads(read.readline())["media_time"] for _ in range(2990)]
    assert told == [float(k) for k in range(10, 3000)]
    read.close()
    end.close()
    sink.close(complete=True)


def test_the_end_waits_so_long_for_a_reader_and_no_longer() -> None:
    sink = made("0", most_waiting_bytes=100_000_000, linger_seconds=0.3)
    end = connected(sink)
    for k in range(20_000):
        sink.write(snapshot(float(k)))
    started = time.monotonic()
    sink.close(complete=True)
    assert time.monotonic() - started < 5
    end.close()


def test_a_unix_socket_is_its_owners_alone_and_goes_with_the_sink(place: Path) -> None:
    sink = made(str(place))
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert sink.port is None
    sink.close(complete=True)
    sink.close(complete=True)
    assert not place.exists()


def test_a_socket_that_a_dead_program_left_is_taken_over(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))
    made(str(place)).close(complete=True)


def test_what_is_in_the_way_is_left_alone(place: Path) -> None:
    place.write_text("mine")
    with pytest.raises(OutputError, match="is no socket"):
        create(str(place))
    assert place.read_text() == "mine"
    place.unlink()
    sink = made(str(place))
    with pytest.raises(OutputError, match="served by another program"):
        create(str(place))
    sink.close(complete=True)


def test_a_port_that_is_taken_is_told() -> None:
    sink = made("0")
    with pytest.raises(OutputError, match="cannot be served"):
        create(f"{sink.port}")
    sink.close(complete=True)


@pytest.mark.parametrize("target", ["0.0.0.0:7788", "192.0.2.7:7788", "example.org:7788", "[::]:7788"])
def test_nothing_is_served_to_other_machines(target: str) -> None:
    with pytest.raises(SettingsError, match="unencrypted"):
        create(target)


@pytest.mark.parametrize("target", ["", "hall", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:x"])
def test_what_is_no_address(target: str) -> None:
    with pytest.raises(SettingsError, match="no address"):
        create(target)


def test_a_few_people_are_not_called_anonymous() -> None:
    with pytest.raises(PolicyError):
        create("0", shape="anonymised", min_group=1)
