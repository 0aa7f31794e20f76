"""Recordings that are what they should not be, and how they reach the limited process."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import av
import numpy as np
from av.audio.resampler import AudioResampler

from mien.core.media import HEAD_BYTES
from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.settings import PROFILES
from mien.service.sniffing import required
from mien.service.work.limited import Decoded, Telling, decode
from mien.service.work.options import DecodingOptions
from mien.service.work.requests import AnalysisOrder, Declared, Measurement, as_payload
from mien.service.work.tasks import Tools
from mien.store.file_records import SpooledKind
from mien.store.records import Job
from mien.store.repositories.jobs import JobOptions
from mien.store.repositories.sessions import SessionDraft
from mien.store.repositories.spooled_files import SpooledDraft

PROFILE = PROFILES["interview"]
OWN = Declared(purpose=Purpose.PERSONAL, basis=Basis.OWN_RECORDING)


def measurement(**changes: Any) -> Measurement:
    return Measurement(**{"profile": PROFILE, "declared": OWN, **changes})


async def nobody(share: float | None, note: str) -> None:
    return


async def thrown_away(name: str, pieces: AsyncIterator[bytes]) -> None:
    async for _ in pieces:
        pass


async def read(
    content: bytes, options: DecodingOptions | None = None, telling: Telling | None = None, **changes: Any
) -> Decoded:
    """An upload's way past the sniffing into the limited process."""
    media = required(content[:HEAD_BYTES])
    request = {"session_id": str(uuid4()), "created": datetime.now(UTC), "documents": True}
    return await decode(
        [content],
        media,
        measurement(**changes),
        request,
        options or DecodingOptions(wall_seconds=300.0),
        telling or Telling(nobody, thrown_away),
    )


def large_pictures(path: Path, side: int = 8192, frames: int = 2) -> bytes:
    """A small file whose frames are huge: flat black costs nothing to store."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        black = av.VideoFrame(side, side, "yuv420p")
        for plane, value in zip(black.planes, (16, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        for number in range(frames):
            black.pts, black.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(black))
        output.mux(stream.encode())
    return path.read_bytes()


def many_frames(path: Path, frames: int, *, suffix_seconds: float = 0.04) -> bytes:
    """A Matroska file that was streamed: its header tells neither a length nor a number of frames."""
    with av.open(str(path), "w", options={"live": "1"}) as output:
        stream = output.add_stream("libx264", rate=25, options={"preset": "ultrafast", "g": "250"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        picture = np.zeros((48, 64, 3), np.uint8)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(suffix_seconds).limit_denominator(1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path.read_bytes()


def with_sound(pictures: Path, sound: Path, path: Path) -> bytes:
    """A recording's pictures with another's sound."""
    with av.open(str(pictures)) as seen, av.open(str(sound)) as heard, av.open(str(path), "w") as output:
        copied = output.add_stream_from_template(seen.streams.video[0])
        voice = output.add_stream("aac", rate=16000, layout="mono")
        for packet in seen.demux(seen.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copied
                output.mux(packet)
        resampler = AudioResampler("fltp", "mono", 16000, 1024)
        for frame in heard.decode(heard.streams.audio[0]):
            for part in resampler.resample(frame):
                output.mux(voice.encode(part))
        output.mux(voice.encode(None))
    return path.read_bytes()


async def upload(tools: Tools, organisation: UUID, content: bytes, media_type: str = "video/mp4") -> UUID:
    """A complete upload in the spool."""
    file_id = uuid4()
    key, sealed = tools.spool.mint(file_id)
    with tools.spool.writer(key, most_bytes=1 << 30) as writer:
        writer.write(content)
        writer.finish()
    async with tools.store.begin(organisation) as work:
        await work.spooled_files.begin(SpooledDraft(file_id, SpooledKind.UPLOAD, sealed, 3600.0))
        await work.spooled_files.completed(file_id, media_type, len(content))
    return file_id


async def order_analysis(
    tools: Tools, organisation: UUID, upload_id: UUID, options: JobOptions | None = None, **changes: Any
) -> Job:
    """An analysis job of an upload in a session of its own."""
    asked = measurement(**changes)
    declared = asked.declared.declaration()
    grant = authorise(Declaration(declared.purpose, declared.basis), asked.profile)
    async with tools.store.begin(organisation) as work:
        session = await work.sessions.begin(SessionDraft(grant, asked.profile.audience.label_set, 0.5, 30))
        job = await work.jobs.enqueue(
            "analysis",
            as_payload(AnalysisOrder(upload_id=upload_id, measurement=asked)),
            session_id=session.id,
            options=options,
        )
        await work.spooled_files.hand_over(upload_id, job.id, session.id, 3600.0)
    return job


async def until_final(tools: Tools, organisation: UUID, job_id: UUID, seconds: float = 120.0) -> Job:
    """A job when it has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        async with tools.store.begin(organisation, read_only=True) as work:
            job = await work.jobs.get(job_id)
        if job.state.final:
            return job
        await asyncio.sleep(0.05)
    raise AssertionError(f"the job did not end within {seconds} s: {job}")


def children() -> set[int]:
    """Processes that this one started and that still run."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parts = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(parts[1]) == os.getpid() and parts[0] != "Z":
            found.add(int(stat.parent.name))
    return found
