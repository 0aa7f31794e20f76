"""Spooled files: encrypted, whole or noticed, and growing where a crash left them."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mien.core.errors import MediaTooLargeError, SettingsError
from mien.service.spool import RECORD_BYTES, BusyError, DamagedError, Spool, SpoolKey
from mien.store.errors import ConflictError, NotFoundError

SECRET = bytes(range(64))
HEADER = struct.Struct("<IB")
OVERHEAD = HEADER.size + 12 + 16


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", SECRET)


def write(spool: Spool, *parts: bytes, end: bool = True) -> SpoolKey:
    key, _ = spool.mint(uuid4())
    with spool.writer(key, most_bytes=1 << 30) as writer:
        for part in parts:
            writer.write(part)
            writer.flush()
        if end:
            writer.finish()
    return key


def place(spool: Spool, key: SpoolKey) -> Path:
    return spool.folder / f"{key.file_id}.spool"


def records(content: bytes) -> list[bytes]:
    """A file's records, headers included."""
    at, found = 8, []
    while at < len(content):
        length, _ = HEADER.unpack_from(content, at)
        found.append(content[at : at + OVERHEAD + length])
        at += OVERHEAD + length
    return found


def plain(spool: Spool, key: SpoolKey) -> bytes:
    return b"".join(spool.read(key))


@given(parts=st.lists(st.binary(max_size=3000), max_size=8), repeated=st.integers(1, 300))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_went_in_comes_out(spool: Spool, parts: list[bytes], repeated: int) -> None:
    parts = [part * repeated for part in parts]
    assert plain(spool, write(spool, *parts)) == b"".join(parts)


def test_nothing_of_it_can_be_read_on_the_disk(spool: Spool) -> None:
    secret = b"a face nobody may see " * 40_000
    key = write(spool, secret)
    stored = place(spool, key).read_bytes()
    assert len(stored) > len(secret)
    assert b"face" not in stored
    assert place(spool, key).stat().st_mode & 0o077 == 0


def test_a_key_is_sealed_and_opens_its_own_file_only(spool: Spool) -> None:
    first, second = uuid4(), uuid4()
    key, sealed = spool.mint(first)
    assert spool.key(first, sealed) == key
    assert key.secret not in sealed
    assert key.secret.hex() not in repr(key)
    with pytest.raises(SettingsError, match="another secret"):
        spool.key(second, sealed)
    with pytest.raises(SettingsError, match="another secret"):
        Spool(spool.folder, bytes(64)).key(first, sealed)


def test_a_file_under_another_files_name_is_noticed(spool: Spool) -> None:
    key = write(spool, b"anna" * 100)
    moved = SpoolKey(uuid4(), key.secret)
    place(spool, key).rename(place(spool, moved))
    with pytest.raises(DamagedError):
        plain(spool, moved)


@pytest.mark.parametrize("kept", range(4))
def test_a_file_that_was_cut_off_between_records_is_noticed(spool: Spool, kept: int) -> None:
    key = write(spool, b"one", b"two", b"three")
    content = place(spool, key).read_bytes()
    place(spool, key).write_bytes(content[:8] + b"".join(records(content)[:kept]))
    with pytest.raises(DamagedError, match="cut off"):
        plain(spool, key)


def test_records_in_another_order_left_out_or_repeated_are_noticed(spool: Spool) -> None:
    key = write(spool, b"aaaa", b"bbbb", b"cccc")
    content = place(spool, key).read_bytes()
    a, b, c, end = records(content)
    for order in ([b, a, c, end], [a, c, end], [a, a, b, c, end], [a, b, c, end, end], [end]):
        place(spool, key).write_bytes(content[:8] + b"".join(order))
        with pytest.raises(DamagedError):
            plain(spool, key)


@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
@example(at=8 + 2 * (OVERHEAD + 500) + 4, bit=3)  # of the byte that says which record is the last
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_is_noticed_wherever_it_is(spool: Spool, at: int, bit: int) -> None:
    key = write(spool, b"x" * 500, b"y" * 500)
    content = bytearray(place(spool, key).read_bytes())
    content[at % len(content)] ^= 1 << bit
    place(spool, key).write_bytes(content)
    with pytest.raises(DamagedError):
        plain(spool, key)


@given(cut=st.integers(0, 3 * RECORD_BYTES))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_a_crash_writing_goes_on_where_the_whole_records_end(spool: Spool, cut: int) -> None:
    data = os.urandom(2 * RECORD_BYTES + 1234)
    key = write(spool, data, end=False)
    stored = place(spool, key)
    os.truncate(stored, max(0, stored.stat().st_size - cut))
    with spool.writer(key, most_bytes=1 << 30) as writer:
        there = writer.offset
        assert there <= len(data)
        assert cut > 0 or there == len(data)
        writer.write(data[there:])
        writer.finish()
    assert spool.offset(key.file_id) == len(data)
    assert plain(spool, key) == data


def test_a_resumed_file_never_uses_a_nonce_twice(spool: Spool) -> None:
    key = write(spool, b"first try", end=False)
    stored = place(spool, key)
    before = records(stored.read_bytes())[0]
    os.truncate(stored, 8)
    with spool.writer(key, most_bytes=100) as writer:
        writer.write(b"other try")
        writer.finish()
    assert records(stored.read_bytes())[0][5:17] != before[5:17]


def test_how_much_is_there_is_known_without_the_key(spool: Spool) -> None:
    key = write(spool, b"a" * 700_001, end=False)
    assert spool.offset(key.file_id) == 700_001
    with pytest.raises(NotFoundError):
        spool.offset(uuid4())


def test_no_byte_beyond_the_limit_is_taken(spool: Spool) -> None:
    key, _ = spool.mint(uuid4())
    with spool.writer(key, most_bytes=1000) as writer:
        writer.write(b"a" * 1000)
        with pytest.raises(MediaTooLargeError, match="1000 bytes"):
            writer.write(b"b")
        writer.flush()
    assert spool.offset(key.file_id) == 1000


def test_one_request_writes_at_a_time(spool: Spool) -> None:
    key, _ = spool.mint(uuid4())
    with spool.writer(key, most_bytes=1000), pytest.raises(BusyError):
        spool.writer(key, most_bytes=1000)
    spool.writer(key, most_bytes=1000).close()


def test_a_complete_file_takes_no_more(spool: Spool) -> None:
    key = write(spool, b"all of it")
    with pytest.raises(ConflictError, match="complete"):
        spool.writer(key, most_bytes=1000)


def test_an_altered_end_is_not_written_on(spool: Spool) -> None:
    key = write(spool, b"some of it", end=False)
    content = bytearray(place(spool, key).read_bytes())
    content[-1] ^= 1
    place(spool, key).write_bytes(content)
    with pytest.raises(DamagedError):
        spool.writer(key, most_bytes=1000)


def test_erased_is_gone_and_strange_files_are_left_alone(spool: Spool) -> None:
    key = write(spool, b"gone")
    (spool.folder / "notes.txt").write_text("not ours")
    (spool.folder / "notes.spool").write_text("not ours either")
    assert spool.ids() == (key.file_id,)
    assert spool.ids(older_than_seconds=60) == ()
    assert spool.erase(key.file_id)
    assert not spool.erase(key.file_id)
    assert spool.ids() == ()
    assert len(list(spool.folder.iterdir())) == 2
    assert isinstance(key.file_id, UUID)
