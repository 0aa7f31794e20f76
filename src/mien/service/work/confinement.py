"""What a process that decodes strangers' files gives up before it sees one (Linux).

Memory, processor time, open files, tasks, core dumps and the size of every file are limited by the kernel; a seccomp
filter takes sockets, other programs, new processes and signals to others away (:mod:`.seccomp`); Landlock leaves of
files what the process needs to read (:mod:`.landlock`), where the kernel has it; the process dies with the one that
started it. Where nothing is to be written, not even into memory files, the largest file has no byte: no content can
reach a disk.

A kernel without seccomp confines nobody: nothing is decoded there. One without Landlock leaves the process able to read
what its user may read. ``mien doctor`` says which it is (:mod:`.protections`).
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import site
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mien.core.errors import SettingsError
from mien.service.work import landlock, seccomp
from mien.weights.store import MODELS_VARIABLE, default_cache

_SET_DEATH_SIGNAL: Final = 1
_SET_DUMPABLE: Final = 4
_SET_NO_NEW_PRIVILEGES: Final = 38
MOST_TASKS: Final = 4096
"""Processes and threads that the user may have for this one to start another thread. The kernel counts them over the
whole machine, and does not hold root to it."""
_SYSTEM: Final = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
    *("/etc/localtime", "/usr/share/zoneinfo", "/dev/null", "/dev/urandom"),
    *("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu"),
)
"""What libraries read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decoding process may use.

    Attributes:
        memory_bytes: of address space.
        cpu_seconds: of processor time.
        file_bytes: of one file it writes, those in memory too; 0 where it writes none.
        open_files: at once.
        readable: files and folders that it may read, with all below them.
    """

    memory_bytes: int
    cpu_seconds: int
    file_bytes: int
    open_files: int = 256
    readable: tuple[Path, ...] = ()


def confine(limits: Limits, parent: int) -> None:
    """Limit this process, for good. It must not have started a thread yet.

    Args:
        limits: of what it may use.
        parent: the process that started it, with which it ends.

    Raises:
        SettingsError: this machine's kernel cannot do so.
    """
    if not seccomp.available():
        raise SettingsError(
            "strangers' files are decoded on Linux only, on x86-64 or ARM64, by a kernel with seccomp: run the workers "
            "there."
        )
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise SettingsError("a process with threads cannot confine itself: they would stay free.")
    bind_to(parent)
    _limit(resource.RLIMIT_FSIZE, limits.file_bytes)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)
    _limit(resource.RLIMIT_NPROC, MOST_TASKS)
    # The kernel ends the process at the first; the second is for one that ignores it.
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds, 5)
    _limit(resource.RLIMIT_AS, limits.memory_bytes)
    landlock.restrict(limits.readable)
    seccomp.install(may_write=limits.file_bytes > 0)


def bind_to(parent: int) -> None:
    """End with another process, and be looked into by none: a part of :func:`confine` that leaves it free to work.

    Args:
        parent: the process that started it.
    """
    library = ctypes.CDLL(None, use_errno=True)
    _prctl(library, _SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # It died before the kernel was told.
    _prctl(library, _SET_DUMPABLE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _prctl(library, _SET_NO_NEW_PRIVILEGES, 1)


def is_memory(error: BaseException) -> bool:
    """Whether memory ran out somewhere below: libraries tell so in words and numbers of their own."""
    seen: BaseException | None = error
    while seen is not None:
        number = getattr(seen, "errno", None)
        text = str(seen)
        if isinstance(seen, MemoryError) or number == errno.ENOMEM or "bad_alloc" in text:
            return True
        if any(told in text for told in ("Insufficient memory", "Cannot allocate memory", "Failed to allocate memory")):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def code_places() -> tuple[Path, ...]:
    """Where Python, its packages and system libraries lie: what a confined process may read to import and no more."""
    paths = sysconfig.get_paths()
    told = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    # Packages that are installed where they are written add their folders to the path.
    told += [*site.getsitepackages(), *(path for path in sys.path if path)]
    # Libraries of an interpreter that is not the system's lie beside its modules.
    told += [str(Path(sys.base_prefix) / "lib"), *_SYSTEM]
    return (Path(__file__).resolve().parents[2], *(Path(path) for path in dict.fromkeys(told)))


def model_places(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Where weights lie."""
    folders = [folder for folder in environment.get(MODELS_VARIABLE, "").split(os.pathsep) if folder.strip()]
    return (default_cache(environment), *(Path(folder).expanduser() for folder in folders))


def _limit(kind: int, amount: int, longer: int = 0) -> None:
    """Never above what the process was given itself."""
    hard = resource.getrlimit(kind)[1]
    most = amount + longer if hard == resource.RLIM_INFINITY else min(hard, amount + longer)
    resource.setrlimit(kind, (min(amount, most), most))


def _prctl(library: ctypes.CDLL, option: int, value: int) -> None:
    if library.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise SettingsError(f"this kernel refused a limit ({os.strerror(ctypes.get_errno())}).")
