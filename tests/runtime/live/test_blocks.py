"""Views of shared memory outlive the block they are of."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
import pytest

from mien.runtime.live.blocks import Block, OpenBlocks

SHAPE = (720, 1280, 3)
SIZE = 720 * 1280 * 3


def read_after_close() -> None:
    """What ended the process while views held nothing: run in one of its own."""
    block = Block(create=True, size=SIZE)
    view = block.view(SHAPE)
    view[:] = 7
    block.drop()
    os._exit(0 if int(view.sum(dtype=np.int64)) == 7 * SIZE else 1)


def test_a_view_can_be_read_after_its_block_was_let_go() -> None:
    process = multiprocessing.get_context("spawn").Process(target=read_after_close)
    process.start()
    process.join(60)
    assert process.exitcode == 0


@pytest.mark.filterwarnings("error")
def test_letting_go_is_quiet_and_can_be_repeated() -> None:
    block = Block(create=True, size=SIZE)
    view = block.view((4, 2, 3), offset=10)
    block.drop()
    block.close()
    del block
    gc.collect()
    assert view.shape == (4, 2, 3)
    view[:] = 1


def test_a_block_that_was_let_go_has_no_further_views() -> None:
    block = Block(create=True, size=SIZE)
    block.drop()
    with pytest.raises(ValueError, match="was let go"):
        block.view(SHAPE)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc what is mapped")
def test_the_memory_goes_with_the_last_view() -> None:
    block = Block(create=True, size=SIZE)
    name, view = block.name, block.view(SHAPE)
    part = view[10:20]
    files = sum(1 for _ in Path("/proc/self/fd").iterdir())
    block.drop()
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == files - 1
    del view, block
    gc.collect()
    assert name in Path("/proc/self/maps").read_text()
    del part
    gc.collect()
    assert name not in Path("/proc/self/maps").read_text()


def test_a_block_is_opened_once_and_the_oldest_is_let_go() -> None:
    made = [Block(create=True, size=10) for _ in range(OpenBlocks.MOST + 1)]
    opened = OpenBlocks()
    try:
        first = opened.open(made[0].name)
        assert opened.open(made[0].name) is first
        first.view((10,))[:] = 3
        assert made[0].view((10,)).tolist() == [3] * 10
        for block in made[1:]:
            opened.open(block.name)
        assert opened.open(made[0].name) is not first
    finally:
        opened.close()
        for block in made:
            block.drop()
    with pytest.raises(FileNotFoundError):
        SharedMemory(name=made[0].name)
