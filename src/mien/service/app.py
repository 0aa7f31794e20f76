"""Makes the application from its parts."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from mien import __version__
from mien.service import docs_pages, problems
from mien.service.draining import Draining
from mien.service.idempotency import REPLAYED, Idempotency
from mien.service.logs import RequestLog
from mien.service.parts import ServiceParts
from mien.service.routes import ROUTERS, largest_body
from mien.service.running import lifespan
from mien.service.schemas import documents
from mien.service.security.csrf import HEADER as CSRF_HEADER
from mien.service.security.gate import Gate
from mien.service.security.headers import SecurityHeaders

DESCRIPTION = (
    "Measures how an audience reacts to what it watches. Frames go in, anonymous statistics come out. Errors are "
    "problem details (RFC 9457); lists come in pages; times of day are UTC, media time is in seconds."
)


def create_app(parts: ServiceParts) -> FastAPI:
    """The application.

    Args:
        parts: open; who opened them closes them after the application has ended.

    Raises:
        SettingsError: there is no secret to sign tokens with.
    """
    settings = parts.settings
    _ = parts.tokens  # refuses a missing secret now, not at the first request
    app = FastAPI(
        title="Mien",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.parts = parts
    problems.install(app)
    app.router.routes.extend(_routes(tuple(largest_body(router, settings) for router in ROUTERS), settings.docs))
    # The one added last is the outermost.
    app.add_middleware(Idempotency, parts=parts)
    app.add_middleware(Gate, parts=parts)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_credentials=True,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "authorization",
                "content-type",
                "idempotency-key",
                "if-none-match",
                "last-event-id",
                CSRF_HEADER,
                "tus-resumable",
                "upload-length",
                "upload-metadata",
                "upload-offset",
                "x-api-key",
            ],
            expose_headers=[
                "etag",
                "location",
                "retry-after",
                "tus-resumable",
                "upload-expires",
                "upload-length",
                "upload-offset",
                "x-request-id",
                REPLAYED,
            ],
            max_age=600,
        )
    app.add_middleware(Draining)
    app.add_middleware(RequestLog)
    app.add_middleware(SecurityHeaders)
    describe = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = documents.described(problems.described(describe()))
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
    return app


@lru_cache(maxsize=8)
def _routes(largest: tuple[int, ...], docs: bool) -> tuple[BaseRoute, ...]:
    """Every operation, with the most bytes of a request to each router.

    FastAPI works out what an operation takes at its first request, a third of a second for all; applications of one
    process share that.
    """
    whole = APIRouter(
        generate_unique_id_function=_named,
        redirect_slashes=False,
        responses=problems.responses(401, 403, 422, 429, 500, 503),
    )
    for router, most in zip(ROUTERS, largest, strict=True):
        # Not the application's own limit: it would answer outside of what makes errors problems.
        whole.include_router(router, max_body_size=most)
    if docs:
        whole.include_router(docs_pages.router)
    return tuple(whole.routes)


def _named(route: Any) -> str:
    """Each operation is named by its function: a client is generated with these names."""
    return str(route.operation_id or route.name)
