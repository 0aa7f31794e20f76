"""Starts the limited process for one upload, feeds it from the spool, and takes in what it tells.

The upload's plaintext is written into an anonymous file in memory, sealed against change, and handed to the process as
a descriptor: containers are seekable there as on a disk, and no disk ever holds them. It takes as much memory as the
upload is long. The process inherits nothing else: no secret of the service is in its environment, and no other
descriptor is open in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from mien.core.audience import AudienceSnapshot, SnapshotLog
from mien.core.content import Source
from mien.core.errors import InputError, MienError
from mien.core.findings import Moment, SampleLog
from mien.core.media import Media
from mien.scholar import fitting_terms
from mien.service.work import memory
from mien.service.work.environment import told_environment
from mien.service.work.messages import Kind, Message, ProtocolError, received
from mien.service.work.options import DecodingOptions
from mien.service.work.requests import DecodingRequest, Measurement
from mien.store.errors import InvalidError

MOST_SNAPSHOTS: Final = 2_000_000
MOST_DOCUMENT_BYTES: Final = 512 << 20
MOST_SERIES: Final = 200
MOST_TERMS: Final = 20
WORKS: Final = TypeAdapter(tuple[Source, ...])
_MOMENTS: Final = TypeAdapter(tuple[Moment, ...])
_TAIL_BYTES: Final = 2000


class RefusedError(InputError):
    """An upload cannot be analysed, now or later; the message says why.

    Attributes:
        code: what kind of problem it is, for clients.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class CrashedError(MienError):
    """The process that read the upload ended without an answer; another attempt may succeed."""


@dataclass(slots=True)
class Decoded:
    """What came of one upload.

    Attributes:
        snapshots: in order of media time.
        series: samples by slug.
        documents: reports by name; nothing of them shows a single person beyond what the grant permits.
        moments, step_seconds, complete, stopped_because: of the timeline.
        notes: what its user should know.
    """

    snapshots: SnapshotLog = field(default_factory=SnapshotLog)
    series: dict[str, SampleLog] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    moments: tuple[Moment, ...] = ()
    step_seconds: float = 0.0
    complete: bool = False
    stopped_because: str | None = None
    notes: list[str] = field(default_factory=list)
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Telling:
    """Who is told what while the process works.

    Attributes:
        progress: told the share that is done, 0–1 or None, and a few words.
        personal: given a personal file's name and its pieces as they come; it must take them all.
        works: asked for scholarly works about key terms; None where nothing may leave this machine.
    """

    progress: Callable[[float | None, str], Awaitable[None]]
    personal: Callable[[str, AsyncIterator[bytes]], Awaitable[None]]
    works: Callable[[tuple[str, ...], str], Awaitable[tuple[Source, ...]]] | None = None


async def decode(
    pieces: Iterable[bytes],
    media: Media,
    measurement: Measurement,
    request: Mapping[str, Any],
    options: DecodingOptions,
    telling: Telling,
) -> Decoded:
    """Analyse an upload in a process of its own.

    Args:
        pieces: of its plaintext.
        media: what it is.
        measurement: how it is measured; its limits of pixels are lowered to the options'.
        request: ``session_id``, ``created`` and ``documents`` of the request.
        options: what the process may use.
        telling: who is told.

    Raises:
        RefusedError: it cannot be analysed within the limits, or is nothing that can be.
        CrashedError: the process ended by itself.
        MienError: as ``pieces`` raises.
    """
    if media.demuxer is None:
        raise RefusedError("the upload is a picture: give a recording.", "UnsupportedMediaError")
    handle = await asyncio.to_thread(_in_memory, pieces)
    reading, writing = os.pipe()
    process: asyncio.subprocess.Process | None = None
    try:
        try:
            asked = DecodingRequest(
                **request,
                input_handle=handle,
                output_handle=writing,
                parent=os.getpid(),
                name=media.name,
                demuxer=media.demuxer,
                measurement=_bounded(measurement, options),
                threads=options.threads,
                memory_bytes=options.memory_bytes,
                cpu_seconds=options.cpu_seconds,
                file_bytes=options.max_result_bytes if measurement.personal_files else 0,
            )
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-B", "-X", "faulthandler", "-m", "mien.service.work.child"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(handle, writing),
                env=told_environment(),
                start_new_session=True,
            )
        finally:
            os.close(writing)
            os.close(handle)
        async with asyncio.timeout(options.wall_seconds):
            return await _converse(process, asked, reading, telling, options)
    except TimeoutError:
        raise RefusedError(
            f"reading the upload takes longer than the {options.wall_seconds:g} seconds it may: cut the recording.",
            "time",
        ) from None
    finally:
        with contextlib.suppress(OSError):
            os.close(reading)
        if process is not None:
            await _end(process)


