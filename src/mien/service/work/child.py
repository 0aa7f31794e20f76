"""The limited process: ``python -m mien.service.work.child`` reads one recording and tells what it finds.

It is asked on standard input (:class:`~mien.service.work.requests.DecodingRequest`), confines itself before it opens
anything, and answers through a pipe (:mod:`~mien.service.work.messages`).
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from mien.core.content import Source
from mien.core.errors import MienError
from mien.service.work.confinement import Limits, code_places, confine, is_memory, model_places
from mien.service.work.messages import PIECE_BYTES, Kind, Sender
from mien.service.work.requests import DecodingRequest, PersonalFile

if TYPE_CHECKING:
    from mien.core.audience import Analysis, AudienceSnapshot
    from mien.core.content import Content
    from mien.measuring import Measuring
    from mien.report.partial import MemoryFile
    from mien.runtime.analyze import Progress

STILL_MEMORY_BYTES = 1 << 20
"""Kept aside, to be able to tell that memory has run out."""
LONGEST_TEXT = 500_000
"""Of what was said, characters: what works are ranked by."""
WORKS = TypeAdapter(tuple[Source, ...])


def main() -> None:
    """Do what standard input asks for; the exit status is 0 where that was told, whatever it was."""
    request = DecodingRequest.model_validate_json(sys.stdin.buffer.readline())
    # Where models lie may be told by the home folder, which cannot be looked up any more afterwards.
    os.environ.setdefault("HOME", str(Path.home()))
    limits = Limits(
        request.memory_bytes,
        request.cpu_seconds,
        request.file_bytes,
        readable=(*code_places(), *model_places()),
    )
    confine(limits, request.parent)
    with open(request.output_handle, "wb", buffering=0) as stream:  # noqa: PTH123
        sender = Sender(stream)
        reserve = bytearray(STILL_MEMORY_BYTES)
        try:
            _answer(request, sender)
        except MemoryError:
            del reserve
            sender.tell(Kind.PROBLEM, code="memory", message=_too_much_memory(request))
        except MienError as error:
            code = "memory" if is_memory(error) else type(error).__name__
            message = _too_much_memory(request) if code == "memory" else str(error)
            sender.tell(Kind.PROBLEM, code=code, message=message, exit_code=error.exit_code)
        except Exception as error:
            if not is_memory(error):
                raise
            sender.tell(Kind.PROBLEM, code="memory", message=_too_much_memory(request))


def _answer(request: DecodingRequest, sender: Sender) -> None:
    from mien.core.policy import permit_personal_files
    from mien.core.settings import InferenceSettings
    from mien.measuring import prepare
    from mien.sources.file import FileSource, Opening

    asked = request.measurement
    if asked.personal_files:
        permit_personal_files(asked.declared.declaration())
    path = Path(f"/proc/self/fd/{request.input_handle}")
    source = FileSource(path, asked.profile.sampling, Opening(request.name, request.demuxer))
    made: dict[PersonalFile, MemoryFile] = {}
    try:
        content = _content(request, path, sender) if request.documents else None
        measuring = prepare(
            source,
            asked.profile,
            asked.declared.declaration(),
            asked.backends.choices(),
            InferenceSettings(threads=request.threads),
            keep_step=asked.keep_step,
        )
        if measuring.assembled.detector_note:
            sender.tell(Kind.NOTE, text=measuring.assembled.detector_note)
        observers = [_observer(name, made, measuring, path) for name in asked.personal_files]
    except BaseException:
        source.close()
        raise
    analysis = measuring.run(
        observers=observers, session_id=request.session_id, on_progress=_progress(measuring, sender)
    )
    if request.documents:
        _send_reports(analysis, request, content, sender)
    for name, file in made.items():
        _send_file(name, file.pieces(PIECE_BYTES), sender)
        file.close()
    _send_result(analysis, sender)


def _observer(name: PersonalFile, made: dict[PersonalFile, MemoryFile], measuring: Measuring, path: Path) -> Any:
    from mien.report.partial import MemoryFile

    info = measuring.source.info
    file = made.setdefault(name, MemoryFile(name))
    if name == "faces.csv":
        from mien.report.face_log import FaceLog

        return FaceLog(file)
    if name == "fex.csv":
        from mien.report.fex import FexFile

        return FexFile(file, info.name)
    from mien.report.annotated_video import AnnotatedVideo
    from mien.report.overlay import Overlay, OverlayOptions

    overlay = Overlay(measuring.labels, OverlayOptions(note="DEMO" if info.demo else ""))
    return AnnotatedVideo(file, path if info.has_audio else None, info.frame_rate, overlay)


def _content(request: DecodingRequest, path: Path, sender: Sender) -> Content | None:
    speech = request.measurement.speech
    if speech is None:
        return None
    from dataclasses import replace

    from mien.contents import (
        Listening,
        Writing,
        describe,
        listen,
        listener_of,
        spoken_text,
        tell_of_listening,
        terms_of,
    )

    def note(line: str) -> None:
        sender.tell(Kind.NOTE, text=line)

    def heard(seconds: float, of: float | None) -> None:
        sender.tell(Kind.PROGRESS, share=None, listened_seconds=seconds)

    listening = Listening(language=speech.language, threads=request.threads, name=request.name)
    told = listen(path, listener_of(path, listening), listening, note, heard)
    for line in tell_of_listening(told):
        note(line)
    content = describe(told, Writing(language=speech.language), note)
    terms = terms_of(content)
    if not speech.sources or not terms:
        return content
    sender.tell(Kind.QUESTION, terms=terms, text=spoken_text(content)[:LONGEST_TEXT])
    return replace(content, sources=WORKS.validate_json(sys.stdin.buffer.readline()))


def _progress(measuring: Measuring, sender: Sender) -> Any:
    info = measuring.source.info

    def tell(progress: Progress) -> None:
        share = None
        if info.duration_seconds:
            share = min(1.0, progress.media_time / info.duration_seconds)
        elif info.frame_count:
            share = min(1.0, progress.frames_read / info.frame_count)
        sender.tell(
            Kind.PROGRESS, share=share, frames_read=progress.frames_read, media_time_seconds=progress.media_time
        )

    return tell


def _send_reports(analysis: Analysis, request: DecodingRequest, content: Content | None, sender: Sender) -> None:
    import json

    from mien.report import tell
    from mien.report.shock_report import FILE, shock_report

    told = tell(analysis, created=request.created, content=content)
    for name, text in told.files():
        _send_file(name, _pieces(text), sender)
    shock = shock_report(analysis.timeline)
    if shock is not None:
        _send_file(FILE, _pieces(iter((json.dumps(shock, indent=2) + "\n",))), sender)


def _pieces(text: Iterator[str]) -> Iterator[bytes]:
    held = io.BytesIO()
    for part in text:
        held.write(part.encode())
        if held.tell() >= PIECE_BYTES:
            yield from _cut(held)
    yield from _cut(held)


def _cut(held: io.BytesIO) -> Iterator[bytes]:
    content = held.getvalue()
    held.seek(0)
    held.truncate()
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]


def _send_file(name: str, pieces: Iterator[bytes], sender: Sender) -> None:
    sender.tell(Kind.FILE, name=name)
    for piece in pieces:
        sender.send(Kind.DATA, piece)
    sender.send(Kind.FILE_END, b"")


def _send_result(analysis: Analysis, sender: Sender) -> None:
    import json

    timeline = analysis.timeline
    for snapshot in timeline.snapshots:
        sender.send(Kind.SNAPSHOT, _plain(snapshot))
    for slug, log in timeline.series.items():
        head = json.dumps({"slug": slug, "unit": log.unit}).encode()
        sender.send(Kind.SAMPLES, head + b"\n" + log.packed())
    sender.tell(
        Kind.RESULT,
        step_seconds=timeline.session.step_seconds,
        complete=timeline.complete,
        stopped_because=analysis.provenance.stopped_because,
        frames_read=analysis.provenance.frames_read,
        moments=[asdict(moment) for moment in timeline.moments],
    )


def _plain(snapshot: AudienceSnapshot) -> bytes:
    return snapshot.model_dump_json(exclude_none=True).encode()


def _too_much_memory(request: DecodingRequest) -> str:
    return (
        f"reading the upload takes more than the {request.memory_bytes >> 20} MB of memory it may take: scale the "
        "recording down, or cut it."
    )


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
    os._exit(0)
