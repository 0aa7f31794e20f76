"""What the service answers: a file a resource, each with a ``router``."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from mien.service.compatible import prediction, socket
from mien.service.routes import api_keys, auth, health, notices, texts, users

ROUTERS: Final[tuple[APIRouter, ...]] = (
    health.router,
    auth.router,
    users.router,
    api_keys.router,
    prediction.router,
    socket.router,
    notices.router,
    texts.router,
)
