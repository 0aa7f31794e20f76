"""Tokens of a user are of a generation: those of an earlier one open nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Number the generations; tokens that were issued before say none, and are of the first."""
    op.add_column("users", sa.Column("token_generation", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """Back."""
    op.drop_column("users", "token_generation")
