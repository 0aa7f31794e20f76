"""What requests came to that may be sent again: each is carried out once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from mien.store import tables
from mien.store.records import Answer
from mien.store.repositories._repository import Repository, text
from mien.store.rows import Shape


class Answers(Repository[Answer]):
    """Answers of one organisation, by who asked and the key they chose."""

    table = tables.answers
    shape = Shape(Answer, tables.answers)
    what = "answer"

    async def claim(self, actor: str, key: str, request_sha256: bytes, *, stale_seconds: float) -> tuple[Answer, bool]:
        """The answer of a key, and whether whoever asks is to carry the request out.

        Args:
            actor, key: which.
            request_sha256: of the request; the caller compares it with the answer's.
            stale_seconds: one that was held last so long ago, and not carried out, was left by a process that died. It
                gets another id, so that nothing that process may yet do under the old one is kept.
        """
        now = self._scope.now
        values = {
            "id": self._scope.ids.new(),
            "actor": text(actor, "an actor", 80),
            "key": text(key, "an idempotency key"),
            "request_sha256": request_sha256,
            "carried_out": False,
            "sealed": None,
            "created_at": now,
        }
        if await self._scope.insert(self.table, [values], ignore_existing=True):
            return self.shape.of(values), True
        table = self.table
        same = self._select().where(table.c.actor == values["actor"], table.c.key == values["key"])
        found = await self._first(same.with_for_update())
        if found is None:  # dropped in between
            return await self.claim(actor, key, request_sha256, stale_seconds=stale_seconds)
        stale = not found.carried_out and found.created_at <= now - timedelta(seconds=stale_seconds)
        if stale and found.request_sha256 == request_sha256:
            return await self._change(found.id, id=self._scope.ids.new(), created_at=now), True
        return found, False

    async def hold(self, key: UUID) -> bool:
        """Say that a request is still being carried out; whether it is nobody else's by now."""
        table = self.table
        held = self._scope.update(table).where(table.c.id == key).values(created_at=self._scope.now)
        return bool((await self._scope.run(held)).rowcount)

    async def carry_out(self, key: UUID) -> None:
        """Say, in the transaction that carries a request out, that it is: both are kept or neither.

        Raises:
            NotFoundError: another has taken the request over: keep nothing of this one.
        """
        await self._change(key, carried_out=True)

    async def keep(self, key: UUID, sealed: bytes) -> None:
        """Keep the answer."""
        await self._change(key, carried_out=True, sealed=sealed)

    async def drop(self, key: UUID) -> None:
        """Forget a request that came to nothing, so that it can be sent again; one that was carried out stays."""
        table = self.table
        await self._scope.run(self._scope.delete(table).where(table.c.id == key, table.c.carried_out.is_(False)))

    async def empty(self) -> int:
        """Keep no answer, and that each request was carried out: none is carried out again.

        Requests that are being carried out keep their claim; those whose answer is still to be kept lose it.

        Returns:
            How many answers are gone.
        """
        table = self.table
        carried_out = table.c.carried_out.is_(True)
        unkept = self._scope.select(table, table.c.id).where(carried_out, table.c.sealed.is_(None))
        for key in (await self._scope.run(unkept)).scalars().all():
            # Under another id no answer finds it any more.
            await self._scope.run(self._scope.update(table).where(table.c.id == key).values(id=self._scope.ids.new()))
        kept = self._scope.update(table).where(carried_out, table.c.sealed.is_not(None)).values(sealed=sa.null())
        return int((await self._scope.run(kept)).rowcount)
