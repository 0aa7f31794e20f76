"""What the service answers: a file a resource, each with a ``router``."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from mien.service.compatible import prediction, socket
from mien.service.compatible.upload import FORM_BYTES
from mien.service.routes import api_keys, audiences, auth, contents, health, notices, studies, texts, titles, users
from mien.service.settings import ServiceSettings

ROUTERS: Final[tuple[APIRouter, ...]] = (
    health.router,
    auth.router,
    users.router,
    api_keys.router,
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
