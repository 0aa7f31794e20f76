"""What a process that decodes strangers' files gives up before it sees one (Linux).

Memory, processor time, open files, core dumps and the size of every file are limited by the kernel; a seccomp filter
takes sockets, other programs and other processes' memory away; the process dies with the one that started it. Where
nothing is to be written, not even into memory files, the largest file has no byte: no content can reach a disk.

It may still read and delete what its user may, signal that user's processes and fork:
``docs/reference/service/work.md`` says so to operators.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
from dataclasses import dataclass
from typing import Final

from mien.core.errors import SettingsError

_SET_DEATH_SIGNAL: Final = 1
_SET_DUMPABLE: Final = 4
_SET_SECCOMP: Final = 22
_SET_NO_NEW_PRIVILEGES: Final = 38
_MODE_FILTER: Final = 2

_LOAD: Final = 0x20
_EQUAL: Final = 0x15
_AT_LEAST: Final = 0x35
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_DENIED: Final = 0x00050000 | 13  # EACCES
_ABSENT: Final = 0x00050000 | 38  # ENOSYS: libraries fall back to what is allowed.
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4


@dataclass(frozen=True, slots=True)
class _Machine:
    """What the filter needs to know of a processor: its audit number and those of the system calls it loses."""

    audit: int
    denied: tuple[int, ...]
    absent: tuple[int, ...]
    foreign_from: int | None


_MACHINES: Final = {
    # socket, socketpair, connect, bind, listen, accept, accept4, execve, execveat, ptrace, process_vm_readv and
    # _writev, mount, bpf, keyctl, perf_event_open, userfaultfd, pidfd_getfd; absent: the three of io_uring.
    "x86_64": _Machine(
        0xC000003E,
        (41, 53, 42, 49, 50, 43, 288, 59, 322, 101, 310, 311, 165, 321, 250, 298, 323, 438),
        (425, 426, 427),
        0x40000000,
    ),
    "aarch64": _Machine(
        0xC00000B7,
        (198, 199, 203, 200, 201, 202, 242, 221, 281, 117, 270, 271, 40, 280, 219, 241, 282, 438),
        (425, 426, 427),
        None,
    ),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decoding process may use.

    Attributes:
        memory_bytes: of address space.
        cpu_seconds: of processor time.
        file_bytes: of one file it writes, those in memory too; 0 where it writes none.
        open_files: at once.
    """

    memory_bytes: int
    cpu_seconds: int
    file_bytes: int
    open_files: int = 256


def confine(limits: Limits, parent: int) -> None:
    """Limit this process, for good.

    Args:
        limits: of what it may use.
        parent: the process that started it, with which it ends.

    Raises:
        SettingsError: this machine's kernel cannot do so.
    """
    if not hasattr(os, "memfd_create") or platform.machine() not in _MACHINES:
        raise SettingsError("uploads are decoded on Linux only, on x86-64 or ARM64: run the workers there.")
    library = ctypes.CDLL(None, use_errno=True)
    _prctl(library, _SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # It died before the kernel was told.
    _prctl(library, _SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_bytes, limits.file_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits.open_files, limits.open_files))
    # The kernel ends the process at the first; the second is for one that ignores it.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    _prctl(library, _SET_NO_NEW_PRIVILEGES, 1)
    _filter(library, _MACHINES[platform.machine()])


def _filter(library: ctypes.CDLL, machine: _Machine) -> None:
    steps = [(_LOAD, 0, 0, _ARCHITECTURE_AT), (_EQUAL, 1, 0, machine.audit), (_RETURN, 0, 0, _KILL)]
    steps.append((_LOAD, 0, 0, _NUMBER_AT))
    if machine.foreign_from is not None:
        # The other numbering of the same processor would pass by the list.
        steps += [(_AT_LEAST, 0, 1, machine.foreign_from), (_RETURN, 0, 0, _KILL)]
    for numbers, answer in ((machine.denied, _DENIED), (machine.absent, _ABSENT)):
        for number in numbers:
            steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer)]
    steps.append((_RETURN, 0, 0, _ALLOW))
    program = b"".join(struct.pack("=HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a 16-bit length, padding, a pointer.
    described = struct.pack("@HP", len(steps), ctypes.addressof(held))
    told = ctypes.create_string_buffer(described, len(described))
    if library.prctl(_SET_SECCOMP, _MODE_FILTER, ctypes.c_void_p(ctypes.addressof(told)), 0, 0) != 0:
        raise SettingsError(
            f"this kernel does not take system calls away ({os.strerror(ctypes.get_errno())}): uploads cannot be "
            "decoded here."
        )


def _prctl(library: ctypes.CDLL, option: int, value: int) -> None:
    if library.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise SettingsError(f"this kernel refused a limit ({os.strerror(ctypes.get_errno())}).")
