"""Every table. ``migrations/`` makes them; a test holds that both say the same.

A table of a tenant begins its primary key with ``organisation_id``, and its foreign keys hold that column too: the
database itself refuses a row that points into another organisation. Whatever belongs to a session has a column
``session_id``, by which ``deletion.py`` finds it.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from mien.store.types import UtcTime, json_type

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _tenant(name: str, *parts: Any, **options: Any) -> Table:
    return Table(
        name,
        metadata,
        Column("organisation_id", Uuid(), ForeignKey("organisations.id"), nullable=False),
        Column("id", Uuid(), nullable=False),
        *parts,
        PrimaryKeyConstraint("organisation_id", "id"),
        **options,
    )


def _to(column: str, table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["organisation_id", column], [f"{table}.organisation_id", f"{table}.id"])


def _id(name: str, *, optional: bool = False) -> Column[Any]:
    return Column(name, Uuid(), nullable=optional)


def _text(name: str, length: int, *, optional: bool = False) -> Column[Any]:
    return Column(name, String(length), nullable=optional)


def _time(name: str, *, optional: bool = False) -> Column[Any]:
    return Column(name, UtcTime(), nullable=optional)


organisations = Table(
    "organisations",
    metadata,
    Column("id", Uuid(), primary_key=True),
    _text("name", 200),
    _time("created_at"),
    UniqueConstraint("name"),
)

users = _tenant(
    "users",
    Column("number", BigInteger(), nullable=False),
    _text("name", 200),
    _text("password_hash", 500),
    _text("role", 20),
    Column("active", Boolean(), nullable=False),
    # Tokens of an earlier generation open nothing.
    Column("token_generation", Integer(), nullable=False, server_default="0"),
    _time("created_at"),
    # Whoever signs in names no organisation, so names and numbers are unique over all of them.
    UniqueConstraint("name"),
    UniqueConstraint("number"),
)

api_keys = _tenant(
    "api_keys",
    _text("name", 200),
    Column("digest", LargeBinary(32), nullable=False),
    _text("hint", 20),
    _text("role", 20),
    _time("created_at"),
    _time("expires_at", optional=True),
    _time("revoked_at", optional=True),
    UniqueConstraint("digest"),
)

titles = _tenant(
    "titles",
    _text("name", 200),
    _time("created_at"),
    UniqueConstraint("organisation_id", "name"),
)

versions = _tenant(
    "versions",
    _id("title_id"),
    _text("name", 200),
    Column("duration_seconds", Double(), nullable=True),
    _time("created_at"),
    _to("title_id", "titles"),
    UniqueConstraint("organisation_id", "title_id", "name"),
)

studies = _tenant(
    "studies",
    _id("title_id"),
    _text("name", 200),
    Column("question", Text(), nullable=False),
    _time("created_at"),
    _to("title_id", "titles"),
    UniqueConstraint("organisation_id", "name"),
)

respondents = _tenant(
    "respondents",
    Column("segments", json_type(), nullable=False),
    _time("created_at"),
)

consents = _tenant(
    "consents",
    _id("respondent_id"),
    Column("wording_sha256", LargeBinary(32), nullable=False),
    Column("scopes", json_type(), nullable=False),
    _time("given_at"),
    _time("withdrawn_at", optional=True),
    _to("respondent_id", "respondents"),
    Index(None, "organisation_id", "respondent_id"),
)

sessions = _tenant(
    "sessions",
    _id("version_id", optional=True),
    _id("study_id", optional=True),
    _id("respondent_id", optional=True),
    _id("consent_id", optional=True),
    _text("state", 20),
    _text("purpose", 40),
    _text("basis", 40, optional=True),
    _text("jurisdiction", 8, optional=True),
    Column("exception", Text(), nullable=True),
    _text("profile", 40),
    Column("min_group", Integer(), nullable=False),
    Column("notices", json_type(), nullable=False),
    _text("label_set", 40),
    Column("step_seconds", Double(), nullable=False),
    Column("retention_days", Integer(), nullable=False),
    Column("started_on", Date(), nullable=False),
    _time("started_at"),
    _time("ended_at", optional=True),
    _time("delete_after"),
    _to("version_id", "versions"),
    _to("study_id", "studies"),
    _to("respondent_id", "respondents"),
    _to("consent_id", "consents"),
    CheckConstraint("min_group >= 1", name="min_group"),
    CheckConstraint("retention_days >= 0", name="retention_days"),
    Index(None, "delete_after"),
    Index(None, "organisation_id", "study_id"),
    Index(None, "organisation_id", "version_id"),
    Index(None, "organisation_id", "respondent_id"),
)

snapshots = Table(
    "snapshots",
    metadata,
    # Of the session, so that one snapshot always falls into one partition, however late it comes.
    Column("started_on", Date(), nullable=False),
    # No foreign key: one check a row would cost more than the row. Ingest looks sessions up once a batch, under a lock
    # that deletion takes too (repositories/snapshots.py).
    Column("session_id", Uuid(), nullable=False),
    _text("source", 64),
    _text("zone", 64),
    Column("media_time", Double(), nullable=False),
    Column("organisation_id", Uuid(), nullable=False),
    Column("figures", LargeBinary(), nullable=False),
    Column("detail", LargeBinary(), nullable=True),
    PrimaryKeyConstraint("started_on", "session_id", "source", "zone", "media_time"),
    postgresql_partition_by="RANGE (started_on)",
    sqlite_with_rowid=False,
)

timelines = _tenant(
    "timelines",
    _id("session_id"),
    _text("source", 64),
    _text("zone", 64),
    Column("count", Integer(), nullable=False),
    # Figures of every snapshot in order of media time; a session that has ended gets no more.
    Column("packed", LargeBinary(), nullable=False),
    _to("session_id", "sessions"),
    UniqueConstraint("organisation_id", "session_id", "source", "zone"),
)

metric_samples = _tenant(
    "metric_samples",
    _id("session_id"),
    _text("slug", 80),
    _text("unit", 40),
    Column("first_time", Double(), nullable=False),
    Column("count", Integer(), nullable=False),
    Column("packed", LargeBinary(), nullable=False),
    _to("session_id", "sessions"),
    UniqueConstraint("organisation_id", "session_id", "slug", "first_time"),
)

moments = _tenant(
    "moments",
    _id("session_id"),
    _text("kind", 40),
    _text("subject", 80),
    Column("start", Double(), nullable=False),
    Column("peak", Double(), nullable=False),
    Column("end", Double(), nullable=False),
    Column("value", Double(), nullable=False),
    Column("rise", Double(), nullable=False),
    Column("coverage", Double(), nullable=False),
    Column("readable", Integer(), nullable=False),
    Column("low", Double(), nullable=True),
    Column("high", Double(), nullable=True),
    _to("session_id", "sessions"),
    UniqueConstraint("organisation_id", "session_id", "kind", "subject", "peak"),
)

reports = _tenant(
    "reports",
    _id("session_id", optional=True),
    _id("study_id", optional=True),
    _text("kind", 40),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("packed", LargeBinary(), nullable=False),
    _time("created_at"),
    _to("session_id", "sessions"),
    _to("study_id", "studies"),
    CheckConstraint("session_id IS NOT NULL OR study_id IS NOT NULL", name="about"),
    Index(None, "organisation_id", "session_id"),
    Index(None, "organisation_id", "study_id"),
)

report_files = _tenant(
    "report_files",
    _id("session_id"),
    _id("report_id"),
    _text("name", 80),
    _text("media_type", 100),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("packed", LargeBinary(), nullable=False),
    _time("created_at"),
    _to("session_id", "sessions"),
    _to("report_id", "reports"),
    UniqueConstraint("organisation_id", "report_id", "name"),
    Index(None, "organisation_id", "session_id"),
)

jobs = _tenant(
    "jobs",
    _id("session_id", optional=True),
    _text("kind", 40),
    Column("payload", json_type(), nullable=False),
    _text("state", 20),
    Column("rank", Integer(), nullable=False),
    _text("idempotency_key", 200, optional=True),
    Column("max_attempts", Integer(), nullable=False),
    Column("backoff_seconds", Double(), nullable=False),
    Column("timeout_seconds", Double(), nullable=False),
    Column("attempts", Integer(), nullable=False),
    Column("fence", Integer(), nullable=False),
    _text("owner", 200, optional=True),
    _time("run_after"),
    _time("lease_until", optional=True),
    _time("deadline_at", optional=True),
    Column("cancel_requested", Boolean(), nullable=False),
    Column("progress", Float(), nullable=False),
    _text("progress_note", 200, optional=True),
    Column("result", json_type(), nullable=True),
    Column("error", Text(), nullable=True),
    _time("created_at"),
    _time("started_at", optional=True),
    _time("finished_at", optional=True),
    _to("session_id", "sessions"),
    UniqueConstraint("organisation_id", "kind", "idempotency_key"),
    CheckConstraint("progress >= 0 AND progress <= 1", name="progress"),
    Index("ix_jobs_claim", "state", "rank", "run_after", "id"),
    Index("ix_jobs_lease", "state", "lease_until"),
    Index(None, "organisation_id", "session_id"),
)

spooled_files = _tenant(
    "spooled_files",
    _id("session_id", optional=True),
    # No foreign key: a job's row may go before the sweep has seen its end.
    _id("job_id", optional=True),
    _text("kind", 20),
    _text("name", 80),
    _text("media_type", 100, optional=True),
    Column("length_bytes", BigInteger(), nullable=True),
    Column("complete", Boolean(), nullable=False),
    # The file's own key under the service's: without this row nobody can read the file.
    Column("sealed_key", LargeBinary(), nullable=False),
    _time("created_at"),
    _time("delete_after"),
    _to("session_id", "sessions"),
    Index(None, "delete_after"),
    Index(None, "job_id"),
    Index(None, "organisation_id", "session_id"),
)

webhooks = _tenant(
    "webhooks",
    _text("url", 2000),
    Column("secret", LargeBinary(), nullable=False),
    Column("events", json_type(), nullable=False),
    Column("active", Boolean(), nullable=False),
    _time("created_at"),
)

deliveries = _tenant(
    "deliveries",
    _id("webhook_id"),
    _id("session_id", optional=True),
    # Names the occurrence that the message is about, where it may be told of twice.
    _text("once", 200, optional=True),
    _text("event", 80),
    Column("payload", json_type(), nullable=False),
    _text("state", 20),
    Column("attempts", Integer(), nullable=False),
    # Grows with every claim; while a sender has the message, next_attempt_at is when its claim lapses.
    Column("fence", Integer(), nullable=False, server_default="0"),
    Column("last_status", Integer(), nullable=True),
    Column("last_error", Text(), nullable=True),
    _time("created_at"),
    _time("next_attempt_at", optional=True),
    _time("finished_at", optional=True),
    _to("webhook_id", "webhooks"),
    _to("session_id", "sessions"),
    Index("ix_deliveries_once", "organisation_id", "webhook_id", "once", unique=True),
    Index("ix_deliveries_webhook_due", "organisation_id", "webhook_id", "state", "next_attempt_at"),
    Index(None, "organisation_id", "session_id"),
    Index("ix_deliveries_due", "state", "next_attempt_at"),
)

audit_entries = _tenant(
    "audit_entries",
    _time("at"),
    _text("actor", 80),
    _text("action", 80),
    _text("subject_kind", 40),
    _text("subject", 80, optional=True),
    Column("detail", json_type(), nullable=False),
    Index(None, "organisation_id", "subject"),
)

sign_ins = _tenant(
    "sign_ins",
    _id("user_id"),
    # What was renewed from what: all of a family end together.
    _id("family_id"),
    Column("digest", LargeBinary(32), nullable=False),
    _time("issued_at"),
    _time("expires_at"),
    _time("used_at", optional=True),
    _time("ended_at", optional=True),
    _to("user_id", "users"),
    UniqueConstraint("digest"),
    Index(None, "organisation_id", "user_id"),
    Index(None, "organisation_id", "family_id"),
    Index(None, "expires_at"),
)

answers = _tenant(
    "answers",
    _text("actor", 80),
    _text("key", 200),
    Column("request_sha256", LargeBinary(32), nullable=False),
    # Whether what the request changed is kept; true from the transaction that changed it.
    Column("carried_out", Boolean(), nullable=False),
    Column("sealed", LargeBinary(), nullable=True),
    _time("created_at"),
    UniqueConstraint("organisation_id", "actor", "key"),
    Index(None, "created_at"),
)
