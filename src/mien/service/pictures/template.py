"""The template: ``python -m mien.service.pictures.template`` opens the networks once, and is forked for every file.

It never sees a stranger's byte. Each fork confines itself, is given one file, answers and ends, so that nothing of one
person's picture is left where another's is read; it shares the networks' memory with the template. Forking a process
is sound where it has one thread, so the template has one.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mien.core.errors import MienError, SettingsError
from mien.service.pictures.messages import FORK, LONGEST_PACKET, READY, PictureJob, Preparation
from mien.service.pictures.reading import answer_of, prediction_profile
from mien.service.work.confinement import Limits, bind_to, code_places, confine

if TYPE_CHECKING:
    from mien.pipeline import Pipeline


def main() -> None:
    """Open the networks that standard input asks for, say so, and fork when told to, until the service ends."""
    asked = Preparation.model_validate_json(sys.stdin.buffer.readline())
    bind_to(asked.parent)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, asked.control_handle)
    try:
        pipeline = _opened(asked)
    except MienError as error:
        control.send(str(error).encode()[:LONGEST_PACKET])
        return
    # Forks that have ended leave nothing to be waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    control.send(READY)
    limits = Limits(asked.memory_bytes, asked.cpu_seconds, file_bytes=0, readable=code_places())
    while True:
        order, handles, _, _ = socket.recv_fds(control, LONGEST_PACKET, 1)
        if not order:
            return
        if order != FORK or len(handles) != 1:
            raise SettingsError("the template was told what it does not know.")
        _forked(control, handles[0], pipeline, limits)


def _forked(control: socket.socket, handle: int, pipeline: Pipeline, limits: Limits) -> None:
    """Fork, and tell the service by which handle the new process can be ended."""
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            control.close()
            confine(limits, parent)
            _serve(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, handle), pipeline)
            status = 0
        finally:
            os._exit(status)
    os.close(handle)
    try:
        process = os.pidfd_open(child)
    except ProcessLookupError:
        control.send(b"ended")
        return
    socket.send_fds(control, [FORK], [process])
    os.close(process)


def _serve(jobs: socket.socket, pipeline: Pipeline) -> None:
    """Answer one job."""
    told, handles, _, _ = socket.recv_fds(jobs, LONGEST_PACKET, 1)
    if told and len(handles) == 1:
        answer = answer_of(handles[0], PictureJob.model_validate_json(told), pipeline)
        jobs.send(answer.model_dump_json().encode())


def _opened(asked: Preparation) -> Pipeline:
    """The networks, warm: what the first picture would import and set up is there before any process is forked."""
    import cv2
    from PIL import Image

    import mien.sources._encoded
    import mien.sources.file  # noqa: F401
    from mien.assembly import Choices, assemble
    from mien.core.settings import InferenceSettings
    from mien.runtime.predict import warm

    cv2.setNumThreads(1)
    declared = asked.declared.declaration()
    pipeline = assemble(prediction_profile(), declared, Choices(), InferenceSettings(threads=1)).pipeline
    warm(pipeline)
    job = PictureJob(longest_seconds=1.0)
    for form in ("JPEG", "PNG", "WEBP"):
        handle = os.memfd_create("blank")
        with os.fdopen(handle, "wb") as stream:
            Image.new("RGB", (640, 360), (90, 120, 150)).save(stream, form)
            stream.flush()
            answer_of(handle, job, pipeline)
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise SettingsError("the networks started threads, so that their process cannot be forked.")
    return pipeline


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
