"""Whether the service can be used, for load balancers."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Response

from mien.service.dependencies import Parts
from mien.service.schemas.health import AnalysisHealth, Health, MissingWeights, PartHealth

router = APIRouter(prefix="/api", tags=["health"])

_PATIENCE_SECONDS: Final = 3.0


@router.head("/health", include_in_schema=False)
@router.get("/health", operation_id="get_health", responses={503: {"model": Health, "description": "Not ready."}})
async def get_health(parts: Parts, response: Response) -> Health:
    """Ready (200) or not (503). Public; says which part is missing, and which weights, and nothing else.

    `HEAD` tells the status alone.
    """
    database, bus, missing = await asyncio.gather(_database(parts), parts.bus.check(), parts.analysing.missing())
    ready = database and bus.ready and parts.lifecycle.accepting
    if not ready:
        response.status_code = 503
    return Health(
        status="ready" if ready else "unavailable" if parts.lifecycle.accepting else "draining",
        database=PartHealth(ready=database),
        bus=PartHealth(ready=bus.ready),
        analysis=AnalysisHealth(
            ready=not missing, missing=[MissingWeights(name=one.name, remedy=one.remedy) for one in missing]
        ),
    )


async def _database(parts: Parts) -> bool:
    try:
        return await asyncio.wait_for(parts.store.ready(), _PATIENCE_SECONDS)
    except TimeoutError:
        return False
