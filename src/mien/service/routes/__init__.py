"""What the service answers: a file a resource, each with a ``router``."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from mien.service.compatible import prediction, socket
from mien.service.compatible.upload import FORM_BYTES
from mien.service.routes import (
    analyses,
    api_keys,
    audiences,
    audit,
    auth,
    contents,
    deliveries,
    follow,
    frames,
    health,
    jobs,
    notices,
    personal_results,
    privacy,
    reports,
    respondents,
    retention,
    sessions,
    snapshots,
    studies,
    texts,
    timelines,
    titles,
    uploads,
    users,
    webhooks,
)
from mien.service.settings import ServiceSettings

# A path is sought in this order: what is asked for most comes first.
ROUTERS: Final[tuple[APIRouter, ...]] = (
    snapshots.router,
    timelines.router,
    health.router,
    auth.router,
    users.router,
    api_keys.router,
    sessions.router,
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
    prediction.router,
    socket.router,
    notices.router,
    texts.router,
    titles.router,
    studies.router,
    audiences.router,
    contents.router,
)


def largest_body(router: APIRouter, settings: ServiceSettings) -> int:
    """Most bytes of a request to a router."""
    if router is prediction.router:
        return settings.max_predict_bytes + FORM_BYTES
    return settings.max_body_bytes
