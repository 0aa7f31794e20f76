"""What alembic runs to migrate; the connection, with its transaction begun, is handed in (``migrate.py``)."""

from alembic import context

from mien.store import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
