"""What keeps the processes that decode strangers' files on this machine, and what does not: said, never assumed."""

from __future__ import annotations

import logging
import platform
from dataclasses import dataclass

from mien.service.work import landlock, seccomp

_log = logging.getLogger("mien.service.protections")


@dataclass(frozen=True, slots=True)
class Protection:
    """One thing that a decoding process is kept from.

    Attributes:
        name: what keeps it.
        holds: whether this kernel has it.
        detail: from what it keeps the process, or what it can do without it.
    """

    name: str
    holds: bool
    detail: str


def protections() -> tuple[Protection, ...]:
    """What of all this holds on this machine; nothing is changed by asking."""
    filters = seccomp.available()
    version = landlock.abi()
    files = "reads only Python, libraries and models"
    return (
        Protection(
            "limits",
            filters,
            "memory, processor time, open files, tasks, core dumps, bytes written"
            if filters
            else f"needs Linux on x86-64 or ARM64, not {platform.system()} on {platform.machine()}: nothing is decoded",
        ),
        Protection(
            "system calls",
            filters,
            "no sockets, programs, processes, signals, or changes to files (seccomp)"
            if filters
            else "this kernel has no seccomp filter: nothing is decoded",
        ),
        Protection(
            "files",
            bool(version),
            f"{files} (Landlock {version})"
            if version
            else "this kernel has no Landlock: a decoder that is taken over can read whatever the service's user can",
        ),
        Protection(
            "scopes",
            version >= landlock.LATEST,
            "signals and abstract sockets end at the process, a second time (Landlock)"
            if version >= landlock.LATEST
            else f"needs Landlock {landlock.LATEST}; the filter of system calls alone keeps them",
        ),
    )


def tell_protections() -> None:
    """Log once what keeps decoders and what does not."""
    missing = [told for told in protections() if not told.holds]
    held = [told.name for told in protections() if told.holds]
    from mien.service.logs import say

    event = "decoders.confined_in_part" if missing else "decoders.confined"
    level = logging.WARNING if missing else logging.INFO
    say(_log, level, event, holds=held, missing={told.name: told.detail for told in missing})
