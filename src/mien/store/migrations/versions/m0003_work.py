"""Files of the spool, and reports in their other forms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "report_files",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "session_id"],
            ["sessions.organisation_id", "sessions.id"],
            name=op.f("fk_report_files_organisation_id_session_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "report_id"],
            ["reports.organisation_id", "reports.id"],
            name=op.f("fk_report_files_organisation_id_report_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_report_files_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_report_files")),
        sa.UniqueConstraint(
            "organisation_id", "report_id", "name", name=op.f("uq_report_files_organisation_id_report_id_name")
        ),
    )
    op.create_index(
        op.f("ix_report_files_organisation_id_session_id"), "report_files", ["organisation_id", "session_id"]
    )
    op.create_table(
        "spooled_files",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=True),
        sa.Column("length_bytes", sa.BigInteger(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("delete_after", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "session_id"],
            ["sessions.organisation_id", "sessions.id"],
            name=op.f("fk_spooled_files_organisation_id_session_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_spooled_files_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_spooled_files")),
    )
    op.create_index(op.f("ix_spooled_files_delete_after"), "spooled_files", ["delete_after"])
    op.create_index(op.f("ix_spooled_files_job_id"), "spooled_files", ["job_id"])
    op.create_index(
        op.f("ix_spooled_files_organisation_id_session_id"), "spooled_files", ["organisation_id", "session_id"]
    )


def downgrade() -> None:
    """Drop both."""
    op.drop_index(op.f("ix_spooled_files_organisation_id_session_id"), table_name="spooled_files")
    op.drop_index(op.f("ix_spooled_files_job_id"), table_name="spooled_files")
    op.drop_index(op.f("ix_spooled_files_delete_after"), table_name="spooled_files")
    op.drop_table("spooled_files")
    op.drop_index(op.f("ix_report_files_organisation_id_session_id"), table_name="report_files")
    op.drop_table("report_files")
