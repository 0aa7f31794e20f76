"""The live page: served to whoever knows its address on this machine, cached by nobody, drawn while it is looked at."""

from __future__ import annotations

import html
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from mien.core.errors import DeviceError
from mien.core.faces import FaceReading, FrameReading
from mien.report.live_page import LivePage, PageOptions, address, open_page, page, shrunk
from mien.report.live_server import LiveServer

TOKEN = "s3cret-t0ken"
OPTIONS = PageOptions(TOKEN, ("hall", "side"), "ferplus8", pictures_per_second=1000, most_of_a_core=1.0)
CONNECTIONS: list[http.client.HTTPConnection] = []
ANSWERS: list[http.client.HTTPResponse] = []


@pytest.fixture
def live() -> Iterator[LivePage]:
    made = open_page(OPTIONS, None)
    yield made
    for connection in CONNECTIONS:
        connection.close()
    for answer in ANSWERS:
        answer.close()
    CONNECTIONS.clear()
    ANSWERS.clear()
    made.close()


def ask(live: LivePage, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    connection.request("GET", path, headers=headers)
    CONNECTIONS.append(connection)
    answer = connection.getresponse()
    ANSWERS.append(answer)
    return answer


def reading(at: float = 1.0, label: str = "happiness") -> FrameReading:
    face = FaceReading(
        3, np.array([400, 100, 800, 600], np.float32), np.full((5, 2), 500, np.float32), 0.9, 0.8, 0.0, 0.0, 0.0,
        None, np.full(8, 1 / 8, np.float32), label, 0.9,
    )  # fmt: skip
    return FrameReading(0, at, (face,), 1.0, 1.0)


def feed(live: LivePage, level: int, camera: int = 0) -> threading.Thread:
    """Show a picture as soon as somebody waits for one, as the engine does."""

    def show() -> None:
        while camera not in live.wanted():
            time.sleep(0.005)
        live.show(camera, np.full((720, 1280, 3), level, np.uint8), reading(), 25.0)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    return thread


def until_nobody_looks(live: LivePage) -> None:
    deadline = time.monotonic() + 10
    while live.watched:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def next_picture(response: http.client.HTTPResponse) -> np.ndarray:
    while (line := response.readline()) and not line.startswith(b"Content-Length"):
        pass
    size = int(line.split(b":")[1])
    response.readline()
    picture = cv2.imdecode(np.frombuffer(response.read(size), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def test_the_page_is_whole_and_asks_only_for_itself(live: LivePage) -> None:
    answer = ask(live, f"/{TOKEN}/")
    assert answer.status == 200
    assert answer.read().decode() == page(OPTIONS)
    assert "default-src 'none'" in html.unescape(page(OPTIONS))
    assert "http" not in page(OPTIONS).replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")


def test_nothing_of_it_may_be_kept_or_used_elsewhere(live: LivePage) -> None:
    feed(live, 90)
    for path in ("", "picture/0", "nothing"):
        answer = ask(live, f"/{TOKEN}/{path}")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Access-Control-Allow-Origin"] is None
        answer.close()


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/wrong/", "/wrong/picture/0", "/wrong/figures", f"/{TOKEN}x/"])
def test_who_does_not_know_the_address_gets_nothing(live: LivePage, path: str) -> None:
    answer = ask(live, path)
    assert answer.status == 404
    assert b"whole address" in answer.read()


def test_a_host_by_another_name_gets_nothing(live: LivePage) -> None:
    for host in ("evil.example", f"evil.example:{live.port}", "127.0.0.1", f"192.0.2.1:{live.port}"):
        assert ask(live, f"/{TOKEN}/", Host=host).status == 421
    assert ask(live, f"/{TOKEN}/", Host=f"localhost:{live.port}").status == 200


def test_it_is_bound_to_this_machine_only(live: LivePage) -> None:
    assert address(live.port, TOKEN) == f"http://127.0.0.1:{live.port}/{TOKEN}/"
    # Another address of the same loopback interface: a server on every address would answer.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", live.port), 5)


def test_a_port_that_is_taken_is_told(live: LivePage) -> None:
    with pytest.raises(DeviceError, match=f"port {live.port} of this machine"):
        open_page(OPTIONS, live.port)


def test_nobody_looks_nothing_is_wanted_and_nobody_is_remembered(live: LivePage) -> None:
    assert not live.watched
    assert live.wanted() == frozenset()
    feed(live, 90, camera=1)
    answer = ask(live, f"/{TOKEN}/picture/1")
    next_picture(answer)
    assert live.watched
    answer.close()
    until_nobody_looks(live)
    assert live.wanted() == frozenset()


def test_pictures_are_drawn_on_and_shrunk(live: LivePage) -> None:
    feed(live, 90)
    answer = ask(live, f"/{TOKEN}/picture/0")
    picture = next_picture(answer)
    assert picture.shape == (540, 960, 3)
    assert abs(int(picture[500, 30].mean()) - 90) < 4
    edge = picture[300, 296:304].max(axis=0).astype(int)
    assert edge[1] > edge[0] + 40, "the box is green"
    for level in (120, 150):
        feed(live, level)
        assert abs(int(next_picture(answer)[500, 30].mean()) - level) < 4
    answer.close()


def test_whoever_comes_later_is_shown_no_old_picture(live: LivePage) -> None:
    feed(live, 60)
    first = ask(live, f"/{TOKEN}/picture/0")
    next_picture(first)
    first.close()
    until_nobody_looks(live)
    feed(live, 200)
    second = ask(live, f"/{TOKEN}/picture/0")
    assert next_picture(second)[500, 30].mean() > 190
    second.close()


def test_there_is_no_camera_beyond_the_last(live: LivePage) -> None:
    assert ask(live, f"/{TOKEN}/picture/2").status == 404


def test_figures_come_as_they_are_told_and_end(live: LivePage) -> None:
    live.tell(json.dumps({"clock": "00:01"}))
    answer = ask(live, f"/{TOKEN}/figures")
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert [answer.readline() for _ in range(3)][2] == b'data: {"clock": "00:01"}\n'
    live.tell(json.dumps({"clock": "00:02"}))
    assert [answer.readline() for _ in range(2)][1] == b'data: {"clock": "00:02"}\n'
    live.close()
    assert b"event: ended" in answer.read()


def test_the_end_is_on_its_way_before_the_process_may_end(live: LivePage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads that tell end with the process, however late they get to it on a busy machine."""
    figures = LiveServer.figures

    def late(server: LiveServer) -> Iterator[str]:
        for told in figures(server):
            time.sleep(0 if told else 0.3)
            yield told

    monkeypatch.setattr(LiveServer, "figures", late)
    live.tell("{}")
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as reader:
        reader.sendall(f"GET /{TOKEN}/figures HTTP/1.1\r\nHost: 127.0.0.1:{live.port}\r\n\r\n".encode())
        received = b""
        while b"data: {}" not in received:
            received += reader.recv(4096)
        live.close()
        reader.setblocking(False)
        assert b"event: ended" in reader.recv(4096)


def test_a_reader_that_takes_nothing_holds_nobody_up(live: LivePage) -> None:
    with socket.create_connection(("127.0.0.1", live.port)) as idle:
        idle.sendall(f"GET /{TOKEN}/picture/0 HTTP/1.1\r\nHost: 127.0.0.1:{live.port}\r\n\r\n".encode())
        noise = np.random.default_rng(1).integers(0, 256, (720, 1280, 3), dtype=np.uint8)
        started = time.monotonic()
        for _ in range(30):
            live.show(0, noise, reading(), 25.0)
        feed(live, 10)
        answer = ask(live, f"/{TOKEN}/picture/0")
        next_picture(answer)
        answer.close()
        assert time.monotonic() - started < 10


def test_where_people_may_not_be_shown_there_is_no_picture() -> None:
    told = PageOptions(TOKEN, ("hall",), "ferplus8", pictures=False)
    live = open_page(told, None)
    try:
        assert "<img" not in page(told)
        assert "which needs the basis own_recording or consent" in page(told)
        assert ask(live, f"/{TOKEN}/picture/0").status == 404
    finally:
        live.close()


def test_crowds_are_drawn_less_often_rather_than_at_others_cost() -> None:
    live = open_page(PageOptions(TOKEN, ("hall",), "ferplus8", pictures_per_second=1000, most_of_a_core=0.01), None)
    try:
        feed(live, 90)
        answer = ask(live, f"/{TOKEN}/picture/0")
        next_picture(answer)
        time.sleep(0.05)
        # Drawing took a millisecond at the least, so that the next is not due for a hundred.
        assert live.watched
        assert live.wanted() == frozenset()
        answer.close()
    finally:
        live.close()


def test_small_pictures_stay_as_they_are() -> None:
    small = np.zeros((480, 640, 3), np.uint8)
    image, told = shrunk(small, reading(), 960)
    assert image is small
    assert told.faces[0].box.tolist() == [400, 100, 800, 600]
    _, told = shrunk(np.zeros((960, 1920, 3), np.uint8), reading(), 960)
    assert told.faces[0].box.tolist() == [200, 50, 400, 300]