async def _converse(
    process: asyncio.subprocess.Process,
    asked: DecodingRequest,
    reading: int,
    telling: Telling,
    options: DecodingOptions,
) -> Decoded:
    stream = asyncio.StreamReader(limit=1 << 18)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(os.dup(reading), "rb", buffering=0)
    )
    assert process.stdin is not None
    assert process.stderr is not None
    tail = asyncio.create_task(_tail(process.stderr))
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(asked.model_dump_json().encode() + b"\n")
            await process.stdin.drain()
        told = await _take_in(stream, asked, telling, options, process.stdin)
        process.stdin.close()
        if told is None:
            status = await process.wait()
            raise _ended(status, await tail, options)
        return told
    finally:
        transport.close()
        tail.cancel()


async def _take_in(
    stream: asyncio.StreamReader,
    asked: DecodingRequest,
    telling: Telling,
    options: DecodingOptions,
    answers: asyncio.StreamWriter,
) -> Decoded | None:
    """Everything the process tells until its result; None where it ended without one."""
    found = Decoded()
    messages = received(stream)
    size = 0
    async for message in messages:
        match message.kind:
            case Kind.PROGRESS:
                await telling.progress(*_progress(message))
            case Kind.NOTE:
                found.notes.append(str(message.document().get("text", ""))[:500])
            case Kind.SNAPSHOT:
                found.snapshots.append(_snapshot(message, asked.session_id))
                if len(found.snapshots) > MOST_SNAPSHOTS:
                    raise RefusedError("the recording has too many steps: ask for a longer step.", "size")
            case Kind.SAMPLES:
                log = _samples(message)
                found.series[log.slug] = log
                if len(found.series) > MOST_SERIES:
                    raise ProtocolError("the process that read the upload sent too many series.")
            case Kind.FILE:
                name = str(message.document().get("name", ""))
                if name in asked.measurement.personal_files:
                    await telling.personal(name, _file(messages, options.max_result_bytes))
                else:
                    content = b"".join([piece async for piece in _file(messages, MOST_DOCUMENT_BYTES - size)])
                    size += len(content)
                    found.documents[name] = content
            case Kind.QUESTION if asked.measurement.speech is not None and asked.measurement.speech.sources:
                answers.write(WORKS.dump_json(await _works(message, telling)) + b"\n")
                await answers.drain()
            case Kind.RESULT:
                _conclude(found, message.document())
                return found
            case Kind.PROBLEM:
                raise _problem(message.document())
            case _:
                raise ProtocolError("the process that read the upload sent messages out of order.")
    return None


async def _file(messages: AsyncIterator[Message], most: int) -> AsyncIterator[bytes]:
    size = 0
    async for message in messages:
        if message.kind is Kind.FILE_END:
            return
        if message.kind is not Kind.DATA:
            raise ProtocolError("the process that read the upload sent messages out of order.")
        size += len(message.body)
        if size > most:
            raise RefusedError("what was to be made of the recording is too large: cut the recording.", "size")
        yield message.body
    raise CrashedError("the process that read the upload ended in the middle of a file.")


