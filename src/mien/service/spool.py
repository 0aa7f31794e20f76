"""The encrypted spool: files that a job needs, under a key of their own each, until that job ends.

A file is a magic word and records. A record is a header (length of its plaintext, whether it is the last), a random
nonce and AES-256-GCM ciphertext, whose associated data are the file's id, the record's number, the offset of its first
byte and whether it is the last: records that are left out, repeated, moved to another place or file, or cut off at the
end are noticed. A file whose last record has not come grows at its end, also after a crash: what a crash left half
written is cut off. The key lies sealed in the database (``SpooledFile.sealed_key``), never here; without it the file is
noise, which is what a deletion of the row makes of every copy.

Names of files are ids that the service made. The folder may lie on a volume that several machines share.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mien.core.errors import InputError, MediaTooLargeError, OutputError, SettingsError
from mien.service.security.sealing import Seal, SealError
from mien.store.errors import ConflictError, NotFoundError

RECORD_BYTES: Final = 1 << 18
"""Plaintext of one record at most: what is kept in memory of a file."""
SUFFIX: Final = ".spool"
KEY_PURPOSE: Final = "spool keys"
_MAGIC: Final = b"MIENSPL1"
_HEADER: Final = struct.Struct("<IB")
_BOUND: Final = struct.Struct("<16sQQ?")
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_KEY_BYTES: Final = 32


class DamagedError(InputError):
    """A spooled file is not what was written: cut off, reordered or altered."""


class BusyError(ConflictError):
    """Another request is writing to the same file."""


@dataclass(frozen=True, slots=True)
class SpoolKey:
    """What opens one file.

    Attributes:
        file_id: of the file; another file's key does not open it.
        secret: 32 bytes.
    """

    file_id: UUID
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the next record goes: its number, the offset of its first byte, and its place in the file."""

    number: int
    offset: int
    position: int


class Spool:
    """A folder of encrypted files.

    Args:
        folder: made when missing, for its owner only.
        secret: the service's own.

    Raises:
        OutputError: the folder cannot be made.
    """

    def __init__(self, folder: Path, secret: bytes) -> None:
        self.folder = folder
        self._seal = Seal(secret, KEY_PURPOSE)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"the spool folder {folder} cannot be made: {error.strerror}.") from error

    def mint(self, file_id: UUID) -> tuple[SpoolKey, bytes]:
        """A fresh key for a file, and the same sealed for the database."""
        secret = os.urandom(_KEY_BYTES)
        return SpoolKey(file_id, secret), self._seal.close(secret, file_id.bytes)

    def key(self, file_id: UUID, sealed: bytes) -> SpoolKey:
        """The key of a file.

        Raises:
            SettingsError: it was sealed under another secret.
        """
        try:
            return SpoolKey(file_id, self._seal.open(sealed, file_id.bytes))
        except SealError:
            raise SettingsError(
                "a stored key was sealed under another secret of the service: set the one it was made with."
            ) from None

    def writer(self, key: SpoolKey, *, most_bytes: int) -> SpoolWriter:
        """Go on writing a file where it ends, or begin it; one writer at a time.

        Args:
            key: of the file.
            most_bytes: how long it may become.

        Raises:
            BusyError: somebody else writes to it, here or on another machine.
            ConflictError: it is complete.
            DamagedError: its end is not what was written.
        """
        return SpoolWriter(self._path(key.file_id), key, most_bytes)

    def read(self, key: SpoolKey) -> Iterator[bytes]:
        """A complete file's plaintext, piece by piece. Each piece is verified before it is given.

        Raises:
            NotFoundError: there is no such file.
            DamagedError: it is not what was written; do not use what was given before.
        """
        with self._opened(key.file_id) as stream:
            reader = _Reader(stream.fileno(), key)
            for place, plain in reader.records():
                if plain:
                    yield plain
                if place.ended:
                    if reader.rest():
                        raise DamagedError("a spooled file goes on behind its end.")
                    return
        raise DamagedError("a spooled file was cut off.")

    def head(self, key: SpoolKey) -> bytes:
        """The beginning of a file, at most one record of it; it need not be complete."""
        with self._opened(key.file_id) as stream:
            for _, plain in _Reader(stream.fileno(), key).records():
                return plain
        return b""

    def offset(self, file_id: UUID) -> int:
        """How much of a file is there, bytes of plaintext. Without the key lengths are read, not verified.

        Raises:
            NotFoundError: there is no such file.
        """
        with self._opened(file_id) as stream:
            return _walk(stream.fileno()).offset

    def erase(self, file_id: UUID) -> bool:
        """Remove a file; whether there was one."""
        try:
            self._path(file_id).unlink()
        except FileNotFoundError:
            return False
        return True

    def ids(self, *, older_than_seconds: float = 0.0) -> tuple[UUID, ...]:
        """Files that were last changed so long ago. What is no file of the spool is left alone."""
        before = time.time() - older_than_seconds
        found = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(ValueError, FileNotFoundError):
                if path.stat().st_mtime <= before:
                    found.append(UUID(path.stem))
        return tuple(found)

    def _path(self, file_id: UUID) -> Path:
        return self.folder / f"{file_id}{SUFFIX}"

    @contextlib.contextmanager
    def _opened(self, file_id: UUID) -> Iterator[FileIO]:
        try:
            stream = self._path(file_id).open("rb", buffering=0)
        except FileNotFoundError:
            raise NotFoundError.of("upload", file_id) from None
        with stream:
            yield stream


