"""A service with two organisations in it, on a SQLite database of its own, and clients in every role."""

from __future__ import annotations

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from mien.service.app import create_app
from mien.service.parts import ServiceParts
from mien.service.settings import ServiceSettings
from mien.store.database import Store
from mien.streams.opening import open_bus
from tests.service.studies import Study
from tests.service.support import SECRET, Service, populated
from tests.store.support import VirtualClock


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def service_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables and nothing in them."""
    path = tmp_path_factory.mktemp("service") / "mien.db"

    async def migrate() -> None:
        await (await Store.open(f"sqlite+aiosqlite:///{path}")).close()

    asyncio.run(migrate())
    return path


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def settings(tmp_path: Path) -> ServiceSettings:
    """What the service of a test runs with; a module overrides this fixture to change it."""
    secret = base64.b64encode(SECRET).decode()
    return ServiceSettings.model_validate(
        {
            "data_folder": tmp_path,
            "security_secret": secret,
            # Tests ask faster than people do.
            "requests_per_minute": 1_000_000,
            "sign_ins_per_minute": 1_000_000,
            "sign_ins_of_a_name_per_minute": 1_000_000,
            "refusals_per_minute": 1_000_000,
            "public_per_minute": 1_000_000,
            # Most tests read no picture.
            "predict_warm": False,
        }
    )


@pytest.fixture
async def parts(settings: ServiceSettings, service_template: Path, clock: VirtualClock) -> AsyncIterator[ServiceParts]:
    """An open store and bus."""
    if settings.database_url is None:
        shutil.copyfile(service_template, settings.data_folder / "mien.db")
    store = await Store.open(settings.database, clock=clock)
    bus = await open_bus(None)
    yield ServiceParts(settings, store, bus, clock)
    await bus.close()
    await store.close()


@pytest.fixture
async def service(parts: ServiceParts) -> AsyncIterator[Service]:
    """A started service with its people."""
    app = create_app(parts)
    async with app.router.lifespan_context(app):
        yield await populated(app, parts)


@pytest.fixture
async def client_of(service: Service) -> AsyncIterator[Callable[[str | None], httpx.AsyncClient]]:
    """Clients by who uses them: ``admin``, ``analyst``, ``viewer``, ``other_admin``, or None for nobody."""
    made: list[httpx.AsyncClient] = []

    def make(who: str | None) -> httpx.AsyncClient:
        made.append(service.client(who))
        return made[-1]

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
async def analyst(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client("analyst", timeout=120) as client:
        yield client


@pytest.fixture
async def study(service: Service, analyst: httpx.AsyncClient) -> Study:
    title = (await analyst.post("/api/v1/titles", json={"name": "Night Bus"})).json()["id"]
    versions = {}
    for name in ("A", "B"):
        answer = await analyst.post(f"/api/v1/titles/{title}/versions", json={"name": name})
        versions[name] = answer.json()["id"]
    body = {"title_id": title, "name": "Which cut?", "question": "Which scares more?"}
    made = (await analyst.post("/api/v1/studies", json=body)).json()["id"]
    return Study(service, title, made, versions)
