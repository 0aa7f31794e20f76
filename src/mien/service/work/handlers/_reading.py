"""What handlers of uploads share: opening the upload, and keeping what shows people in the spool."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from mien import weights
from mien.contents import find_works
from mien.core.content import Source
from mien.core.media import VIDEOS, Media
from mien.language.transcribers.whisper import DEFAULT_MODEL, REGISTERED
from mien.service.work.limited import Decoded, RefusedError, Telling, decode
from mien.service.work.requests import AnalysisOrder
from mien.service.work.tasks import Task
from mien.store.errors import NotFoundError
from mien.store.file_records import SpooledFile, SpooledKind
from mien.store.repositories.spooled_files import SpooledDraft
from mien.store.work import Work

RESULT_TYPES = {"annotated.mp4": "video/mp4", "faces.csv": "text/csv", "fex.csv": "text/csv"}
"""Media types of personal files."""


@dataclass(slots=True)
class PersonalFiles:
    """Personal files of one attempt, each under a key of its own in the spool; rows are written when the job ends.

    Args:
        task: whose they are.
    """

    task: Task
    made: dict[str, SpooledDraft] = field(default_factory=dict)

    async def take(self, name: str, pieces: AsyncIterator[bytes]) -> None:
        """Spool a file as it comes."""
        tools, file_id = self.task.tools, uuid4()
        key, sealed = tools.spool.mint(file_id)
        try:
            writer = await asyncio.to_thread(
                lambda: tools.spool.writer(key, most_bytes=tools.options.decoding.max_result_bytes)
            )
            with writer:
                async for piece in pieces:
                    await asyncio.to_thread(writer.write, piece)
                await asyncio.to_thread(writer.finish)
        except BaseException:
            tools.spool.erase(file_id)
            raise
        self.made[name] = SpooledDraft(
            file_id,
            SpooledKind.RESULT,
            sealed,
            tools.keeping.result_seconds,
            name=name,
            media_type=RESULT_TYPES[name],
            length_bytes=writer.offset,
            session_id=self.task.job.session_id,
            complete=True,
        )

    async def keep(self, work: Work) -> list[SpooledFile]:
        """Write their rows."""
        return [await work.spooled_files.begin(draft) for draft in self.made.values()]

    def discard(self) -> None:
        """Erase what was made, where the job did not come to its end."""
        for draft in self.made.values():
            with contextlib.suppress(OSError):
                self.task.tools.spool.erase(draft.id)


async def read_upload(task: Task, order: AnalysisOrder, personal: PersonalFiles, *, documents: bool) -> Decoded:
    """Decode the upload of a job in the limited process.

    Raises:
        RefusedError: the upload is gone, or cannot be analysed.
    """
    tools = task.tools
    try:
        async with tools.store.begin(task.organisation_id, read_only=True) as work:
            upload = await work.spooled_files.get(order.upload_id)
    except NotFoundError:
        raise RefusedError("the upload was erased when its job ended: upload the file again.", "gone") from None
    if not upload.complete or upload.job_id != task.job.id:
        raise RefusedError("the upload is not this job's.", "gone")
    key = tools.spool.key(upload.id, upload.sealed_key)
    speech = order.measurement.speech
    notes: list[str] = []
    if speech is not None:
        await asyncio.to_thread(_fetch_speech)

    async def works(terms: tuple[str, ...], text: str) -> tuple[Source, ...]:
        return await asyncio.to_thread(find_works, terms, text, notes.append)

    session_id: UUID = task.job.session_id or task.job.id
    telling = Telling(task.progress, personal.take, works if speech is not None and speech.sources else None)
    found = await decode(
        tools.spool.read(key),
        _media(upload),
        order.measurement,
        {"session_id": str(session_id), "created": tools.clock.now(), "documents": documents},
        tools.options.decoding,
        telling,
    )
    found.notes += notes
    return found


def _fetch_speech() -> None:
    """Have the listener's weights here: the process that reads uploads reaches no network."""
    for entry in REGISTERED[DEFAULT_MODEL].values():
        weights.load(entry)


def _media(upload: SpooledFile) -> Media:
    for media in VIDEOS:
        if media.media_type == upload.media_type:
            return media
    raise RefusedError("the upload is no recording.", "UnsupportedMediaError")