class SpoolWriter:
    """Writes a file; made by :meth:`Spool.writer`. What was given is on the disk when :meth:`flush` returns.

    Attributes:
        offset: bytes of plaintext so far.
    """

    def __init__(self, path: Path, key: SpoolKey, most_bytes: int) -> None:
        self._cipher = AESGCM(key.secret)
        self._key = key
        self._most = most_bytes
        self._held = bytearray()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutputError(f"an upload cannot be spooled: {error.strerror}.") from error
        try:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError(
                    "another request is sending to this upload: wait for it, then ask how far it is."
                ) from None
            self._begin()
        except BaseException:
            os.close(self._file)
            raise
        self.offset = self._place.offset

    def _begin(self) -> None:
        if os.fstat(self._file).st_size < len(_MAGIC):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, _MAGIC, 0)
        place = _walk(self._file)
        if place.ended:
            raise ConflictError("the upload is complete: nothing can be added to it.")
        if place.last is not None:
            _Reader(self._file, self._key).verify(place.last)
        os.ftruncate(self._file, place.position)
        self._place = _Place(place.number, place.offset, place.position)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes.

        Raises:
            MediaTooLargeError: the file would be longer than it may; what fitted is kept.
            OutputError: the disk is full.
        """
        if self.offset + len(data) > self._most:
            raise MediaTooLargeError(f"the upload is larger than {self._most} bytes: send a smaller file.")
        self._held += data
        self.offset += len(data)
        while len(self._held) >= RECORD_BYTES:
            self._record(self._held[:RECORD_BYTES], last=False)
            del self._held[:RECORD_BYTES]

    def flush(self) -> int:
        """Put everything given on the disk; afterwards no crash takes it away.

        Returns:
            The offset.
        """
        if self._held:
            self._record(self._held, last=False)
            self._held = bytearray()
        os.fdatasync(self._file)
        return self.offset

    def finish(self) -> None:
        """Write the end: the file is complete."""
        self._record(self._held, last=True)
        self._held = bytearray()
        os.fdatasync(self._file)

    def close(self) -> None:
        """Let go of the file; what was not flushed is lost."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _record(self, plain: bytes | bytearray, *, last: bool) -> None:
        place, nonce = self._place, os.urandom(_NONCE_BYTES)
        bound = _BOUND.pack(self._key.file_id.bytes, place.number, place.offset, last)
        record = b"".join((_HEADER.pack(len(plain), last), nonce, self._cipher.encrypt(nonce, bytes(plain), bound)))
        try:
            written = os.pwrite(self._file, record, place.position)
        except OSError as error:
            raise OutputError(f"an upload cannot be spooled: {(error.strerror or 'error').lower()}.") from error
        if written != len(record):
            raise OutputError("an upload cannot be spooled: the disk is full.")
        self._place = _Place(place.number + 1, place.offset + len(plain), place.position + len(record))


@dataclass(frozen=True, slots=True)
class _End:
    """Where a walk over a file's records ended.

    Attributes:
        number, offset, position: of the next record.
        ended: whether the last record was met.
        last: the record before, or None.
    """

    number: int
    offset: int
    position: int
    ended: bool = False
    last: _Place | None = None


class _Reader:
    """Reads and verifies the records of an open file."""

    def __init__(self, file: int, key: SpoolKey) -> None:
        self._file = file
        self._key = key
        self._cipher = AESGCM(key.secret)
        self._position = len(_MAGIC)
        if os.pread(file, len(_MAGIC), 0) != _MAGIC:
            raise DamagedError("a spooled file does not begin as one.")

    def records(self) -> Iterator[tuple[_End, bytes]]:
        """Each whole record with where the next one begins."""
        place = _Place(0, 0, len(_MAGIC))
        while (found := self._at(place)) is not None:
            plain, last, size = found
            place = _Place(place.number + 1, place.offset + len(plain), place.position + size)
            self._position = place.position
            yield _End(place.number, place.offset, place.position, last), plain
            if last:
                return

    def rest(self) -> bool:
        """Whether anything is behind the records that were read."""
        return os.fstat(self._file).st_size > self._position

    def verify(self, place: _Place) -> None:
        """Make sure that a record is what was written.

        Raises:
            DamagedError: it is not.
        """
        if self._at(place) is None:
            raise DamagedError("a spooled file was cut off.")

    def _at(self, place: _Place) -> tuple[bytes, bool, int] | None:
        header = os.pread(self._file, _HEADER.size, place.position)
        if len(header) < _HEADER.size:
            return None
        length, last = _described(header)
        size = _NONCE_BYTES + length + _TAG_BYTES
        body = os.pread(self._file, size, place.position + _HEADER.size)
        if len(body) < size:
            return None
        bound = _BOUND.pack(self._key.file_id.bytes, place.number, place.offset, last)
        try:
            plain = self._cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], bound)
        except InvalidTag:
            raise DamagedError("a spooled file was altered, or its records are out of order.") from None
        return plain, last, _HEADER.size + size


def _described(header: bytes) -> tuple[int, bool]:
    """A record's length and whether it is the last. There is one way to write each."""
    length, last = _HEADER.unpack(header)
    if length > RECORD_BYTES or last > 1:
        raise DamagedError("a spooled file holds a record that none of ours is like.")
    return length, bool(last)


def _walk(file: int) -> _End:
    """The end of the whole records of a file, by their lengths alone."""
    size = os.fstat(file).st_size
    end = _End(0, 0, len(_MAGIC))
    while not end.ended:
        header = os.pread(file, _HEADER.size, end.position)
        if len(header) < _HEADER.size:
            break
        length, last = _described(header)
        following = end.position + _HEADER.size + _NONCE_BYTES + length + _TAG_BYTES
        if following > size:
            break
        here = _Place(end.number, end.offset, end.position)
        end = _End(end.number + 1, end.offset + length, following, last, here)
    return end
