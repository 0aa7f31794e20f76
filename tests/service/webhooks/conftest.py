"""The store's fixtures, for messages that lie in it."""

from __future__ import annotations

from tests.store.conftest import (
    anyio_backend,
    bare_url,
    clock,
    database,
    organisation,
    other,
    postgres,
    postgres_template,
    sqlite_template,
    store,
    url,
)

__all__ = [
    "anyio_backend",
    "bare_url",
    "clock",
    "database",
    "organisation",
    "other",
    "postgres",
    "postgres_template",
    "sqlite_template",
    "store",
    "url",
]
