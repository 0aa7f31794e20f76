"""Webhooks and their messages."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from mien.service.schemas.fields import Time
from mien.service.webhooks.destinations import LONGEST_URL
from mien.service.webhooks.dispatcher import message_id
from mien.service.webhooks.events import CHOICES
from mien.store import records
from mien.store.records import DeliveryState


def _known(event: str) -> str:
    if event not in CHOICES:
        raise ValueError(f"there is no such event: choose from {', '.join(CHOICES)}")
    return event


EventName = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": list(CHOICES)})]
Events = Annotated[list[EventName], Field(min_length=1, max_length=len(CHOICES))]
Url = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_URL)]


class Webhook(BaseModel):
    """Where messages go, without the secret."""

    id: UUID
    url: str
    events: list[str]
    active: bool = Field(description="Turned off by its owner, or by a receiver that answered 410.")
    previous_secret_until: Time | None = Field(description="Until then messages carry the signature of both secrets.")
    created_at: Time

    @classmethod
    def of(cls, webhook: records.Webhook, previous_until: Any = None) -> Webhook:
        """As it is answered."""
        return cls(
            id=webhook.id,
            url=webhook.url,
            events=list(webhook.events),
            active=webhook.active,
            previous_secret_until=previous_until,
            created_at=webhook.created_at,
        )


class NewWebhook(BaseModel):
    """A webhook to be."""

    model_config = ConfigDict(extra="forbid")

    url: Url = Field(description="`https://…`, on the internet unless the operator allows a network of their own.")
    events: Events = Field(description="What it is told about; `*` for everything.")


class WebhookChange(BaseModel):
    """What is to be different; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    url: Url | None = None
    events: Events | None = None
    active: bool | None = Field(None, description="False to send nothing more, true to begin again.")


class WebhookSecret(BaseModel):
    """A webhook with its secret, which nothing tells again."""

    webhook: Webhook
    secret: str = Field(description="`whsec_…`: what messages are signed with. Kept sealed: keep it now.")


class Rotation(BaseModel):
    """How a secret is replaced."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: float = Field(
        24.0, ge=0, le=168, description="So long messages carry the old signature beside the new one; 0 for a leak."
    )


class Delivery(BaseModel):
    """One message to one webhook."""

    id: UUID
    message_id: str = Field(description="The header `webhook-id`: the same at every attempt.")
    webhook_id: UUID
    session_id: UUID | None
    event: str
    state: DeliveryState
    attempts: int
    last_status: int | None = Field(description="What the receiver answered last; null where it did not.")
    last_error: str | None
    created_at: Time
    next_attempt_at: Time | None
    finished_at: Time | None

    @classmethod
    def of(cls, delivery: records.Delivery) -> Delivery:
        """As it is answered."""
        return cls(**_fields(delivery))


class DeliveryContent(Delivery):
    """One message with what it tells."""

    data: dict[str, Any]

    @classmethod
    def of(cls, delivery: records.Delivery) -> DeliveryContent:
        """As it is answered."""
        return cls(**_fields(delivery), data=dict(delivery.payload))


class Replayed(BaseModel):
    """How many messages are sent again."""

    replayed: int


def _fields(delivery: records.Delivery) -> dict[str, Any]:
    told = {name: getattr(delivery, name) for name in Delivery.model_fields if name != "message_id"}
    return {**told, "message_id": message_id(delivery.id)}
