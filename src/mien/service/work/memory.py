"""Files that lie in memory and have no name (Linux)."""

from __future__ import annotations

import fcntl
import os


def make(name: str) -> int:
    """Descriptor of a new one; the name is for those who look into this process."""
    return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def append(handle: int, data: bytes | memoryview) -> None:
    """Add bytes."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def seal(handle: int) -> None:
    """From now on nobody can change it, whoever is given its descriptor."""
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(handle, fcntl.F_ADD_SEALS, seals)
