"""What the service answers: a file a resource, each with a ``router``."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from mien.service.routes import api_keys, auth, follow, frames, health, sessions, snapshots, timelines, users

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
)
