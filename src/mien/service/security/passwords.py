"""Passwords: argon2id, checked in the same time whether there is such a user or not."""

from __future__ import annotations

import asyncio
from typing import Final

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

SHORTEST: Final = 12
LONGEST: Final = 200
_MEMORY_KIB: Final = 19_456
_PASSES: Final = 2
_AT_ONCE: Final = 2
"""Hashes reckoned at once: each takes a core and 19 MiB."""


class Passwords:
    """Hashes and checks passwords, off the event loop, few at once.

    Costs are those that OWASP's cheat sheet gives for argon2id: 19 MiB, two passes, one lane.
    """

    def __init__(self) -> None:
        self._hasher = PasswordHash((Argon2Hasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=1),))
        self._nobodys: str | None = None
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def hashed(self, password: str) -> str:
        """What is stored of a password."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether a password is the one that was stored; never, but as slowly, where ``stored`` is None."""
        if self._nobodys is None:  # before either answer, so that the first takes as long as well
            self._nobodys = await self.hashed("nobody's password")
        async with self._turn:
            fits = await asyncio.to_thread(self._hasher.verify, password, stored or self._nobodys)
        return fits and stored is not None
