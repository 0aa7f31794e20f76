"""Stores of both databases for workers, and a spool."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.core.clock import SystemClock
from mien.service.spool import Spool
from mien.service.work.options import DecodingOptions, WorkerOptions
from mien.service.work.tasks import Tools
from mien.store.database import Store
from tests.store.conftest import (  # noqa: F401
    anyio_backend,
    bare_url,
    database,
    organisation,
    other,
    postgres,
    postgres_template,
    sqlite_template,
    store,
    url,
)

SECRET = bytes(range(64))
QUICK = WorkerOptions(
    lease_seconds=5.0,
    poll_seconds=0.05,
    drain_seconds=5.0,
    sweep_seconds=0.2,
    decoding=DecodingOptions(wall_seconds=300.0),
)
"""Limits are the usual ones; waits are short."""


@pytest.fixture
def clock() -> SystemClock:
    """Workers wait in real time."""
    return SystemClock()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", SECRET)


@pytest.fixture
def tools(store: Store, spool: Spool, clock: SystemClock) -> Tools:  # noqa: F811
    return Tools(store, spool, clock, QUICK)
