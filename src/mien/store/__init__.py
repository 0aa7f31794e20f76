"""What outlives a process: sessions, their audience statistics, studies, jobs, and who may see them.

``mien.store.database.Store`` opens a database (SQLite or PostgreSQL); ``async with store.begin(organisation) as work``
is one transaction, whose repositories see that organisation and nothing else. Frozen dataclasses
(``mien.store.records``) come out, never rows. Needs the extra ``[service]``.
"""

from __future__ import annotations

from mien.core.errors import SettingsError

try:
    import sqlalchemy as _sqlalchemy  # noqa: F401
except ImportError as error:
    raise SettingsError("the database needs the extra [service]: pip install 'mien[service]'") from error
