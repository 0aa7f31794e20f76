"""One process of the service for tests, to be killed: ``python -m tests.service.compatible.replica DATABASE REDIS``.

It prints its address once it listens.
"""

from __future__ import annotations

import asyncio
import base64
import sys

import uvicorn

from mien.service.app import create_app
from mien.service.parts import ServiceParts
from mien.service.settings import ServiceSettings
from mien.store.database import Store
from mien.streams.bus import PresenceOptions
from mien.streams.opening import BusOptions, open_bus
from tests.service.support import SECRET

LEASE_SECONDS = 1.0


async def serve(database: str, redis: str) -> None:
    secret = base64.b64encode(SECRET).decode()
    settings = ServiceSettings.model_validate(
        {"database_url": database, "redis_url": redis, "security_secret": secret, "predict_warm": False}
    )
    store = await Store.open(database)
    bus = await open_bus(redis, BusOptions(presence=PresenceOptions(lease_seconds=LEASE_SECONDS)))
    config = uvicorn.Config(create_app(ServiceParts(settings, store, bus)), host="127.0.0.1", port=0, log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
