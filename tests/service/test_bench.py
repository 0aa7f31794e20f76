"""Work away from the event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mien.core.errors import WeightsError
from mien.service.bench import Bench, BusyError, ToolError


async def test_a_tool_is_opened_once_a_thread_and_when_needed() -> None:
    opened: list[str] = []

    def open_tool() -> str:
        opened.append(threading.current_thread().name)
        return "tool"

    bench = Bench("works", open_tool)
    assert opened == []
    for number in range(5):
        assert await bench.run(lambda tool, n=number: (tool, n)) == ("tool", number)  # type: ignore[misc]
    assert len(opened) == 1
    assert opened[0].startswith("works")
    await bench.close()


async def test_more_than_may_wait_is_refused_and_room_comes_back() -> None:
    gate = threading.Event()
    bench = Bench("works", lambda: None, threads=1, most_waiting=2)
    running = [asyncio.create_task(bench.run(lambda tool: gate.wait(5))) for _ in range(3)]
    await asyncio.sleep(0.05)
    with pytest.raises(BusyError):
        await bench.run(lambda tool: None)
    gate.set()
    await asyncio.gather(*running)
    await asyncio.sleep(0.05)
    assert bench.taken == 0
    await bench.run(lambda tool: None)
    await bench.close()


async def test_a_caller_who_left_still_takes_the_place_that_is_worked_at() -> None:
    gate = threading.Event()
    bench = Bench("works", lambda: None, threads=1, most_waiting=0)
    task = asyncio.create_task(bench.run(lambda tool: gate.wait(5)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(BusyError):
        await bench.run(lambda tool: None)
    gate.set()
    await asyncio.sleep(0.05)
    await bench.run(lambda tool: None)
    await bench.close()


async def test_a_tool_that_cannot_be_opened_is_not_the_callers_fault() -> None:
    tries: list[int] = []

    def open_tool() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise WeightsError("no weights")
        return "tool"

    bench = Bench("works", open_tool)
    with pytest.raises(ToolError):
        await bench.run(lambda tool: tool)
    assert await bench.run(lambda tool: tool) == "tool"
    await bench.close()


async def test_what_a_job_raises_reaches_its_caller_only() -> None:
    bench = Bench("works", lambda: None)

    def fail(tool: None) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await bench.run(fail)
    assert await bench.run(lambda tool: 1) == 1
    await bench.close()
