"""System calls that a process gives up for good, by a filter in the kernel (seccomp, Linux on x86-64 and ARM64).

Refused are those that reach out of the process: sockets, other programs, new processes, signals to others, their
memory, their limits and their shared memory, names and rights of files, mounts, keys, the kernel itself. Threads go on
working. Numbers are those of Linux's ``asm/unistd_64.h`` and ``asm-generic/unistd.h``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mien.core.errors import SettingsError

_GET_SECCOMP: Final = 21
_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2

_LOAD: Final = 0x20
_EQUAL: Final = 0x15
_AT_LEAST: Final = 0x35
_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_REFUSED: Final = 0x00050000 | errno.EACCES
_ABSENT: Final = 0x00050000 | errno.ENOSYS
"""Libraries fall back to what is allowed."""
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16

_CLONE_THREAD: Final = 0x10000
_OPENS_TO_WRITE: Final = 0o3 | 0o100 | 0o1000 | 0o2000 | 0o20000000
"""``O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | __O_TMPFILE``, the same on both processors."""
_KEPT_OPTIONS: Final = (1, 4, 0x59616D61)
"""Of ``prctl``: the death signal, whether it can be traced, and by whom."""

Numbers = tuple[int | None, int | None]
"""Of a system call on x86-64 and on ARM64; None where it has none."""

REFUSED: Final[Mapping[str, Numbers]] = MappingProxyType(
    {
        # The network, and local sockets.
        **{"socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200)},
        **{"listen": (50, 201), "accept": (43, 202), "accept4": (288, 242)},
        # Other programs and processes.
        **{"execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None)},
        **{"ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271)},
        **{"process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272)},
        **{"pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "tkill": (200, 130)},
        **{"setrlimit": (160, 164), "setpriority": (141, 140), "ioprio_set": (251, 30)},
        **{"sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274)},
        **{"migrate_pages": (256, 238), "move_pages": (279, 239)},
        **{"shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "semop": (65, 193)},
        **{"semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189)},
        **{"msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181)},
        # Names, rights and lengths of files.
        **{"unlink": (87, None), "unlinkat": (263, 35), "rmdir": (84, None), "mkdir": (83, None)},
        **{"mkdirat": (258, 34), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276)},
        **{"link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36)},
        **{"mknod": (133, None), "mknodat": (259, 33), "truncate": (76, 45), "creat": (85, None)},
        **{"chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452)},
        **{"chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54)},
        **{"utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88)},
        **{"setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463)},
        **{"removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16)},
        **{"removexattrat": (466, 466), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265)},
        **{"fanotify_init": (300, 262), "inotify_init": (253, None), "inotify_init1": (294, 26)},
        # What the machine is.
        **{"mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51)},
        **{"open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431)},
        **{"fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "swapon": (167, 224)},
        **{"swapoff": (168, 225), "quotactl": (179, 60), "quotactl_fd": (443, 443), "unshare": (272, 97)},
        **{"setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282)},
        **{"keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "init_module": (175, 105)},
        **{"finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104)},
        **{"kexec_file_load": (320, 294), "reboot": (169, 142), "syslog": (103, 116), "acct": (163, 89)},
        **{"iopl": (172, None), "ioperm": (173, None), "personality": (135, 92), "settimeofday": (164, 170)},
        **{"clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171)},
        **{"sethostname": (170, 161), "setdomainname": (171, 162)},
    }
)
"""Always refused, by name."""
ABSENT: Final[Mapping[str, Numbers]] = MappingProxyType(
    {
        "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426),
        "io_uring_register": (427, 427),
        # Arguments that lie in memory cannot be looked at: their elder relatives do the same.
        "clone3": (435, 435),
        "openat2": (437, 437),
    }
)
"""As if the kernel had none of them."""
JUDGED: Final[Mapping[str, Numbers]] = MappingProxyType(
    {
        "clone": (56, 220),
        "kill": (62, 129),
        "tgkill": (234, 131),
        "rt_sigqueueinfo": (129, 138),
        "rt_tgsigqueueinfo": (297, 240),
        "prlimit64": (302, 261),
        "prctl": (157, 167),
        "open": (2, None),
        "openat": (257, 56),
    }
)
"""Refused by their arguments."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """A processor: its place in :data:`Numbers`, its audit number, and where foreign numbers begin."""

    place: int
    audit: int
    foreign_from: int | None


MACHINES: Final[Mapping[str, _Machine]] = MappingProxyType(
    {"x86_64": _Machine(0, 0xC000003E, 0x40000000), "aarch64": _Machine(1, 0xC00000B7, None)}
)

_Step = tuple[int, int, int, int]


def available() -> bool:
    """Whether this kernel takes system calls away, on a processor whose numbers are known."""
    if platform.machine() not in MACHINES or not hasattr(os, "memfd_create"):
        return False
    return int(ctypes.CDLL(None).prctl(_GET_SECCOMP, 0, 0, 0, 0)) >= 0


def install(*, may_write: bool) -> None:
    """Give up the system calls, for this thread and those it starts, for good; needs ``no_new_privs``.

    Args:
        may_write: whether a file may be opened for writing. Memory files that are made without opening them are not
            bound by it.

    Raises:
        SettingsError: this kernel does not do so.
    """
    library = ctypes.CDLL(None, use_errno=True)
    steps = list(_steps(MACHINES[platform.machine()], os.getpid(), may_write))
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


def _steps(machine: _Machine, own: int, may_write: bool) -> Iterator[_Step]:
    yield from ((_LOAD, 0, 0, _ARCHITECTURE_AT), (_EQUAL, 1, 0, machine.audit), (_RETURN, 0, 0, _KILL))
    yield (_LOAD, 0, 0, _NUMBER_AT)
    if machine.foreign_from is not None:
        # The other numbering of the same processor would pass by the list.
        yield from ((_AT_LEAST, 0, 1, machine.foreign_from), (_RETURN, 0, 0, _KILL))
    for calls, answer in ((REFUSED, _REFUSED), (ABSENT, _ABSENT)):
        for numbers in calls.values():
            if (number := numbers[machine.place]) is not None:
                yield from ((_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer))
    for name, numbers in JUDGED.items():
        if (number := numbers[machine.place]) is not None:
            judged = _judged(name, own, may_write)
            # Within a judgement the accumulator holds arguments: every way through one ends in an answer.
            yield from ((_EQUAL, 0, len(judged), number), *judged)
    yield (_RETURN, 0, 0, _ALLOW)


def _judged(name: str, own: int, may_write: bool) -> Sequence[_Step]:
    refused, allowed = (_RETURN, 0, 0, _REFUSED), (_RETURN, 0, 0, _ALLOW)
    if name == "clone":
        return (_low(0), (_ANY_BIT, 0, 1, _CLONE_THREAD), allowed, refused)
    if name in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        return (_low(0), (_EQUAL, 0, 1, own), allowed, refused)
    if name == "prlimit64":
        # Limits may be asked for, one's own, and not set: the third argument is what they are to be.
        return (
            *(_low(0), (_EQUAL, 1, 0, 0), (_EQUAL, 0, 5, own)),
            *(_low(2), (_EQUAL, 0, 3, 0), _high(2), (_EQUAL, 0, 1, 0), allowed, refused),
        )
    if name == "prctl":
        kept = [(_EQUAL, len(_KEPT_OPTIONS) - place, 0, option) for place, option in enumerate(_KEPT_OPTIONS)]
        return (_low(0), *kept, allowed, refused)
    if may_write:
        return (allowed,)
    flags = 1 if name == "open" else 2
    return (_low(flags), (_ANY_BIT, 0, 1, _OPENS_TO_WRITE), refused, allowed)


def _low(argument: int) -> _Step:
    """Load the lower half of an argument; both processors are little-endian."""
    return (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument)


def _high(argument: int) -> _Step:
    return (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument + 4)
