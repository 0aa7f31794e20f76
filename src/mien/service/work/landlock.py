"""Files, ports and processes that a process cannot reach any more (Landlock, Linux from 5.13 on, without root).

What is not granted is refused: files opened before, pipes and memory files stay. Numbers and rights are those of
``linux/landlock.h``. The kernel's version of it (its ABI) says what it knows: 1 files; 2 moving them; 3 truncating
them; 4 TCP ports; 5 device controls; 6 signals and abstract sockets.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mien.core.errors import SettingsError

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION: Final = 1
_BENEATH: Final = 1
_READ_FILE: Final = 1 << 2
_READ_FOLDER: Final = 1 << 3
_FILE_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Rights that are governed, from an ABI on: all it knows."""
_PORTS_FROM, _PORTS = 4, 3
_SCOPES_FROM, _SCOPES = 6, 3
LATEST: Final = 6
"""The ABI from which on everything is governed that is named here."""


def abi() -> int:
    """What the kernel knows of it; 0 where it has none, or has it switched off."""
    if not hasattr(os, "memfd_create"):
        return 0
    return max(0, _call(_CREATE_RULESET, None, 0, _ASK_VERSION))


def restrict(readable: Iterable[Path]) -> int:
    """Leave this process nothing but to read some files and folders, for good; needs ``no_new_privs``.

    Threads that it has started stay free.

    Args:
        readable: files, and folders with all below them; those that are missing are left out.

    Returns:
        The ABI by which it is kept; 0 where the kernel has none, and nothing was restricted.

    Raises:
        SettingsError: the kernel refused.
    """
    version = abi()
    if not version:
        return 0
    rights = _FILE_RIGHTS[max(known for known in _FILE_RIGHTS if known <= version)]
    attributes = struct.pack("=Q", rights)
    if version >= _PORTS_FROM:
        attributes += struct.pack("=Q", _PORTS)
    if version >= _SCOPES_FROM:
        attributes += struct.pack("=Q", _SCOPES)
    ruleset = _checked(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path in readable:
            _grant(ruleset, path)
        _checked(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return version


def _grant(ruleset: int, path: Path) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            folder = stat.S_ISDIR(os.fstat(handle).st_mode)
            rights = _READ_FILE | _READ_FOLDER if folder else _READ_FILE
            # struct landlock_path_beneath_attr is packed.
            _checked(_ADD_RULE, ruleset, _BENEATH, struct.pack("=Qi", rights, handle), 0)
        finally:
            os.close(handle)


def _checked(number: int, *arguments: int | bytes | None) -> int:
    answer = _call(number, *arguments)
    if answer < 0:
        raise SettingsError(f"this kernel refused a restriction ({os.strerror(ctypes.get_errno())}).")
    return answer


def _call(number: int, *arguments: int | bytes | None) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    given = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return int(library.syscall(ctypes.c_long(number), *given))
