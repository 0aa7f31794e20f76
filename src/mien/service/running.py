"""What runs beside the routes in every process of the service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final

from fastapi import FastAPI

from mien.service.duties import until_left
from mien.service.live.recorder import Recorder, recording
from mien.service.parts import ServiceParts

Runner = Callable[[ServiceParts], AbstractAsyncContextManager[object]]


@asynccontextmanager
async def _recording(parts: ServiceParts) -> AsyncIterator[None]:
    try:
        async with recording(Recorder(parts.bus.streams, parts.store, parts.intake)):
            yield
    finally:
        await parts.intake.idle()
        parts.frames.close()


@asynccontextmanager
async def _watching(parts: ServiceParts) -> AsyncIterator[None]:
    """Sessions of which this process stores snapshots are watched for scares and drops."""
    async with until_left(parts.watcher.run):
        yield


@asynccontextmanager
async def _models_open(parts: ServiceParts) -> AsyncIterator[None]:
    """Models and analyses that requests ask.

    What is declared about pictures is checked at once. Networks that read them are opened meanwhile, in a process of
    their own; others when they are needed.
    """
    models, analyses, exports = parts.models, parts.analyses, parts.exports
    if parts.settings.predict_warm:
        models.faces.start()
    try:
        yield
    finally:
        await models.close()
        await analyses.close()
        await exports.close()


@asynccontextmanager
async def _standing(parts: ServiceParts) -> AsyncIterator[None]:
    """What is open is taken from those who may not have it any more."""
    async with until_left(parts.standing.run):
        yield


RUNNERS: Final[tuple[Runner, ...]] = (_recording, _watching, _models_open, _standing)
"""Each is entered when the application starts, in order, and left when it stops. What one raises on entering stops the
start; what it goes on doing in tasks of its own it must survive by itself."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Enter and leave all of :data:`RUNNERS`."""
    async with AsyncExitStack() as stack:
        for runner in RUNNERS:
            await stack.enter_async_context(runner(app.state.parts))
        stack.push_async_callback(app.state.parts.limits.close)
        yield
        app.state.parts.lifecycle.drain()
