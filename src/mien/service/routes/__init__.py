"""What the service answers: a file a resource, each with a ``router``."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from mien.service.routes import (
    api_keys,
    audit,
    auth,
    deliveries,
    health,
    privacy,
    respondents,
    retention,
    users,
    webhooks,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    health.router,
    auth.router,
    users.router,
    api_keys.router,
    webhooks.router,
    deliveries.router,
    respondents.router,
    retention.router,
    audit.router,
    privacy.router,
)
