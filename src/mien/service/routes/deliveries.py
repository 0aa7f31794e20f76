"""Messages to webhooks, and what became of them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from mien.service.dependencies import Reading, RequireAdmin, Writing
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.problems import responses
from mien.service.schemas.webhooks import Delivery, DeliveryContent
from mien.store.records import DeliveryState

router = APIRouter(prefix="/api/v1/deliveries", tags=["webhooks"])


@router.get("", operation_id="list_deliveries")
async def list_deliveries(
    _admin: RequireAdmin,
    work: Reading,
    paging: PageQuery,
    webhook_id: Annotated[UUID | None, Query(description="Only to this webhook.")] = None,
    state: Annotated[DeliveryState | None, Query(description="Only in this state; `dead` for those given up.")] = None,
    event: Annotated[str | None, Query(description="Only about this.", max_length=80, pattern=r"^[a-z.]+$")] = None,
) -> PageOf[Delivery]:
    """Messages and what became of them, without what they tell. They are kept 30 days after their end."""
    where: dict[str, Any] = {"webhook_id": webhook_id, "state": state, "event": event}
    chosen = {name: value for name, value in where.items() if value is not None}
    return page_of(await work.deliveries.list(after=paging.after, limit=paging.limit, **chosen), Delivery.of)


@router.get("/{delivery_id}", operation_id="get_delivery", responses=responses(404))
async def get_delivery(admin: RequireAdmin, work: Writing, delivery_id: UUID) -> DeliveryContent:
    """One message with what it tells."""
    found = await work.deliveries.get(delivery_id)
    await work.audit.record(admin.actor, "delivery.read", "delivery", delivery_id)
    return DeliveryContent.of(found)


@router.post("/{delivery_id}/replay", operation_id="replay_delivery", status_code=202, responses=responses(404))
async def replay_delivery(admin: RequireAdmin, work: Writing, delivery_id: UUID) -> Delivery:
    """Send a message again from the first attempt on, whatever became of it, under the id that it has."""
    replayed = await work.deliveries.replay(delivery_id)
    await work.audit.record(admin.actor, "delivery.replayed", "delivery", delivery_id)
    return Delivery.of(replayed)
