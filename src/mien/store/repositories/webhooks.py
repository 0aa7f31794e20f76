"""Webhooks and the messages that go to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from mien.store import tables
from mien.store.errors import ConflictError, InvalidError, NotFoundError
from mien.store.records import Delivery, DeliveryState, Webhook
from mien.store.repositories._repository import Repository, impersonal, text
from mien.store.rows import Shape

EVERY_EVENT: Final = "*"
LEAST_SECRET_BYTES: Final = 16
_NEEDS: Final = f"a webhook has a secret of at least {LEAST_SECRET_BYTES} bytes and at least one event."


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
        if len(secret) < LEAST_SECRET_BYTES or not events:
            raise InvalidError(_NEEDS)
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

    async def change(
        self, key: UUID, *, url: str | None = None, secret: bytes | None = None, events: Sequence[str] | None = None
    ) -> Webhook:
        """Where messages go, what signs them, what about; None leaves it."""
        if (secret is not None and len(secret) < LEAST_SECRET_BYTES) or (events is not None and not events):
            raise InvalidError(_NEEDS)
        values: dict[str, Any] = {}
        if url is not None:
            values["url"] = text(url, "a URL", 2000)
        if secret is not None:
            values["secret"] = secret
        if events is not None:
            values["events"] = [text(event, "an event", 80) for event in events]
        return await self._change(key, **values) if values else await self.get(key)

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
        self, event: str, payload: Mapping[str, Any], *, session_id: UUID | None = None, once: str | None = None
    ) -> tuple[Delivery, ...]:
        """A message to every active webhook that asked for the event.

        Args:
            event: its name.
            payload: what it tells; nothing personal.
            session_id: what it is about, with which it is deleted.
            once: names the occurrence; a webhook gets one message about it, however many tell of it.

        Returns:
            The messages that are new.

        Raises:
            ConflictError: the session is not here.
        """
        # Looked through even where nobody asked: what may not be sent is a defect, not a matter of who listens.
        event, payload = text(event, "an event", 80), impersonal(dict(payload), "a message")
        hooks = tables.webhooks
        asked = self._scope.select(hooks, hooks.c.id, hooks.c.events).where(hooks.c.active)
        wanted = [key for key, events in await self._scope.run(asked) if {event, EVERY_EVENT} & set(events)]
        if wanted and session_id is not None:
            await self._require_session(session_id)
        rows = [self._message(key, event, payload, session_id, once) for key in wanted]
        again = once is not None
        return tuple(
            [self.shape.of(row) for row in rows if await self._scope.insert(self.table, [row], ignore_existing=again)]
        )

    async def send(self, webhook_id: UUID, event: str, payload: Mapping[str, Any]) -> Delivery:
        """A message to one webhook, whatever it asked for.

        Raises:
            NotFoundError: there is no such webhook.
            ConflictError: it is turned off, so nothing is sent there.
        """
        hook = await Webhooks(self._scope).get(webhook_id)
        if not hook.active:
            raise ConflictError(f"webhook {webhook_id} is turned off: turn it on first.")
        event, payload = text(event, "an event", 80), impersonal(dict(payload), "a message")
        row = self._message(webhook_id, event, payload, None, None)
        await self._scope.insert(self.table, [row])
        made: Delivery = self.shape.of(row)
        return made

    async def wants(self, event: str) -> bool:
        """Whether any active webhook asked for an event: whether it is worth looking for."""
        hooks = tables.webhooks
        asked = self._scope.select(hooks, hooks.c.events).where(hooks.c.active)
        return any({event, EVERY_EVENT} & set(events) for events in (await self._scope.run(asked)).scalars())

    async def _require_session(self, session_id: UUID) -> None:
        try:
            await self._scope.require(tables.sessions, "session", session_id)
        except NotFoundError as error:
            raise ConflictError("the session is not here.") from error

    def _message(
        self, webhook_id: UUID, event: str, payload: Mapping[str, Any], session_id: UUID | None, once: str | None
    ) -> dict[str, Any]:
        now = self._scope.now
        return {
            "id": self._scope.ids.new(),
            "webhook_id": webhook_id,
            "session_id": session_id,
            "once": None if once is None else text(once, "an occurrence"),
            "event": event,
            "payload": payload,
            "state": DeliveryState.PENDING,
            "attempts": 0,
            "fence": 0,
            "last_status": None,
            "last_error": None,
            "created_at": now,
            "next_attempt_at": now,
            "finished_at": None,
        }

    async def replay(self, key: UUID) -> Delivery:
        """Send a message again from the first attempt on, whatever became of it."""
        return await self._change(key, **self._afresh())

    async def replay_dead(self, webhook_id: UUID) -> int:
        """Send every message of a webhook again that was given up.

        Returns:
            How many.

        Raises:
            NotFoundError: there is no such webhook.
        """
        await self._scope.require(tables.webhooks, Webhooks.what, webhook_id)
        dead = self._scope.update(self.table).where(
            self.table.c.webhook_id == webhook_id, self.table.c.state == DeliveryState.DEAD
        )
        return int((await self._scope.run(dead.values(**self._afresh()))).rowcount)

    def _afresh(self) -> dict[str, Any]:
        # A sender that still has the message must not report about the new start.
        return {
            "state": DeliveryState.PENDING,
            "attempts": 0,
            "fence": self.table.c.fence + 1,
            "next_attempt_at": self._scope.now,
            "finished_at": None,
        }
