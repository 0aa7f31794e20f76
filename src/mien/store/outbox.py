"""Messages as their senders see them: over all organisations, claimed for a while, fenced by a number that only grows.

A claim moves a message's next attempt to when the claim lapses, so a message whose sender died is due again by itself.
What a sender reports after that changes nothing. Several senders do not claim one message at once.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mien.core.clock import Clock
from mien.store import tables
from mien.store.errors import InvalidError, LeaseLostError
from mien.store.records import Claim, Delivery, DeliveryState, Webhook
from mien.store.rows import Shape

LONGEST_ERROR: Final = 2000
_D: Final = tables.deliveries
_W: Final = tables.webhooks
_DELIVERY: Final = Shape(Delivery, _D)
_WEBHOOK: Final = Shape(Webhook, _W)


class Outbox:
    """Every organisation's messages in one transaction.

    Args:
        connection: with a transaction begun.
        clock: tells what is due.
    """

    def __init__(self, connection: AsyncConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def claim(
        self,
        *,
        lease_seconds: float,
        limit: int = 32,
        each: int = 4,
        leave_out: Collection[UUID] = (),
        among: Collection[UUID] | None = None,
    ) -> tuple[Claim, ...]:
        """Take messages that are due, the webhook that waited longest first.

        Args:
            lease_seconds: how long the sender may take; longer than its longest attempt.
            limit: at most so many.
            each: at most so many of one webhook.
            leave_out: webhooks of which none are taken.
            among: webhooks of which some are taken; None for all.
        """
        if lease_seconds <= 0 or limit < 1 or each < 1:
            raise InvalidError("a claim lasts longer than 0 seconds, and takes at least one message of a webhook.")
        now = self._clock.now()
        taken: list[Claim] = []
        for row in await self._waiting(now, limit, leave_out, among):
            owner, hook = row["organisation_id"], _WEBHOOK.of(row)
            due = (
                sa.select(_D.c.id)
                .where(_D.c.organisation_id == owner, _D.c.webhook_id == hook.id)
                .where(_D.c.state == DeliveryState.PENDING, _D.c.next_attempt_at <= now)
                .order_by(_D.c.next_attempt_at, _D.c.id)
                .limit(min(each, limit - len(taken)))
                .with_for_update(skip_locked=True)
            )
            keys = (await self._connection.execute(due)).scalars().all()
            until = now + timedelta(seconds=lease_seconds)
            taken += await self._take(owner, hook, list(keys), until)
            if len(taken) >= limit:
                break
        return tuple(taken)

    async def _waiting(
        self, now: datetime, limit: int, leave_out: Collection[UUID], among: Collection[UUID] | None
    ) -> list[sa.RowMapping]:
        """Active webhooks that have messages due, longest waiting first."""
        due = (_D.c.state == DeliveryState.PENDING, _D.c.next_attempt_at <= now)
        oldest = (
            sa.select(sa.func.min(_D.c.next_attempt_at))
            .where(_D.c.organisation_id == _W.c.organisation_id, _D.c.webhook_id == _W.c.id, *due)
            .scalar_subquery()
            .label("oldest")
        )
        chosen = [_W.c.active, _W.c.id.not_in(list(leave_out))]
        if among is not None:
            chosen.append(_W.c.id.in_(list(among)))
        inner = sa.select(_W, oldest).where(*chosen).subquery()
        statement = (
            sa.select(inner).where(inner.c.oldest.is_not(None)).order_by(inner.c.oldest, inner.c.id).limit(limit)
        )
        return list((await self._connection.execute(statement)).mappings())

    async def _take(self, owner: UUID, hook: Webhook, keys: list[UUID], until: datetime) -> list[Claim]:
        if not keys:
            return []
        statement = (
            sa.update(_D)
            .where(_D.c.organisation_id == owner, _D.c.id.in_(keys))
            .values(fence=_D.c.fence + 1, attempts=_D.c.attempts + 1, next_attempt_at=until)
            .returning(*_DELIVERY.columns, _D.c.fence)
        )
        rows = (await self._connection.execute(statement)).mappings()
        claims = {row["id"]: Claim(owner, hook, _DELIVERY.of(row), row["fence"]) for row in rows}
        return [claims[key] for key in keys]

    async def delivered(self, claim: Claim, status: int) -> None:
        """A message arrived.

        Raises:
            LeaseLostError: it is another sender's by now, or was replayed or removed.
        """
        await self._leave(
            claim,
            state=DeliveryState.DELIVERED,
            last_status=status,
            last_error=None,
            next_attempt_at=None,
            finished_at=self._clock.now(),
        )

    async def failed(
        self, claim: Claim, error: str, *, status: int | None = None, retry_at: datetime | None = None
    ) -> None:
        """A message did not arrive.

        Args:
            claim: as it was taken.
            error: why, in a sentence without personal data.
            status: what the receiver answered, if it did.
            retry_at: when it is tried again; None gives it up as dead.

        Raises:
            LeaseLostError: it is another sender's by now, or was replayed or removed.
        """
        await self._leave(
            claim,
            state=DeliveryState.DEAD if retry_at is None else DeliveryState.PENDING,
            last_status=status,
            last_error=error[:LONGEST_ERROR],
            next_attempt_at=retry_at,
            finished_at=self._clock.now() if retry_at is None else None,
        )

    async def release(self, claim: Claim) -> None:
        """Hand a message back unsent; the attempt does not count.

        Raises:
            LeaseLostError: it is another sender's by now, or was replayed or removed.
        """
        await self._leave(claim, attempts=_D.c.attempts - 1, next_attempt_at=self._clock.now())

    async def close(self, claim: Claim, error: str, *, status: int) -> int:
        """The receiver wants no more: its webhook is turned off, and what waited for it is given up.

        Returns:
            How many messages were given up, this one included.

        Raises:
            LeaseLostError: the message is another sender's by now, or was replayed or removed.
        """
        await self.failed(claim, error, status=status)
        mine = (_W.c.organisation_id == claim.organisation_id, _W.c.id == claim.webhook.id)
        await self._connection.execute(sa.update(_W).where(*mine).values(active=False))
        waiting = (
            sa.update(_D)
            .where(_D.c.organisation_id == claim.organisation_id, _D.c.webhook_id == claim.webhook.id)
            .where(_D.c.state == DeliveryState.PENDING)
            .values(
                state=DeliveryState.DEAD,
                last_error=error[:LONGEST_ERROR],
                next_attempt_at=None,
                finished_at=self._clock.now(),
            )
        )
        return 1 + int((await self._connection.execute(waiting)).rowcount)

    async def next_due(self) -> datetime | None:
        """When the next attempt is, or None where nothing is pending."""
        statement = sa.select(sa.func.min(_D.c.next_attempt_at, type_=_D.c.next_attempt_at.type))
        found = await self._connection.execute(statement.where(_D.c.state == DeliveryState.PENDING))
        at: datetime | None = found.scalar_one()
        return at

    async def _leave(self, claim: Claim, **values: Any) -> None:
        statement = sa.update(_D).where(
            _D.c.organisation_id == claim.organisation_id,
            _D.c.id == claim.delivery.id,
            _D.c.state == DeliveryState.PENDING,
            _D.c.fence == claim.fence,
        )
        if (await self._connection.execute(statement.values(**values))).rowcount != 1:
            raise LeaseLostError(f"message {claim.delivery.id} is no longer held by its sender: nothing was changed.")
