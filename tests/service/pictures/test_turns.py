"""Turns at something scarce."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.service.pictures.turns import Turns


async def served(turns: Turns, callers: str, cancelled: frozenset[int] = frozenset()) -> str:
    """Who has a turn, in order, where all ask while one is taken; those at some places give up."""
    order: list[str] = []

    async def one(caller: str) -> None:
        async with turns.turn(caller):
            order.append(caller)
            await asyncio.sleep(0)

    async with turns.turn("first"):
        tasks = [asyncio.create_task(one(caller)) for caller in callers]
        await asyncio.sleep(0)
        for place in cancelled:
            tasks[place].cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    return "".join(order)


async def test_callers_take_turns_however_much_one_asks() -> None:
    assert await served(Turns(1), "aaaabab") == "ababaaa"


@given(
    callers=st.text("abc", max_size=12), most=st.integers(1, 3), cancelled=st.frozensets(st.integers(0, 11), max_size=6)
)
def test_everybody_who_stays_is_served_and_every_turn_comes_back(
    callers: str, most: int, cancelled: frozenset[int]
) -> None:
    async def check() -> None:
        turns = Turns(most)
        gone = frozenset(place for place in cancelled if place < len(callers))
        order = await served(turns, callers, gone)
        stayed = [caller for place, caller in enumerate(callers) if place not in gone]
        # With more turns than one, some had theirs before they could give up.
        assert len(stayed) <= len(order) <= len(callers)
        for _ in range(2):
            held = [turns.turn("x") for _ in range(most)]
            for turn in held:
                await asyncio.wait_for(turn.__aenter__(), 1)
            for turn in held:
                await turn.__aexit__(None, None, None)

    asyncio.run(check())


async def test_a_turn_given_to_one_who_leaves_goes_on() -> None:
    turns = Turns(1)
    first = turns.turn("a")
    await first.__aenter__()

    async def wait() -> None:
        async with turns.turn("b"):
            pytest.fail("it had left")

    leaving = asyncio.create_task(wait())
    await asyncio.sleep(0)
    await first.__aexit__(None, None, None)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    async with asyncio.timeout(1), turns.turn("c"):
        pass
