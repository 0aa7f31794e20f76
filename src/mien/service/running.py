"""What runs beside the routes in every process of the service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final

from fastapi import FastAPI

from mien.service.parts import ServiceParts

Runner = Callable[[ServiceParts], AbstractAsyncContextManager[object]]


@asynccontextmanager
async def models_open(parts: ServiceParts) -> AsyncIterator[None]:
    """Models and analyses that requests ask.

    What is declared about pictures is checked at once; networks are opened when they are needed.
    """
    models, analyses = parts.models, parts.analyses
    try:
        yield
    finally:
        await models.close()
        await analyses.close()


RUNNERS: Final[tuple[Runner, ...]] = (models_open,)
"""Each is entered when the application starts, in order, and left when it stops. What one raises on entering stops the
start; what it goes on doing in tasks of its own it must survive by itself."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Enter and leave all of :data:`RUNNERS`."""
    async with AsyncExitStack() as stack:
        for runner in RUNNERS:
            await stack.enter_async_context(runner(app.state.parts))
        yield
        app.state.parts.lifecycle.drain()
