"""Messages are claimed by whoever sends them, a few of each webhook at a time, and one occurrence is told once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Number the claims, and find what is due of one webhook."""
    op.add_column("deliveries", sa.Column("fence", sa.Integer(), server_default="0", nullable=False))
    op.add_column("deliveries", sa.Column("once", sa.String(length=200), nullable=True))
    op.drop_index(op.f("ix_deliveries_organisation_id_webhook_id"), table_name="deliveries")
    op.create_index("ix_deliveries_once", "deliveries", ["organisation_id", "webhook_id", "once"], unique=True)
    op.create_index(
        "ix_deliveries_webhook_due",
        "deliveries",
        ["organisation_id", "webhook_id", "state", "next_attempt_at"],
        unique=False,
    )


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_deliveries_webhook_due", table_name="deliveries")
    op.drop_index("ix_deliveries_once", table_name="deliveries")
    op.create_index(
        op.f("ix_deliveries_organisation_id_webhook_id"), "deliveries", ["organisation_id", "webhook_id"], unique=False
    )
    op.drop_column("deliveries", "once")
    op.drop_column("deliveries", "fence")
