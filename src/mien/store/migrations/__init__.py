"""Steps from one state of the tables to the next; alembic runs them."""
