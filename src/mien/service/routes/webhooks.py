"""Where messages about events go."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter

from mien.core.errors import SettingsError
from mien.service import principal
from mien.service.dependencies import Parts, Reading, RequireAdmin, Writing
from mien.service.paging import PageOf, PageQuery
from mien.service.parts import ServiceParts
from mien.service.problems import ProblemError, responses
from mien.service.schemas.webhooks import (
    Delivery,
    NewWebhook,
    Replayed,
    Rotation,
    Webhook,
    WebhookChange,
    WebhookSecret,
)
from mien.service.webhooks.events import Event, told
from mien.service.webhooks.keyring import Keys
from mien.service.webhooks.signing import mint_secret
from mien.store import records

MOST_WEBHOOKS = 100

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])


@router.get("", operation_id="list_webhooks")
async def list_webhooks(admin: RequireAdmin, parts: Parts, work: Reading, paging: PageQuery) -> PageOf[Webhook]:
    """Every webhook, those that are turned off too."""
    page = await work.webhooks.list(after=paging.after, limit=paging.limit)
    return PageOf(items=[_shown(parts, admin, hook) for hook in page.items], after=page.after)


@router.post("", operation_id="create_webhook", status_code=201, responses=responses(409))
async def create_webhook(admin: RequireAdmin, parts: Parts, work: Writing, asked: NewWebhook) -> WebhookSecret:
    """A new webhook; its secret is told in this answer and never again."""
    parts.webhook_guard.read(asked.url)
    if len((await work.webhooks.list(limit=MOST_WEBHOOKS)).items) >= MOST_WEBHOOKS:
        raise ProblemError(409, "conflict", f"There are {MOST_WEBHOOKS} webhooks: remove one first.")
    keys = Keys(mint_secret())
    sealed = parts.webhook_seal.close(admin.organisation_id, keys)
    hook = await work.webhooks.add(asked.url, sealed, asked.events)
    await work.audit.record(admin.actor, "webhook.created", "webhook", hook.id, {"events": asked.events})
    return WebhookSecret(webhook=Webhook.of(hook), secret=keys.current)


@router.get("/{webhook_id}", operation_id="get_webhook", responses=responses(404))
async def get_webhook(admin: RequireAdmin, parts: Parts, work: Reading, webhook_id: UUID) -> Webhook:
    """One webhook."""
    return _shown(parts, admin, await work.webhooks.get(webhook_id))


@router.patch("/{webhook_id}", operation_id="change_webhook", responses=responses(404))
async def change_webhook(
    admin: RequireAdmin, parts: Parts, work: Writing, webhook_id: UUID, asked: WebhookChange
) -> Webhook:
    """Another address or other events, or whether messages are sent. What waits goes to the new address."""
    if asked.url is not None:
        parts.webhook_guard.read(asked.url)
    hook = await work.webhooks.change(webhook_id, url=asked.url, events=asked.events)
    if asked.active is not None:
        hook = await work.webhooks.set_active(webhook_id, asked.active)
    changed = sorted(name for name in type(asked).model_fields if getattr(asked, name) is not None)
    await work.audit.record(admin.actor, "webhook.changed", "webhook", webhook_id, {"changed": changed})
    return _shown(parts, admin, hook)


@router.delete("/{webhook_id}", operation_id="remove_webhook", status_code=204, responses=responses(404))
async def remove_webhook(admin: RequireAdmin, work: Writing, webhook_id: UUID) -> None:
    """Remove a webhook with all its messages."""
    await work.webhooks.remove(webhook_id)
    await work.audit.record(admin.actor, "webhook.removed", "webhook", webhook_id)


@router.post("/{webhook_id}/rotate", operation_id="rotate_webhook_secret", responses=responses(404))
async def rotate_webhook_secret(
    admin: RequireAdmin, parts: Parts, work: Writing, webhook_id: UUID, asked: Rotation
) -> WebhookSecret:
    """Another secret, told in this answer and never again; for a while messages carry the signature of both."""
    hook = await work.webhooks.get(webhook_id)
    now = parts.clock.now()
    keys = _keys(parts, admin, hook)
    overlap = timedelta(hours=asked.overlap_hours)
    keys = Keys(mint_secret()) if keys is None else keys.rotated(now, overlap)
    hook = await work.webhooks.change(webhook_id, secret=parts.webhook_seal.close(admin.organisation_id, keys))
    await work.audit.record(
        admin.actor, "webhook.secret_rotated", "webhook", webhook_id, {"overlap_hours": asked.overlap_hours}
    )
    return WebhookSecret(webhook=Webhook.of(hook, keys.previous_until), secret=keys.current)


@router.post("/{webhook_id}/ping", operation_id="ping_webhook", status_code=202, responses=responses(404, 409))
async def ping_webhook(admin: RequireAdmin, parts: Parts, work: Writing, webhook_id: UUID) -> Delivery:
    """Send a message that says nothing, to see that it arrives: look at the delivery a moment later."""
    sent = await work.deliveries.send(webhook_id, Event.PING, {"asked_at": told(parts.clock.now())})
    await work.audit.record(admin.actor, "webhook.pinged", "webhook", webhook_id)
    return Delivery.of(sent)


@router.post("/{webhook_id}/replay_dead", operation_id="replay_dead_deliveries", responses=responses(404))
async def replay_dead_deliveries(admin: RequireAdmin, work: Writing, webhook_id: UUID) -> Replayed:
    """Send every message again that was given up."""
    count = await work.deliveries.replay_dead(webhook_id)
    await work.audit.record(admin.actor, "webhook.replayed", "webhook", webhook_id, {"messages": count})
    return Replayed(replayed=count)


def _shown(parts: ServiceParts, caller: principal.Caller, hook: records.Webhook) -> Webhook:
    keys = _keys(parts, caller, hook)
    until = None if keys is None else keys.previous_until
    return Webhook.of(hook, until if until is not None and until > parts.clock.now() else None)


def _keys(parts: ServiceParts, caller: principal.Caller, hook: records.Webhook) -> Keys | None:
    """A webhook's keys; None where the service has another secret by now, so that only rotating helps."""
    try:
        return parts.webhook_seal.open(caller.organisation_id, hook.secret)
    except SettingsError:
        return None
