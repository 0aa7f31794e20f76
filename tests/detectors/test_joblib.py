"""Arrays are read out of a joblib file; anything else that a pickle could do is refused."""

from __future__ import annotations

import pickle
import struct

import numpy as np
import pytest

from mien import weights
from mien.core.errors import WeightsError
from mien.detectors._joblib import decompress, read_arrays


def frame(*blocks: tuple[bytes, bool]) -> bytes:
    """An LZ4 frame of blocks, each stored as it is (True) or compressed."""
    body = b"".join(struct.pack("<I", len(block) | (plain << 31)) + block for block, plain in blocks)
    return b"\x04\x22\x4d\x18\x40\x40\xc0" + body + bytes(4)


def test_the_published_arrays_are_all_there() -> None:
    try:
        content = weights.load("mtcnn-pnet").content
    except WeightsError as error:
        pytest.skip(f"weights out of reach: {str(error).splitlines()[0]}")
    arrays = read_arrays(content)
    assert [array.shape for array in arrays[:3]] == [(3, 3, 3, 10), (10,), (1, 1, 10)]
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in arrays)


def test_stored_and_compressed_blocks_follow_each_other() -> None:
    # Three literals, a copy of seven from three back (it reaches into itself), then two literals.
    compressed = bytes([0x33]) + b"abc" + b"\x03\x00" + bytes([0x20]) + b"yz"
    assert decompress(frame((b"head ", True), (compressed, False))) == b"head abcabcabcayz"


def test_long_runs_count_on() -> None:
    compressed = bytes([0x1F]) + b"-" + b"\x01\x00" + bytes([255, 255, 1]) + bytes([0x10]) + b"!"
    assert decompress(frame((compressed, False))) == b"-" * (1 + 15 + 511 + 4) + b"!"


class _Calls:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 + 1",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no frame",
        frame((b"no pickle", True)),
        frame((pickle.dumps([1, 2]), True)),
        frame((pickle.dumps([_Calls()]), True)),
        frame((pickle.dumps([np.zeros(3)]), True)),
        frame((bytes([0x10]) + b"a" + b"\x09\x00", False)),
        frame((b"cut", True))[:-6],
    ],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(WeightsError):
        read_arrays(content)
