"""What the service answers: a file a resource, each with a ``router``."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from mien.service.routes import (
    analyses,
    api_keys,
    audit,
    auth,
    deliveries,
    follow,
    frames,
    health,
    jobs,
    personal_results,
    privacy,
    reports,
    respondents,
    retention,
    sessions,
    snapshots,
    timelines,
    uploads,
    users,
    webhooks,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    health.router,
    auth.router,
    users.router,
    api_keys.router,
    sessions.router,
    snapshots.router,
    timelines.router,
    follow.router,
    frames.router,
    uploads.router,
    analyses.router,
    jobs.router,
    reports.router,
    personal_results.router,
    webhooks.router,
    deliveries.router,
    respondents.router,
    retention.router,
    audit.router,
    privacy.router,
)
