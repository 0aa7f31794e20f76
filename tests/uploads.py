"""What somebody sent, in files that are open and have no name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from mien.core.faces import FrameSource
from mien.core.settings import SamplingSettings
from mien.sources import open_handle


class Uploads:
    """Files that live as long as the stack."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def handle(self, content: bytes) -> int:
        """Descriptor of a file that holds it."""
        handle = os.memfd_create("upload", os.MFD_CLOEXEC)
        self._stack.callback(os.close, handle)
        with os.fdopen(os.dup(handle), "wb") as file:
            file.write(content)
        return handle

    def source(self, content: bytes, sampling: SamplingSettings) -> FrameSource:
        """Its frames."""
        return open_handle(self.handle(content), sampling)


@pytest.fixture
def uploads() -> Iterator[Uploads]:
    if not hasattr(os, "memfd_create"):
        pytest.skip("an open file is opened again by /proc, on Linux only")
    with ExitStack() as stack:
        yield Uploads(stack)
