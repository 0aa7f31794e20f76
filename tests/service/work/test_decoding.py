"""What the limited process makes of recordings, and of what only looks like one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mien.core.content import Source
from mien.core.errors import UnsupportedMediaError
from mien.service.work.limited import CrashedError, RefusedError, Telling
from mien.service.work.options import DecodingOptions
from mien.service.work.requests import Speech
from tests.service.work.support import (
    children,
    large_pictures,
    many_frames,
    nobody,
    read,
    thrown_away,
    with_sound,
)
from tests.sources.media import index_first, write_video

PLAYLIST = b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n"


@pytest.fixture
def short(tmp_path: Path) -> bytes:
    return write_video(tmp_path / "short.mp4", [i / 10 for i in range(20)], sound=True).read_bytes()


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After each test no process is left, and nothing lies in the folder for temporary files."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = children()
    yield
    assert children() == before
    assert list(scratch.iterdir()) == []


async def test_a_recording_is_told_as_the_command_line_tells_it(tmp_path: Path, short: bytes) -> None:
    from click.testing import CliRunner

    from mien.cli import main

    told: list[tuple[float | None, str]] = []

    async def progress(share: float | None, note: str) -> None:
        told.append((share, note))

    found = await read(short, telling=Telling(progress, thrown_away))
    (tmp_path / "recording.mp4").write_bytes(short)
    done = CliRunner().invoke(main, ["analyze", str(tmp_path / "recording.mp4"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    ours, theirs = json.loads(found.documents["report.json"]), json.loads((tmp_path / "out/report.json").read_text())
    for report in (ours, theirs):
        del report["created"], report["session"]["session_id"]
        # The service's limits on pixels are its own.
        del report["provenance"]["settings"]["sampling"]
    assert ours == theirs
    assert found.documents["timeline.csv"] == (tmp_path / "out/timeline.csv").read_bytes()
    assert found.documents["report.html"].startswith(b"<!doctype html>")
    assert [share for share, _ in told] == sorted(share for share, _ in told if share is not None)
    assert told[-1][1] == "20 frames read"
    assert len(found.snapshots) == 20
    assert found.complete


async def test_personal_files_come_in_pieces_and_never_touch_a_disk(short: bytes) -> None:
    held: dict[str, bytes] = {}

    async def keep(name: str, pieces: AsyncIterator[bytes]) -> None:
        held[name] = b"".join([piece async for piece in pieces])

    names = ("annotated.mp4", "faces.csv", "fex.csv")
    found = await read(short, telling=Telling(nobody, keep), personal_files=names)
    assert set(held) == set(names)
    assert held["annotated.mp4"][4:8] == b"ftyp"
    assert held["annotated.mp4"].find(b"moov") < held["annotated.mp4"].find(b"mdat"), "it plays while it loads"
    assert held["faces.csv"].startswith(b"media_time_seconds,")
    assert not set(names) & set(found.documents)


async def test_huge_pictures_are_refused_from_the_header(tmp_path: Path) -> None:
    bomb = large_pictures(tmp_path / "bomb.mp4")
    assert len(bomb) < 500_000
    with pytest.raises(RefusedError, match=r"recording.mp4 declares pictures of 8192×8192, more than the limit") as e:
        await read(bomb)
    assert e.value.code == "MediaTooLargeError"


async def test_a_header_that_lies_about_its_pictures_helps_nobody(tmp_path: Path) -> None:
    bomb = large_pictures(tmp_path / "bomb.mp4")
    small, side = (64).to_bytes(2, "big"), (8192).to_bytes(2, "big")
    lying = bomb.replace(side + side, small + small).replace(b"\x20\x00\x00\x00" * 2, b"\x00\x40\x00\x00" * 2)
    assert lying != bomb
    with pytest.raises(RefusedError):
        await read(lying)


async def test_more_pictures_than_the_header_told_end_at_the_limit(tmp_path: Path) -> None:
    endless = many_frames(tmp_path / "endless.mkv", 600)
    with pytest.raises(RefusedError, match="holds more pictures than it may") as e:
        await read(endless, DecodingOptions(max_total_pixels=64 * 48 * 100))
    assert e.value.code == "MediaTooLargeError"


async def test_a_recording_that_takes_for_ever_ends_at_the_clock(tmp_path: Path) -> None:
    endless = many_frames(tmp_path / "endless.mkv", 3000)
    began = time.monotonic()
    with pytest.raises(RefusedError, match="longer than the 2 seconds") as e:
        await read(endless, DecodingOptions(wall_seconds=2.0))
    assert e.value.code == "time"
    assert time.monotonic() - began < 20


async def test_processor_time_is_limited_by_the_kernel(tmp_path: Path) -> None:
    endless = many_frames(tmp_path / "endless.mkv", 6000)
    with pytest.raises(RefusedError, match="1 seconds of processor time") as e:
        await read(endless, DecodingOptions(cpu_seconds=1, wall_seconds=300.0))
    assert e.value.code == "time"


async def test_memory_is_limited_by_the_kernel(tmp_path: Path) -> None:
    large = large_pictures(tmp_path / "large.mp4", side=6144, frames=60)
    options = DecodingOptions(memory_bytes=1_200_000_000, max_pixels=6144 * 6144, wall_seconds=300.0)
    with pytest.raises((RefusedError, CrashedError), match=r"memory|ended") as e:
        await read(large, options)
    assert getattr(e.value, "code", "memory") == "memory"


async def test_a_recording_cut_off_before_its_index_is_refused(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "long.mp4", [i / 10 for i in range(60)]).read_bytes()
    with pytest.raises(RefusedError, match=r"recording\.mp4 is not a recording that can be read") as e:
        await read(whole[: len(whole) // 2])
    assert e.value.code == "UnsupportedMediaError"
    assert "/proc" not in str(e.value)


async def test_a_recording_cut_off_in_its_pictures_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    long = write_video(tmp_path / "long.mp4", [i / 10 for i in range(60)])
    whole = index_first(long, tmp_path / "streamed.mp4").read_bytes()
    found = await read(whole[: len(whole) - 600])
    assert not found.complete
    assert found.stopped_because == "truncated"
    assert 0 < len(found.snapshots) < 60


@pytest.mark.parametrize("head", [b"", b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41"])
async def test_a_playlist_that_calls_itself_a_recording_is_none(head: bytes) -> None:
    with pytest.raises((RefusedError, UnsupportedMediaError)) as e:
        await read(head + PLAYLIST * 200)
    assert "root:" not in str(e.value)


async def test_noise_behind_a_good_beginning_is_refused(short: bytes) -> None:
    for head in (short[:40], b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", b"RIFF\xff\xff\xff\x7fAVI LIST"):
        with pytest.raises(RefusedError):
            await read(head + os.urandom(20_000))


async def test_a_process_that_is_killed_is_told_apart_from_a_bad_recording(tmp_path: Path) -> None:
    endless = many_frames(tmp_path / "endless.mkv", 3000)
    before = children()
    reading = asyncio.create_task(read(endless))
    while not (found := children() - before):
        await asyncio.sleep(0.01)
    await asyncio.sleep(1.0)
    os.kill(found.pop(), signal.SIGKILL)
    with pytest.raises(CrashedError, match="signal 9"):
        await reading


async def test_stopping_ends_the_process(tmp_path: Path) -> None:
    endless = many_frames(tmp_path / "endless.mkv", 3000)
    before = children()
    reading = asyncio.create_task(read(endless))
    while not children() - before:
        await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_what_was_said_is_told_and_only_key_terms_are_asked_about(tmp_path: Path, shared: Path) -> None:
    pictures = write_video(tmp_path / "silent.mp4", [i / 5 for i in range(20)])
    spoken = with_sound(pictures, shared / "data/speech/jfk.flac", tmp_path / "spoken.mp4")
    asked: list[tuple[tuple[str, ...], str]] = []

    async def works(terms: tuple[str, ...], text: str) -> tuple[Source, ...]:
        asked.append((terms, text))
        return (Source("On asking", "https://doi.org/10.1/x", ("A. Author",), 1961, "Crossref"),)

    found = await read(spoken, telling=Telling(nobody, thrown_away, works), speech=Speech(language="en", sources=True))
    content = json.loads(found.documents["report.json"])["content"]
    assert "country" in json.dumps(content)
    assert "On asking" in json.dumps(content)
    [(terms, text)] = asked
    assert all(len(term) < 100 for term in terms)
    assert "ask not" in text.lower()
