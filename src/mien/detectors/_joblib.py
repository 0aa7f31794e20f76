"""Arrays out of a file that joblib wrote with LZ4, without joblib, LZ4 or trust.

The file is an LZ4 frame (lz4_Frame_format.md) around a pickle of a list, in which the bytes of each array follow its
description. A pickle can name anything to be called: of this one the four names that describe arrays are known, and
any other is refused.
"""

from __future__ import annotations

import io
import pickle
import struct
from typing import Any, ClassVar, Final

import numpy as np

from mien.core.errors import WeightsError
from mien.core.faces import FloatArray

_MARK: Final = b"\x04\x22\x4d\x18"
_LEAST_COPY: Final = 4


def read_arrays(content: bytes) -> list[FloatArray]:
    """The arrays of a file, as float32, in order.

    Args:
        content: of the file.

    Raises:
        WeightsError: it is no such file, or holds more than arrays.
    """
    try:
        found = _Reader(io.BytesIO(decompress(content))).load()
    except (struct.error, IndexError, ValueError, KeyError, EOFError, TypeError, AttributeError,
            pickle.UnpicklingError) as error:  # fmt: skip
        raise WeightsError(f"it is not a list of arrays that can be read: {error}") from error
    if not isinstance(found, list) or not all(isinstance(one, _Described) and one.array is not None for one in found):
        raise WeightsError("it holds something else than arrays")
    return [one.array for one in found]


def decompress(content: bytes) -> bytes:
    """The content of an LZ4 frame; checksums, which a hash of the file makes needless, are not looked at.

    Raises:
        ValueError, IndexError, struct.error: it is none.
    """
    if content[:4] != _MARK:
        raise ValueError("no LZ4 frame")
    flags = content[4]
    block_checks, sized, named = flags >> 4 & 1, flags >> 3 & 1, flags & 1
    at = 7 + 8 * sized + 4 * named
    whole = bytearray()
    while size := struct.unpack_from("<I", content, at)[0]:
        at, length = at + 4, size & 0x7FFFFFFF
        block = content[at : at + length]
        if len(block) < length:
            raise ValueError("it is cut short")
        if size >> 31:
            whole += block
        else:
            _unpack(block, whole)
        at += length + 4 * block_checks
    return bytes(whole)


def _unpack(block: bytes, whole: bytearray) -> None:
    """One compressed block: literal bytes, and copies of what came before, in turns."""
    at = 0
    while at < len(block):
        token = block[at]
        length, at = _length(block, at + 1, token >> 4)
        whole += block[at : at + length]
        at += length
        if at >= len(block):
            return
        back = struct.unpack_from("<H", block, at)[0]
        length, at = _length(block, at + 2, token & 15)
        length += _LEAST_COPY
        start = len(whole) - back
        if back == 0 or start < 0:
            raise ValueError("a copy of what was not there")
        piece = whole[start : start + length]
        # Where a copy reaches into itself it repeats.
        whole += (piece * (-(-length // len(piece))))[:length]


def _length(block: bytes, at: int, length: int) -> tuple[int, int]:
    if length == 15:
        while True:
            more, at = block[at], at + 1
            length += more
            if more != 255:
                break
    return length, at


class _Described:
    """What joblib says of an array; the array itself follows in the stream."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self.order = "C"
        self.dtype: np.dtype[Any] | None = None
        self.numpy_array_alignment_bytes: int | None = None
        self.array: FloatArray | None = None

    def read(self, stream: io.BytesIO) -> None:
        """Take the array's bytes."""
        if self.dtype is None or self.dtype.kind != "f" or self.order not in ("C", "F"):
            raise pickle.UnpicklingError("an array of a kind that is not known here")
        if self.numpy_array_alignment_bytes is not None:
            stream.read(stream.read(1)[0])
        count = int(np.prod(self.shape, dtype=np.int64))
        flat = np.frombuffer(stream.read(count * self.dtype.itemsize), self.dtype, count)
        self.array = np.asarray(flat.reshape(self.shape, order="F" if self.order == "F" else "C"), np.float32)


_KNOWN: Final[dict[tuple[str, str], Any]] = {
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Described,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _Reader(pickle._Unpickler):
    """Python's own unpickler, in Python: it reads no further than it is, so that arrays can be taken in between."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self._stream = stream

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _KNOWN[module, name]

    def _build(self) -> None:
        pickle._Unpickler.load_build(self)  # type: ignore[attr-defined]
        described = self.stack[-1]  # type: ignore[attr-defined]
        if isinstance(described, _Described):
            described.read(self._stream)

    dispatch: ClassVar[dict[int, Any]] = {**pickle._Unpickler.dispatch, pickle.BUILD[0]: _build}
