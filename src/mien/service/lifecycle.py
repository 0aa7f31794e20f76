"""Where the process stands between its first request and its last."""

from __future__ import annotations

import asyncio


class Lifecycle:
    """Whether the process still wants work. Long answers and sockets wait for :attr:`draining` and end."""

    def __init__(self) -> None:
        self.draining = asyncio.Event()

    @property
    def accepting(self) -> bool:
        """Whether a load balancer should send more."""
        return not self.draining.is_set()

    def drain(self) -> None:
        """Not ready from now on: what is in progress is finished, and followers are told to go elsewhere."""
        self.draining.set()
