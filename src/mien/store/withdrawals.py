"""Whether the consent that a session rests on was taken back: asked before anything more is made of it."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mien.store import tables


async def withdrawn(connection: AsyncConnection, organisation_id: UUID, session_id: UUID) -> bool:
    """Whether it was; no where a session rests on none, or is not here.

    Args:
        connection: with a transaction begun.
        organisation_id: whose session.
        session_id: which.
    """
    sessions, consents = tables.sessions.c, tables.consents.c
    under = sa.select(sessions.consent_id).where(sessions.organisation_id == organisation_id, sessions.id == session_id)
    statement = sa.select(consents.id).where(
        consents.organisation_id == organisation_id,
        consents.id == under.scalar_subquery(),
        consents.withdrawn_at.is_not(None),
    )
    return (await connection.execute(statement)).first() is not None
