"""The foundation: organisations, who may see them, what was measured, jobs, messages and the audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "organisations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisations")),
        sa.UniqueConstraint("name", name=op.f("uq_organisations_name")),
    )
    op.create_table(
        "snapshots",
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("media_time", sa.Double(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("figures", sa.LargeBinary(), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("started_on", "session_id", "source", "zone", "media_time", name=op.f("pk_snapshots")),
        postgresql_partition_by="RANGE (started_on)",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "api_keys",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hint", sa.String(length=20), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_api_keys_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("subject_kind", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=True),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_audit_entries_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_audit_entries")),
    )
    op.create_index(
        op.f("ix_audit_entries_organisation_id_subject"), "audit_entries", ["organisation_id", "subject"], unique=False
    )
    op.create_table(
        "respondents",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("segments", DOCUMENT, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_respondents_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_respondents")),
    )
    op.create_table(
        "titles",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_titles_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_titles")),
        sa.UniqueConstraint("organisation_id", "name", name=op.f("uq_titles_organisation_id_name")),
    )
    op.create_table(
        "users",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=500), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_users_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
        sa.UniqueConstraint("number", name=op.f("uq_users_number")),
    )
    op.create_table(
        "webhooks",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("events", DOCUMENT, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_webhooks_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "consents",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("respondent_id", sa.Uuid(), nullable=False),
        sa.Column("wording_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", DOCUMENT, nullable=False),
        sa.Column("given_at", TIME, nullable=False),
        sa.Column("withdrawn_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "respondent_id"],
            ["respondents.organisation_id", "respondents.id"],
            name=op.f("fk_consents_organisation_id_respondent_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_consents_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_consents")),
    )
    op.create_index(
        op.f("ix_consents_organisation_id_respondent_id"),
        "consents",
        ["organisation_id", "respondent_id"],
        unique=False,
    )
    op.create_table(
        "studies",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "title_id"],
            ["titles.organisation_id", "titles.id"],
            name=op.f("fk_studies_organisation_id_title_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_studies_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_studies")),
        sa.UniqueConstraint("organisation_id", "name", name=op.f("uq_studies_organisation_id_name")),
    )
    op.create_table(
        "versions",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "title_id"],
            ["titles.organisation_id", "titles.id"],
            name=op.f("fk_versions_organisation_id_title_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_versions_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_versions")),
        sa.UniqueConstraint(
            "organisation_id", "title_id", "name", name=op.f("uq_versions_organisation_id_title_id_name")
        ),
    )
    op.create_table(
        "sessions",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("study_id", sa.Uuid(), nullable=True),
        sa.Column("respondent_id", sa.Uuid(), nullable=True),
        sa.Column("consent_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("basis", sa.String(length=40), nullable=True),
        sa.Column("jurisdiction", sa.String(length=8), nullable=True),
        sa.Column("exception", sa.Text(), nullable=True),
        sa.Column("profile", sa.String(length=40), nullable=False),
        sa.Column("min_group", sa.Integer(), nullable=False),
        sa.Column("notices", DOCUMENT, nullable=False),
        sa.Column("label_set", sa.String(length=40), nullable=False),
        sa.Column("step_seconds", sa.Double(), nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("delete_after", TIME, nullable=False),
        sa.CheckConstraint("min_group >= 1", name=op.f("ck_sessions_min_group")),
        sa.CheckConstraint("retention_days >= 0", name=op.f("ck_sessions_retention_days")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "consent_id"],
            ["consents.organisation_id", "consents.id"],
            name=op.f("fk_sessions_organisation_id_consent_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "respondent_id"],
            ["respondents.organisation_id", "respondents.id"],
            name=op.f("fk_sessions_organisation_id_respondent_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "study_id"],
            ["studies.organisation_id", "studies.id"],
            name=op.f("fk_sessions_organisation_id_study_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "version_id"],
            ["versions.organisation_id", "versions.id"],
            name=op.f("fk_sessions_organisation_id_version_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_sessions_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_delete_after"), "sessions", ["delete_after"], unique=False)
    op.create_index(
        op.f("ix_sessions_organisation_id_respondent_id"),
        "sessions",
        ["organisation_id", "respondent_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_sessions_organisation_id_study_id"), "sessions", ["organisation_id", "study_id"], unique=False
    )
    op.create_index(
        op.f("ix_sessions_organisation_id_version_id"), "sessions", ["organisation_id", "version_id"], unique=False
    )
    op.create_table(
        "deliveries",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("event", sa.String(length=80), nullable=False),
        sa.Column("payload", DOCUMENT, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "session_id"],
            ["sessions.organisation_id", "sessions.id"],
            name=op.f("fk_deliveries_organisation_id_session_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "webhook_id"],
            ["webhooks.organisation_id", "webhooks.id"],
            name=op.f("fk_deliveries_organisation_id_webhook_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_deliveries_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["state", "next_attempt_at"], unique=False)
    op.create_index(
        op.f("ix_deliveries_organisation_id_session_id"), "deliveries", ["organisation_id", "session_id"], unique=False
    )
    op.create_index(
        op.f("ix_deliveries_organisation_id_webhook_id"), "deliveries", ["organisation_id", "webhook_id"], unique=False
    )
    op.create_table(
        "jobs",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("payload", DOCUMENT, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("backoff_seconds", sa.Double(), nullable=False),
        sa.Column("timeout_seconds", sa.Double(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=True),
        sa.Column("run_after", TIME, nullable=False),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("deadline_at", TIME, nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("progress_note", sa.String(length=200), nullable=True),
        sa.Column("result", DOCUMENT, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.CheckConstraint("progress >= 0 AND progress <= 1", name=op.f("ck_jobs_progress")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "session_id"],
            ["sessions.organisation_id", "sessions.id"],
            name=op.f("fk_jobs_organisation_id_session_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_jobs_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_jobs")),
        sa.UniqueConstraint(
            "organisation_id", "kind", "idempotency_key", name=op.f("uq_jobs_organisation_id_kind_idempotency_key")
        ),
    )
    op.create_index("ix_jobs_claim", "jobs", ["state", "rank", "run_after", "id"], unique=False)
    op.create_index("ix_jobs_lease", "jobs", ["state", "lease_until"], unique=False)
    op.create_index(op.f("ix_jobs_organisation_id_session_id"), "jobs", ["organisation_id", "session_id"], unique=False)
    op.create_table(
        "metric_samples",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("first_time", sa.Double(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "session_id"],
            ["sessions.organisation_id", "sessions.id"],
            name=op.f("fk_metric_samples_organisation_id_session_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_metric_samples_organisation_id")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_metric_samples")),
        sa.UniqueConstraint(
            "organisation_id",
            "session_id",
            "slug",
            "first_time",
            name=op.f("uq_metric_samples_organisation_id_session_id_slug_first_time"),
        ),
    )
    op.create_table(
        "moments",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("start", sa.Double(), nullable=False),
        sa.Column("peak", sa.Double(), nullable=False),
        sa.Column("end", sa.Double(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("rise", sa.Double(), nullable=False),
        sa.Column("coverage", sa.Double(), nullable=False),
        sa.Column("readable", sa.Integer(), nullable=False),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "session_id"],
            ["sessions.organisation_id", "sessions.id"],
            name=op.f("fk_moments_organisation_id_session_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_moments_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_moments")),
        sa.UniqueConstraint(
            "organisation_id",
            "session_id",
            "kind",
            "subject",
            "peak",
            name=op.f("uq_moments_organisation_id_session_id_kind_subject_peak"),
        ),
    )
    op.create_table(
        "reports",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("study_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("session_id IS NOT NULL OR study_id IS NOT NULL", name=op.f("ck_reports_about")),
        sa.ForeignKeyConstraint(
            ["organisation_id", "session_id"],
            ["sessions.organisation_id", "sessions.id"],
            name=op.f("fk_reports_organisation_id_session_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id", "study_id"],
            ["studies.organisation_id", "studies.id"],
            name=op.f("fk_reports_organisation_id_study_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_reports_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_reports")),
    )
    op.create_index(
        op.f("ix_reports_organisation_id_session_id"), "reports", ["organisation_id", "session_id"], unique=False
    )
    op.create_index(
        op.f("ix_reports_organisation_id_study_id"), "reports", ["organisation_id", "study_id"], unique=False
    )
    op.create_table(
        "timelines",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "session_id"],
            ["sessions.organisation_id", "sessions.id"],
            name=op.f("fk_timelines_organisation_id_session_id"),
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=op.f("fk_timelines_organisation_id")),
        sa.PrimaryKeyConstraint("organisation_id", "id", name=op.f("pk_timelines")),
        sa.UniqueConstraint(
            "organisation_id",
            "session_id",
            "source",
            "zone",
            name=op.f("uq_timelines_organisation_id_session_id_source_zone"),
        ),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Read whole and often: compressing would cost more than it saves.
        op.execute("ALTER TABLE timelines ALTER COLUMN packed SET STORAGE EXTERNAL")


def downgrade() -> None:
    """Drop every table."""
    op.drop_table("timelines")
    op.drop_index(op.f("ix_reports_organisation_id_study_id"), table_name="reports")
    op.drop_index(op.f("ix_reports_organisation_id_session_id"), table_name="reports")
    op.drop_table("reports")
    op.drop_table("moments")
    op.drop_table("metric_samples")
    op.drop_index(op.f("ix_jobs_organisation_id_session_id"), table_name="jobs")
    op.drop_index("ix_jobs_lease", table_name="jobs")
    op.drop_index("ix_jobs_claim", table_name="jobs")
    op.drop_table("jobs")
    op.drop_index(op.f("ix_deliveries_organisation_id_webhook_id"), table_name="deliveries")
    op.drop_index(op.f("ix_deliveries_organisation_id_session_id"), table_name="deliveries")
    op.drop_index("ix_deliveries_due", table_name="deliveries")
    op.drop_table("deliveries")
    op.drop_index(op.f("ix_sessions_organisation_id_version_id"), table_name="sessions")
    op.drop_index(op.f("ix_sessions_organisation_id_study_id"), table_name="sessions")
    op.drop_index(op.f("ix_sessions_organisation_id_respondent_id"), table_name="sessions")
    op.drop_index(op.f("ix_sessions_delete_after"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_table("versions")
    op.drop_table("studies")
    op.drop_index(op.f("ix_consents_organisation_id_respondent_id"), table_name="consents")
    op.drop_table("consents")
    op.drop_table("webhooks")
    op.drop_table("users")
    op.drop_table("titles")
    op.drop_table("respondents")
    op.drop_index(op.f("ix_audit_entries_organisation_id_subject"), table_name="audit_entries")
    op.drop_table("audit_entries")
    op.drop_table("api_keys")
    op.drop_table("snapshots")
    op.drop_table("organisations")
