"""What a respondent may ask for: everything that is held about them, and that it be gone."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from mien.store import deletion, tables
from mien.store.records import DeletionProof, SessionRecord
from mien.store.repositories.answers import Answers
from mien.store.repositories.audit import Audit
from mien.store.repositories.jobs import Jobs
from mien.store.repositories.moments import Moments
from mien.store.repositories.report_files import ReportFiles
from mien.store.repositories.reports import Reports
from mien.store.repositories.respondents import Consents, Respondents
from mien.store.repositories.samples import Samples
from mien.store.repositories.sessions import Sessions
from mien.store.repositories.snapshots import Snapshots
from mien.store.repositories.spooled_files import SpooledFiles
from mien.store.scope import Scope

_READ_AT_ONCE = 500


class Erasure:
    """The rights of respondents of one organisation (GDPR Articles 15, 17 and 20).

    Args:
        scope: of the unit of work.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def export(self, respondent_id: UUID) -> dict[str, Any]:
        """Everything held about a respondent, as plain JSON values; :meth:`stream` for a long one.

        Raises:
            NotFoundError: there is no such respondent.
        """
        told: dict[str, Any] = json.loads(b"".join([part async for part in self.stream(respondent_id)]))
        return told

    async def stream(self, respondent_id: UUID) -> AsyncIterator[bytes]:
        """The same as pieces of one JSON document, a few hundred snapshots at a time.

        Raises:
            NotFoundError: there is no such respondent; nothing was given out.
        """
        respondent = await Respondents(self._scope).get(respondent_id)
        consents = self._scope.select(tables.consents, *Consents.shape.columns)
        rows = await self._scope.run(consents.where(tables.consents.c.respondent_id == respondent_id))
        given = [_plain(Consents.shape.of(row)) for row in rows.mappings()]
        yield b'{"respondent":' + _written(_plain(respondent)) + b',"consents":' + _written(given) + b',"sessions":['
        for number, session in enumerate(await self._sessions(respondent_id)):
            yield b"," if number else b""
            async for part in self._session(session):
                yield part
        yield b"]}"

    async def erase(self, respondent_id: UUID, actor: str) -> DeletionProof:
        """Delete a respondent, their consents, their sessions and everything that belongs to these.

        Documents about whole studies stay: one that counted sessions of single people tells of ten people or more, and
        of nobody alone.

        Args:
            respondent_id: whose.
            actor: who asked, for the audit entry.

        Raises:
            NotFoundError: there is no such respondent.
        """
        await Respondents(self._scope).get(respondent_id)
        await self._scope.lock_sessions(exclusive=True)
        sessions = [session.id for session in await self._sessions(respondent_id)]
        counts = await deletion.delete_sessions(self._scope, sessions)
        for table, column in (
            (tables.consents, tables.consents.c.respondent_id),
            (tables.respondents, tables.respondents.c.id),
        ):
            deleted = await self._scope.run(self._scope.delete(table).where(column == respondent_id))
            counts[table.name] = deleted.rowcount
        # Answers kept for requests that are sent again are sealed: which of them tell of somebody cannot be seen.
        emptied = await Answers(self._scope).empty()
        detail = {"sessions": [str(key) for key in sessions], "rows_deleted": counts, "answers_emptied": emptied}
        entry = await Audit(self._scope).record(actor, "respondent.erased", "respondent", respondent_id, detail)
        return DeletionProof(self._scope.organisation_id, (respondent_id, *sessions), counts, entry.at, entry.id)

    async def _sessions(self, respondent_id: UUID) -> list[SessionRecord]:
        table = tables.sessions
        statement = self._scope.select(table, *Sessions.shape.columns).where(table.c.respondent_id == respondent_id)
        rows = await self._scope.run(statement.order_by(table.c.id))
        return [Sessions.shape.of(row) for row in rows.mappings()]

    async def _session(self, session: SessionRecord) -> AsyncIterator[bytes]:
        samples = Samples(self._scope)
        series = {slug: await samples.read(session.id, slug) for slug in await samples.series(session.id)}
        documents = await self._belonging(tables.reports, session.id, tables.reports.c.id)
        messages = await self._belonging(
            tables.deliveries, session.id, tables.deliveries.c.event, tables.deliveries.c.payload
        )
        yield b'{"session":' + _written(_plain(session)) + b',"snapshots":['
        async for part in self._snapshots(session.id):
            yield part
        told = {
            "samples": {slug: [_plain(sample) for sample in log] for slug, log in series.items()},
            "moments": [_plain(moment) for moment in await Moments(self._scope).read(session.id)],
            "messages": [{"event": row.event, "payload": row.payload} for row in messages],
        }
        yield b"]," + _written(told)[1:-1] + b',"reports":['
        for number, row in enumerate(documents):
            yield (b"," if number else b"") + await Reports(self._scope).content(row.id)
        yield b'],"report_files":['
        files = await self._belonging(tables.report_files, session.id, tables.report_files.c.id)
        for number, row in enumerate(files):
            yield (b"," if number else b"") + await self._file(row.id)
        rest = {"jobs": await self._jobs(session.id), "spooled_files": await self._spooled(session.id)}
        yield b"]," + _written(rest)[1:]

    async def _jobs(self, session_id: UUID) -> list[dict[str, Any]]:
        table = tables.jobs
        statement = self._scope.select(table, *Jobs.shape.columns).where(table.c.session_id == session_id)
        rows = await self._scope.run(statement.order_by(table.c.id))
        return [_plain(Jobs.shape.of(row)) for row in rows.mappings()]

    async def _spooled(self, session_id: UUID) -> list[dict[str, Any]]:
        """What lies encrypted in the spool, without the keys: the files themselves are read there."""
        table = tables.spooled_files
        columns = [column for column in SpooledFiles.shape.columns if column.name != "sealed_key"]
        statement = self._scope.select(table, *columns).where(table.c.session_id == session_id)
        rows = (await self._scope.run(statement.order_by(table.c.id))).mappings()
        return [{name: _json(value) for name, value in row.items()} for row in rows]

    async def _file(self, key: UUID) -> bytes:
        """A file beside a report; as text where it is one."""
        files = ReportFiles(self._scope)
        file, content = await files.get(key), await files.content(key)
        try:
            held = {"content": content.decode("utf-8")}
        except UnicodeDecodeError:
            held = {"content_base64": b64encode(content).decode("ascii")}
        return _written({"report_id": str(file.report_id), "name": file.name, "media_type": file.media_type, **held})

    async def _belonging(self, table: sa.Table, session_id: UUID, *columns: Any) -> Sequence[Any]:
        statement = self._scope.select(table, *columns).where(table.c.session_id == session_id)
        return (await self._scope.run(statement.order_by(table.c.id))).all()

    async def _snapshots(self, session_id: UUID) -> AsyncIterator[bytes]:
        snapshots, first = Snapshots(self._scope), True
        for lane in await snapshots.lanes(session_id):
            after: float | None = None
            while some := await snapshots.read(
                session_id, source=lane.source, zone=lane.zone, after_seconds=after, limit=_READ_AT_ONCE
            ):
                after = some[-1].media_time
                told = b",".join(snapshot.model_dump_json(exclude_none=True).encode() for snapshot in some)
                yield told if first else b"," + told
                first = False


def _written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _plain(record: Any) -> dict[str, Any]:
    """A dataclass as JSON values."""
    return {field.name: _json(getattr(record, field.name)) for field in fields(record)}


def _json(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list):
        return [_json(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _json(v) for k, v in value.items()}
    return value.isoformat() if isinstance(value, datetime) else str(value)
