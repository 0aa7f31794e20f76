"""Snapshots come in by the batch."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from mien.service.dependencies import Parts, RequireAnalyst, at_least, parts_of
from mien.service.problems import ProblemError, responses
from mien.service.schemas.documents import shape_of
from mien.service.schemas.sessions import SnapshotRefusal, Taken
from mien.store import wire
from mien.store.records import Role
from mien.store.repositories.snapshots import Refusal


class _Straight(APIRoute):
    """Hands the function what it declares without resolving it anew: that costs as much as ten snapshots do."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def handle(request: Request) -> Response:
            return await add_snapshots(at_least(Role.ANALYST, request), parts_of(request), request)

        return handle


router = APIRouter(prefix="/api/v1/snapshots", tags=["sessions"], route_class=_Straight)

MOST_AT_ONCE: Final = 2000
"""Snapshots in one request."""

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        {"type": "array", "items": shape_of("AudienceSnapshot"), "maxItems": MOST_AT_ONCE},
                        shape_of("AudienceSnapshot"),
                    ],
                    "description": "Snapshots (`AudienceSnapshot`, version 1) of any of the organisation's sessions.",
                }
            }
        },
    }
}


@router.post("", operation_id="add_snapshots", response_model=Taken, openapi_extra=_BODY, responses=responses(415, 503))
async def add_snapshots(caller: RequireAnalyst, parts: Parts, request: Request) -> Response:
    """Store snapshots of any of the organisation's sessions, each once, and tell followers.

    The body is a JSON array of snapshots, or one snapshot. What cannot be taken is told by its place in the batch; the
    rest is kept, and durable when this answers. Sending a batch again does no harm.
    """
    if request.headers.get("content-type", "application/json").partition(";")[0].strip() != "application/json":
        raise ProblemError(415, "media-type", "Send application/json.")
    found = wire.decode(await request.body(), most=MOST_AT_ONCE)
    refused = await parts.intake.take(caller.organisation_id, [one for _, one in found.packed])
    places = [position for position, _ in found.packed]
    every = [*found.refused, *(Refusal(places[r.position], r.reason) for r in refused)]
    every.sort(key=lambda refusal: refusal.position)
    told = Taken(
        accepted=found.count - len(every),
        refused=[SnapshotRefusal(position=r.position, reason=r.reason) for r in every],
    )
    return Response(told.model_dump_json(), media_type="application/json")
