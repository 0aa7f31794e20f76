"""Webhooks and the messages that go to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from mien.store import tables
from mien.store.errors import ConflictError, InvalidError
from mien.store.records import Delivery, DeliveryState, Webhook
from mien.store.repositories._repository import Repository, impersonal, text
from mien.store.rows import Shape

MOST_ATTEMPTS: Final = 8
FIRST_RETRY_SECONDS: Final = 10.0
"""Doubled with every attempt: the eighth is 21 minutes after the first."""
EVERY_EVENT: Final = "*"


class Webhooks(Repository[Webhook]):
    """Where messages go. Which addresses may be reached is judged by whoever sends."""

    table = tables.webhooks
    shape = Shape(Webhook, tables.webhooks)
    what = "webhook"

    async def add(self, url: str, secret: bytes, events: Sequence[str]) -> Webhook:
        """A new webhook.

        Args:
            url: ``https://…``.
            secret: what messages are signed with, at least 16 bytes; it is stored as it is handed in.
            events: names of events, or ``*``.
        """
        if len(secret) < 16 or not events:
            raise InvalidError("a webhook has a secret of at least 16 bytes and at least one event.")
        return await self._add(
            url=text(url, "a URL", 2000),
            secret=secret,
            events=[text(event, "an event", 80) for event in events],
            active=True,
            created_at=self._scope.now,
        )

    async def set_active(self, key: UUID, active: bool) -> Webhook:
        """Whether messages go there."""
        return await self._change(key, active=active)

    async def remove(self, key: UUID) -> Webhook:
        """Remove a webhook and its messages."""
        found = await self.get(key)
        await self._scope.run(self._scope.delete(tables.deliveries).where(tables.deliveries.c.webhook_id == key))
        await self._scope.run(self._scope.delete(self.table).where(self.table.c.id == key))
        return found


class Deliveries(Repository[Delivery]):
    """Messages, written in the transaction of what they tell: none is lost, and none tells of what was not."""

    table = tables.deliveries
    shape = Shape(Delivery, tables.deliveries)
    what = "delivery"

    async def publish(
        self, event: str, payload: Mapping[str, Any], *, session_id: UUID | None = None
    ) -> tuple[Delivery, ...]:
        """A message to every active webhook that asked for the event.

        Args:
            event: its name.
            payload: what it tells; nothing personal.
            session_id: what it is about, with which it is deleted.

        Raises:
            ConflictError: the session is not here.
        """
        event, payload = text(event, "an event", 80), impersonal(dict(payload), "a message")
        hooks = tables.webhooks
        asked = self._scope.select(hooks, hooks.c.id, hooks.c.events).where(hooks.c.active)
        wanted = [key for key, events in await self._scope.run(asked) if {event, EVERY_EVENT} & set(events)]
        now = self._scope.now
        return tuple(
            [
                await self._add(
                    "the session is not here.",
                    webhook_id=key,
                    session_id=session_id,
                    event=event,
                    payload=payload,
                    state=DeliveryState.PENDING,
                    attempts=0,
                    last_status=None,
                    last_error=None,
                    created_at=now,
                    next_attempt_at=now,
                    finished_at=None,
                )
                for key in wanted
            ]
        )

    async def delivered(self, key: UUID, status: int) -> Delivery:
        """A message arrived.

        Raises:
            ConflictError: it is pending no longer.
        """
        found = await self._pending(key)
        return await self._change(
            key,
            state=DeliveryState.DELIVERED,
            attempts=found.attempts + 1,
            last_status=status,
            last_error=None,
            next_attempt_at=None,
            finished_at=self._scope.now,
        )

    async def failed(self, key: UUID, error: str, *, status: int | None = None) -> Delivery:
        """A message did not arrive: it is tried again later, or given up as dead after eight attempts.

        Raises:
            ConflictError: it is pending no longer.
        """
        found = await self._pending(key)
        attempts, now = found.attempts + 1, self._scope.now
        dead = attempts >= MOST_ATTEMPTS
        wait = timedelta(seconds=FIRST_RETRY_SECONDS * 2 ** (attempts - 1))
        return await self._change(
            key,
            state=DeliveryState.DEAD if dead else DeliveryState.PENDING,
            attempts=attempts,
            last_status=status,
            last_error=error[:2000],
            next_attempt_at=None if dead else now + wait,
            finished_at=now if dead else None,
        )

    async def replay(self, key: UUID) -> Delivery:
        """Send a message again from the first attempt on, whatever became of it."""
        return await self._change(
            key, state=DeliveryState.PENDING, attempts=0, next_attempt_at=self._scope.now, finished_at=None
        )

    async def due(self, *, limit: int = 100) -> tuple[Delivery, ...]:
        """Messages whose next attempt is now or was to be, longest waiting first; other senders leave them alone until
        this unit of work ends."""
        table = self.table
        waiting = self._select().where(table.c.state == DeliveryState.PENDING)
        waiting = waiting.where(table.c.next_attempt_at <= self._scope.now)
        ordered = waiting.order_by(table.c.next_attempt_at, table.c.id).limit(limit)
        rows = await self._scope.run(ordered.with_for_update(skip_locked=True))
        return tuple(self.shape.of(row) for row in rows.mappings())

    async def next_due(self) -> datetime | None:
        """When the next attempt is, or None where nothing is pending."""
        table = self.table
        statement = self._scope.select(table, sa.func.min(table.c.next_attempt_at, type_=table.c.next_attempt_at.type))
        found = await self._scope.run(statement.where(table.c.state == DeliveryState.PENDING))
        at: datetime | None = found.scalar_one()
        return at

    async def _pending(self, key: UUID) -> Delivery:
        found = await self.get(key)
        if found.state is not DeliveryState.PENDING:
            raise ConflictError(f"delivery {key} is {found.state.value}: replay it first.")
        return found
