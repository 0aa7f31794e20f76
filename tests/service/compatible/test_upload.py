"""The file of a form, however its bytes come."""

from __future__ import annotations

import asyncio
import itertools
import os
import selectors
from collections.abc import AsyncIterator, Coroutine, Sequence

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from mien.service.compatible.upload import Pace, paced, take_file
from mien.service.pictures.admission import Admission, AdmissionOptions
from mien.service.pictures.held import HeldFile

PLAIN = 'form-data; name="file"; filename="face.jpg"'


def form(*parts: tuple[str, bytes]) -> bytes:
    written = [
        b"--xyz\r\nContent-Disposition: " + told.encode() + b"\r\nContent-Type: image/jpeg\r\n\r\n" + content + b"\r\n"
        for told, content in parts
    ]
    return b"".join(written) + b"--xyz--\r\n"


async def taken(pieces: Sequence[bytes], kind: str = "multipart/form-data; boundary=xyz", most: int = 1000) -> bytes:
    """What a request's file is taken to be."""
    waiting = list(pieces)

    async def receive() -> dict[str, object]:
        body = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", kind.encode())]}
    with HeldFile(Admission(AdmissionOptions())) as file:
        await take_file(Request(scope, receive), file, most)
        return os.pread(file.handle, 10_000, 0)


@given(content=st.binary(max_size=200), cuts=st.lists(st.integers(0, 400), max_size=6))
def test_it_is_the_same_wherever_the_network_cuts_it(content: bytes, cuts: list[int]) -> None:
    if b"\r\n--xyz" in b"\r\n" + content:
        return
    body = form(('form-data; name="note"', b"hello"), (PLAIN, content), ('form-data; name="more"', b"x" * 30))
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in itertools.pairwise(places)]
    assert asyncio.run(taken(pieces)) == content


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (form(('form-data; name="file"', b"text")), "multipart/form-data; boundary=xyz"),
        (form(('form-data; name="other"; filename="a"', b"text")), "multipart/form-data; boundary=xyz"),
        (form(("form-data", b"text")), "multipart/form-data; boundary=xyz"),
        (form((PLAIN, b"one"), (PLAIN, b"two")), "multipart/form-data; boundary=xyz"),
        (form(*[('form-data; name="a"', b"")] * 20, (PLAIN, b"one")), "multipart/form-data; boundary=xyz"),
        (form((PLAIN, b"cut off"))[:-12], "multipart/form-data; boundary=xyz"),
        (form((PLAIN, b"one")), "multipart/form-data"),
        (form((PLAIN, b"one")), "multipart/form-data; boundary=" + "x" * 300),
        (form((PLAIN, b"one")), "image/jpeg"),
        (b"", "multipart/form-data; boundary=xyz"),
    ],
)
async def test_what_holds_no_file_is_invalid(body: bytes, kind: str) -> None:
    with pytest.raises(HTTPException) as told:
        await taken([body], kind)
    assert told.value.status_code == 422


async def test_a_file_may_be_as_large_as_the_limit_and_no_larger() -> None:
    assert await taken([form((PLAIN, bytes(1000)))]) == bytes(1000)
    with pytest.raises(HTTPException) as told:
        await taken([form((PLAIN, bytes(1001)))])
    assert told.value.status_code == 413


class VirtualSelector(selectors.DefaultSelector):
    """Waits in no time: the clock goes on by what would have been waited."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose seconds pass only while nothing else is to be done."""

    def __init__(self) -> None:
        self._passed = VirtualSelector()
        super().__init__(self._passed)

    def time(self) -> float:
        return self._passed.now


def in_virtual_time(what: Coroutine[object, object, int]) -> int:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(what)


async def pieces(*waits_and_sizes: tuple[float, int]) -> AsyncIterator[bytes]:
    for wait, size in waits_and_sizes:
        await asyncio.sleep(wait)
        yield bytes(size)


async def received(sent: Sequence[tuple[float, int]], pace: Pace) -> int:
    """Bytes that come through, of pieces after waits of so many seconds."""
    return sum([len(piece) async for piece in paced(pieces(*sent), pace)])


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([(0.0, 100), (10.1, 1)], id="stalls"),
        pytest.param([(5.0, 100)] * 20, id="trickles"),
        pytest.param([(5.0, 10_000)] * 20, id="never ends"),
    ],
)
def test_a_slow_sender_is_not_waited_for(sent: list[tuple[float, int]]) -> None:
    with pytest.raises(TimeoutError):
        in_virtual_time(received(sent, Pace(idle_seconds=10.0, longest_seconds=60.0, least_bytes_per_second=1000)))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([(0.0, 0), (9.9, 1)], id="nearly stalls"),
        pytest.param([(5.0, 5000)] * 11, id="takes nearly as long as it may"),
        pytest.param([(5.0, 100)] * 2, id="hesitates at first"),
    ],
)
def test_one_that_is_fast_enough_is(sent: list[tuple[float, int]]) -> None:
    pace = Pace(idle_seconds=10.0, longest_seconds=60.0, least_bytes_per_second=1000)
    assert in_virtual_time(received(sent, pace)) == sum(size for _, size in sent)