def _progress(message: Message) -> tuple[float | None, str]:
    told = message.document()
    share, frames = told.get("share"), told.get("frames_read")
    given = min(1.0, max(0.0, float(share))) if isinstance(share, int | float) else None
    heard = told.get("listened_seconds")
    if isinstance(heard, int | float):
        return given, f"{heard:.0f} seconds listened to"
    return given, f"{frames} frames read" if isinstance(frames, int) else ""


def _snapshot(message: Message, session_id: str) -> AudienceSnapshot:
    try:
        snapshot = AudienceSnapshot.model_validate_json(message.body)
    except ValidationError as error:
        raise ProtocolError("the process that read the upload sent no snapshot.") from error
    if snapshot.session_id != session_id:
        raise ProtocolError("the process that read the upload sent a snapshot of another session.")
    return snapshot


def _samples(message: Message) -> SampleLog:
    head, _, packed = message.body.partition(b"\n")
    told = Message(message.kind, head).document()
    try:
        return SampleLog.unpacked(str(told["slug"]), str(told["unit"]), packed)
    except (KeyError, ValueError) as error:
        raise ProtocolError("the process that read the upload sent no samples.") from error


async def _works(message: Message, telling: Telling) -> tuple[Source, ...]:
    """Works about what was said. Whatever the process asks, nothing but key terms leaves this machine."""
    told = message.document()
    terms, text = told.get("terms"), told.get("text")
    if not isinstance(terms, list) or not isinstance(text, str):
        raise ProtocolError("the process that read the upload asked something that cannot be read.")
    fitting = tuple(fitting_terms([str(term) for term in terms[:MOST_TERMS]]))
    return () if telling.works is None or not fitting else await telling.works(fitting, text)


def _conclude(found: Decoded, told: Mapping[str, Any]) -> None:
    try:
        found.moments = _MOMENTS.validate_python(told["moments"])
        found.step_seconds = float(told["step_seconds"])
        found.complete = bool(told["complete"])
        found.stopped_because = None if told["stopped_because"] is None else str(told["stopped_because"])[:40]
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError("the process that read the upload sent no result.") from error
    found.finished = True


def _problem(told: Mapping[str, Any]) -> MienError:
    code, message = str(told.get("code", "")), str(told.get("message", ""))[:1000]
    if code in ("WeightsError", "SettingsError"):
        return InvalidError(message) if code == "SettingsError" else CrashedError(message)
    return RefusedError(message, code[:40])


def _ended(status: int, tail: str, options: DecodingOptions) -> MienError:
    """Why a process ended that told no result."""
    if status == -signal.SIGXCPU:
        return RefusedError(
            f"reading the upload takes more than the {options.cpu_seconds} seconds of processor time it may take: cut "
            "the recording.",
            "time",
        )
    if "MemoryError" in tail or "bad_alloc" in tail:
        return RefusedError(
            f"reading the upload takes more than the {options.memory_bytes >> 20} MB of memory it may take: scale the "
            "recording down, or cut it.",
            "memory",
        )
    how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
    return CrashedError(f"the process that read the upload {how} without an answer.")


def _bounded(measurement: Measurement, options: DecodingOptions) -> Measurement:
    """The same with limits of pixels no wider than the service's."""
    sampling = measurement.profile.sampling
    limits = {
        "max_pixels": min(sampling.max_pixels, options.max_pixels),
        "max_total_pixels": min(sampling.max_total_pixels, options.max_total_pixels),
    }
    profile = measurement.profile.model_copy(update={"sampling": sampling.model_copy(update=limits)})
    return measurement.model_copy(update={"profile": profile})


def _in_memory(pieces: Iterable[bytes]) -> int:
    """A memory file that holds the pieces and cannot be changed any more."""
    handle = memory.make("upload")
    try:
        for piece in pieces:
            memory.append(handle, piece)
        memory.seal(handle)
    except BaseException:
        os.close(handle)
        raise
    return handle


async def _tail(stream: asyncio.StreamReader) -> str:
    """The end of what the process complained about. It is looked at, and neither logged nor told."""
    held = b""
    while piece := await stream.read(1 << 16):
        held = (held + piece)[-_TAIL_BYTES:]
    return held.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.shield(process.wait())
