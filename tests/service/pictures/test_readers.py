"""Processes that read pictures, with forks that do the worst they can."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mien.core.errors import InputError, MediaTooLargeError
from mien.core.policy import Basis, Declaration, Purpose
from mien.service.pictures import processes
from mien.service.pictures import readers as module
from mien.service.pictures.processes import BrokenError, ReadersError, ReadersOptions
from mien.service.pictures.readers import NotHereError, Readers
from mien.service.work import landlock, memory, seccomp
from tests.service.pictures.evil_template import WEIGHTS

ROOT = Path(__file__).resolve().parents[3]
DECLARED = Declaration(Purpose.AUDIENCE_RESEARCH, Basis.CONSENT)


@pytest.fixture(scope="module", autouse=True)
def evil() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "COMMAND", ("-P", "-B", "-m", "tests.service.pictures.evil_template"))
        patch.setenv("PYTHONPATH", f"{ROOT / 'src'}{os.pathsep}{ROOT}")
        yield


@pytest.fixture(scope="module")
async def readers(evil: None) -> AsyncIterator[Readers]:
    made = Readers(DECLARED, ReadersOptions(wall_seconds=20.0))
    yield made
    await made.close()


@contextmanager
def file(content: str) -> Iterator[int]:
    handle = memory.make("test")
    memory.append(handle, content.encode())
    memory.seal(handle)
    try:
        yield handle
    finally:
        os.close(handle)


def confined(pid: str) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status


async def said(readers: Readers, content: str) -> str:
    """What a fork answers in words."""
    with file(content) as handle, pytest.raises(InputError) as told:
        await readers.read(handle)
    return str(told.value)


async def test_each_file_has_a_process_of_its_own_and_nothing_else_open(readers: Readers) -> None:
    first, second = await said(readers, "pid"), await said(readers, "pid")
    assert first != second
    # Standard streams, the socket and the file.
    assert len((await said(readers, "open")).split()) == 5


async def test_a_fork_can_do_nothing_but_answer(readers: Readers, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    told = (await said(readers, f"try {secret}")).split()
    reading, rest = told[0], told[1:]
    assert rest == ["PermissionError"] * 5
    if landlock.abi():
        assert reading == "PermissionError"
    assert secret.exists()
    assert readers.template is not None


@pytest.mark.parametrize(
    "worst",
    [
        "crash",
        "quit",
        "long",
        "say nonsense",
        'say {"kind": "read"}',
        'say {"kind": "read", "shares": {"a": 2.0}, "readings": 1, "sightings": 1, "frames": 1}',
        'say {"kind": "read", "shares": {"a": 0.1}, "readings": 1, "sightings": 1, "frames": 1}',
        'say {"kind": "read", "shares": {"a": NaN}, "readings": 1, "sightings": 1, "frames": 1}',
    ],
)
async def test_what_goes_wrong_in_one_costs_its_own_file_alone(readers: Readers, worst: str) -> None:
    await said(readers, "pid")
    template = readers.template
    with file(worst) as handle, pytest.raises(BrokenError):
        await readers.read(handle)
    with file("tell") as handle:
        assert (await readers.read(handle)).shares == WEIGHTS
    assert readers.template == template


@pytest.mark.parametrize("worst", ["hang", "spin"])
async def test_one_that_takes_too_long_is_ended_and_the_next_goes_on(worst: str) -> None:
    quick = Readers(DECLARED, ReadersOptions(wall_seconds=0.5))
    try:
        await said(quick, "pid")
        began = time.monotonic()
        with file(worst) as handle, pytest.raises(MediaTooLargeError, match="takes longer than"):
            await quick.read(handle)
        assert time.monotonic() - began < 10
        with file("tell") as handle:
            assert (await quick.read(handle)).readings == 1
    finally:
        await quick.close()


async def test_a_template_that_ends_is_started_again(readers: Readers) -> None:
    await said(readers, "pid")
    template = readers.template
    assert template is not None
    os.kill(template, signal.SIGKILL)
    assert await said(readers, "pid")
    assert readers.template != template


async def test_it_is_started_again_before_anybody_asks(readers: Readers) -> None:
    await said(readers, "pid")
    template = readers.template
    assert template is not None
    os.kill(template, signal.SIGKILL)
    async with asyncio.timeout(30):
        while readers.template in (None, template):
            await asyncio.sleep(0.02)


async def test_forks_end_with_the_service_s_order_and_with_their_template() -> None:
    gone = Readers(DECLARED, ReadersOptions(processes=3))
    gone.start()
    try:
        async with asyncio.timeout(30):
            while len(gone._spare) < 3:
                await asyncio.sleep(0.02)
        template = gone.template
        assert template is not None
        forks = Path(f"/proc/{template}/task/{template}/children").read_text().split()
        assert len(forks) == 3
        # A fork is told of as soon as there is one, and takes a file once it has confined itself.
        async with asyncio.timeout(30):
            while not all(confined(pid) for pid in forks):
                await asyncio.sleep(0.02)
    finally:
        await gone.close()
    async with asyncio.timeout(10):
        while any(Path(f"/proc/{pid}").exists() for pid in (template, *forks)):
            await asyncio.sleep(0.02)


async def test_so_many_read_at_once_and_others_wait() -> None:
    two = Readers(DECLARED, ReadersOptions(processes=2, wall_seconds=3.0))
    try:
        await said(two, "pid")
        with file("hang") as slow, file("tell") as quick:
            hanging = asyncio.create_task(two.read(slow))
            await asyncio.sleep(0.1)
            assert (await two.read(quick)).readings == 1
            assert not hanging.done()
            with pytest.raises(MediaTooLargeError):
                await hanging
    finally:
        await two.close()


async def test_networks_that_cannot_be_had_are_fetched_and_then_told(
    readers: Readers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fetched = tmp_path / "fetched"
    monkeypatch.setattr(module, "FETCHING", ("-c", f"open({str(fetched)!r}, 'w')"))
    none = Readers(Declaration(Purpose.AUDIENCE_RESEARCH, Basis.CONSENT, "XX"))
    try:
        for _ in range(2):
            with file("tell") as handle, pytest.raises(ReadersError, match="no networks here"):
                await none.read(handle)
        assert fetched.exists()
    finally:
        await none.close()


async def test_a_machine_that_confines_nobody_reads_nothing(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "available", lambda: False)
    with file("tell") as handle, pytest.raises(NotHereError, match="Linux"):
        await readers.read(handle)
