"""One organisation sees, changes and refers to nothing of another's, whichever method it asks.

Every public method of every repository is called with another tenant's ids. A method that is not listed fails the test.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy import event

import mien.store.repositories
from mien.core.findings import MetricSample, Moment, MomentKind, SampleLog
from mien.core.policy import Basis
from mien.store import tables
from mien.store.database import Store
from mien.store.errors import ConflictError, NotFoundError
from mien.store.file_records import SpooledKind
from mien.store.packing import packed
from mien.store.records import Role
from mien.store.repositories.audit import AuditFilter
from mien.store.repositories.spooled_files import SpooledDraft
from mien.store.work import Work
from tests.store.support import WORDING, add_respondent, draft, grant, step

REPOSITORIES = Path(mien.store.repositories.__file__).parent


@dataclass(frozen=True)
class Theirs:
    """Ids of everything another organisation has."""

    organisation: UUID
    user: UUID
    api_key: UUID
    title: UUID
    version: UUID
    study: UUID
    respondent: UUID
    consent: UUID
    session: UUID
    report: UUID
    report_file: UUID
    spooled: UUID
    job: UUID
    webhook: UUID
    delivery: UUID
    audit: UUID
    sign_in: UUID
    answer: UUID


def samples() -> SampleLog:
    log = SampleLog("shock_score", "points")
    log.append(MetricSample("shock_score", 0.0, 12.0))
    return log


def spooling(session: UUID | None = None) -> SpooledDraft:
    return SpooledDraft(uuid4(), SpooledKind.UPLOAD, b"sealed", 60.0, session_id=session)


MOMENT = Moment(MomentKind.SCARE, "shock", 0.0, 0.5, 1.0, 80.0, 60.0, 0.9, 30)


async def fill(store: Store, organisation: UUID) -> Theirs:
    async with store.begin(organisation) as work:
        title = await work.titles.add("The Cellar")
        respondent, session = await add_respondent(work, age_band="25-34")
        assert session.consent_id is not None
        await work.snapshots.ingest([step(session, 0.0)])
        await work.samples.append(session.id, samples())
        await work.moments.add(session.id, [MOMENT])
        webhook = await work.webhooks.add("https://studio.example/hook", b"s" * 16, ["*"])
        [delivery] = await work.deliveries.publish("session.ended", {}, session_id=session.id)
        user = await work.users.add(f"anna@{organisation}", "hash", Role.ADMIN)
        answer, _new = await work.answers.claim("key:1", "theirs", b"r" * 32, stale_seconds=60.0)
        report = await work.reports.add("report", {"a": 1}, session_id=session.id)
        file = await work.report_files.add(report.id, session.id, "report.html", "text/html", b"<p>")
        spooled = await work.spooled_files.begin(spooling(session.id))
        return Theirs(
            organisation=organisation,
            user=user.id,
            sign_in=(await work.sign_ins.begin(user.id, 60.0)).sign_in.id,
            answer=answer.id,
            api_key=(await work.api_keys.mint("box", Role.ANALYST)).key.id,
            title=title.id,
            version=(await work.versions.add(title.id, "cut")).id,
            study=(await work.studies.add(title.id, "autumn", "Which?")).id,
            respondent=respondent.id,
            consent=session.consent_id,
            session=session.id,
            report=report.id,
            report_file=file.id,
            spooled=spooled.id,
            job=(await work.jobs.enqueue("analyze", {}, session_id=session.id)).id,
            webhook=webhook.id,
            delivery=delivery.id,
            audit=(await work.audit.record("test", "made", "session", session.id)).id,
        )


Attempt = Callable[[Work, Theirs], Awaitable[Any]]

CONSENTED = grant(profile="interview", basis=Basis.CONSENT)

REFUSED: dict[str, Attempt] = {
    "users.get": lambda w, t: w.users.get(t.user),
    "users.change_role": lambda w, t: w.users.change_role(t.user, Role.ADMIN),
    "users.change_password": lambda w, t: w.users.change_password(t.user, "mine"),
    "users.end_tokens": lambda w, t: w.users.end_tokens(t.user),
    "users.set_active": lambda w, t: w.users.set_active(t.user, False),
    "api_keys.get": lambda w, t: w.api_keys.get(t.api_key),
    "api_keys.revoke": lambda w, t: w.api_keys.revoke(t.api_key),
    "sign_ins.get": lambda w, t: w.sign_ins.get(t.sign_in),
    "sign_ins.begin": lambda w, t: w.sign_ins.begin(t.user, 60.0),
    "answers.get": lambda w, t: w.answers.get(t.answer),
    "answers.carry_out": lambda w, t: w.answers.carry_out(t.answer),
    "snapshots.drop": lambda w, t: w.snapshots.drop(t.session),
    "answers.keep": lambda w, t: w.answers.keep(t.answer, b"mine"),
    "titles.get": lambda w, t: w.titles.get(t.title),
    "titles.rename": lambda w, t: w.titles.rename(t.title, "mine"),
    "titles.delete": lambda w, t: w.titles.delete(t.title),
    "versions.get": lambda w, t: w.versions.get(t.version),
    "versions.add": lambda w, t: w.versions.add(t.title, "mine"),
    "versions.change": lambda w, t: w.versions.change(t.version, "mine", None),
    "versions.delete": lambda w, t: w.versions.delete(t.version),
    "studies.get": lambda w, t: w.studies.get(t.study),
    "studies.add": lambda w, t: w.studies.add(t.title, "mine", "?"),
    "studies.change": lambda w, t: w.studies.change(t.study, "mine", "?"),
    "studies.delete": lambda w, t: w.studies.delete(t.study),
    "respondents.get": lambda w, t: w.respondents.get(t.respondent),
    "respondents.declare": lambda w, t: w.respondents.declare(t.respondent, {}),
    "consents.get": lambda w, t: w.consents.get(t.consent),
    "consents.give": lambda w, t: w.consents.give(t.respondent, WORDING, ["measure"]),
    "consents.withdraw": lambda w, t: w.consents.withdraw(t.consent),
    "consents.require": lambda w, t: w.consents.require(t.consent, t.respondent),
    "sessions.get": lambda w, t: w.sessions.get(t.session),
    "sessions.begin": lambda w, t: w.sessions.begin(draft(version_id=t.version)),
    "sessions.begin of a study": lambda w, t: w.sessions.begin(draft(study_id=t.study)),
    "sessions.begin of a respondent": lambda w, t: w.sessions.begin(
        draft(grant=CONSENTED, respondent_id=t.respondent, consent_id=t.consent)
    ),
    "sessions.stored": lambda w, t: w.sessions.stored(t.session),
    "sessions.hold_open": lambda w, t: w.sessions.hold_open(t.session),
    "sessions.end": lambda w, t: w.sessions.end(t.session),
    "sessions.measured": lambda w, t: w.sessions.measured(t.session, 0.0),
    "sessions.shorten_retention": lambda w, t: w.sessions.shorten_retention(t.session, 0),
    "sessions.delete": lambda w, t: w.sessions.delete(t.session, "me"),
    "snapshots.timeline": lambda w, t: w.snapshots.timeline(t.session),
    "snapshots.told": lambda w, t: w.snapshots.told(t.session),
    "snapshots.suppressed": lambda w, t: w.snapshots.suppressed(t.session),
    "snapshots.read": lambda w, t: w.snapshots.read(t.session),
    "snapshots.seal": lambda w, t: w.snapshots.seal(t.session),
    "snapshots.count": lambda w, t: w.snapshots.count(t.session),
    "erasure.stream": lambda w, t: _gathered(w.erasure.stream(t.respondent)),
    "snapshots.lanes": lambda w, t: w.snapshots.lanes(t.session),
    "samples.append": lambda w, t: w.samples.append(t.session, samples()),
    "samples.series": lambda w, t: w.samples.series(t.session),
    "samples.read": lambda w, t: w.samples.read(t.session, "shock_score"),
    "moments.add": lambda w, t: w.moments.add(t.session, [MOMENT]),
    "moments.read": lambda w, t: w.moments.read(t.session),
    "reports.get": lambda w, t: w.reports.get(t.report),
    "reports.add": lambda w, t: w.reports.add("report", {}, session_id=t.session),
    "reports.add about a study": lambda w, t: w.reports.add("report", {}, study_id=t.study),
    "reports.content": lambda w, t: w.reports.content(t.report),
    "report_files.get": lambda w, t: w.report_files.get(t.report_file),
    "report_files.add": lambda w, t: w.report_files.add(t.report, t.session, "mine.html", "text/html", b"<p>"),
    "report_files.named": lambda w, t: w.report_files.named(t.report, "report.html"),
    "report_files.content": lambda w, t: w.report_files.content(t.report_file),
    "spooled_files.get": lambda w, t: w.spooled_files.get(t.spooled),
    "spooled_files.begin": lambda w, t: w.spooled_files.begin(spooling(t.session)),
    "spooled_files.completed": lambda w, t: w.spooled_files.completed(t.spooled, "video/mp4", 1),
    "spooled_files.hand_over": lambda w, t: w.spooled_files.hand_over(t.spooled, t.job, None, 60.0),
    "jobs.get": lambda w, t: w.jobs.get(t.job),
    "jobs.enqueue": lambda w, t: w.jobs.enqueue("analyze", {}, session_id=t.session),
    "jobs.cancel": lambda w, t: w.jobs.cancel(t.job),
    "jobs.retry": lambda w, t: w.jobs.retry(t.job),
    "webhooks.get": lambda w, t: w.webhooks.get(t.webhook),
    "webhooks.set_active": lambda w, t: w.webhooks.set_active(t.webhook, False),
    "webhooks.change": lambda w, t: w.webhooks.change(t.webhook, url="https://mine.example"),
    "webhooks.remove": lambda w, t: w.webhooks.remove(t.webhook),
    "deliveries.get": lambda w, t: w.deliveries.get(t.delivery),
    "deliveries.replay": lambda w, t: w.deliveries.replay(t.delivery),
    "deliveries.replay_dead": lambda w, t: w.deliveries.replay_dead(t.webhook),
    "deliveries.send": lambda w, t: w.deliveries.send(t.webhook, "webhook.ping", {}),
    "audit.get": lambda w, t: w.audit.get(t.audit),
    "erasure.export": lambda w, t: w.erasure.export(t.respondent),
    "erasure.erase": lambda w, t: w.erasure.erase(t.respondent, "me"),
}
"""What another tenant's ids are refused by, as though they named nothing."""

LISTS = ("users", "api_keys", "titles", "versions", "studies", "respondents", "consents", "sessions", "reports",
         "report_files", "spooled_files", "jobs", "webhooks", "deliveries", "audit", "sign_ins", "answers")  # fmt: skip


def _keys(theirs: Any) -> list[UUID]:
    return [value for value in (getattr(theirs, f.name) for f in fields(theirs)) if isinstance(value, UUID)]


async def _shown(asked: Awaitable[Mapping[UUID, Any]]) -> list[Any]:
    return list(await asked)


async def _gathered(asked: AsyncIterator[Any]) -> list[Any]:
    return [one async for one in asked]


EMPTY: dict[str, Attempt] = {
    **{f"{name}.list": (lambda w, _t, name=name: getattr(w, name).list()) for name in LISTS},  # type: ignore[misc]
    **{f"{name}.some": (lambda w, t, name=name: _shown(getattr(w, name).some(_keys(t)))) for name in LISTS},  # type: ignore[misc]
    "samples.of_sessions": lambda w, t: _shown(w.samples.of_sessions([t.session], "shock")),
    "snapshots.sealed": lambda w, t: _gathered(w.snapshots.sealed([t.session])),
    "sign_ins.end_all": lambda w, t: w.sign_ins.end_all(t.user),
    "sign_ins.end_family": lambda w, t: w.sign_ins.end_family(t.sign_in),
    "answers.drop": lambda w, t: w.answers.drop(t.answer),
    "answers.empty": lambda w, _t: w.answers.empty(),
    "answers.hold": lambda w, t: w.answers.hold(t.answer),
    "spooled_files.drop": lambda w, t: w.spooled_files.drop(t.spooled),
    "jobs.require_consent": lambda w, t: w.jobs.require_consent(t.session),
    "jobs.cancel_of": lambda w, t: w.jobs.cancel_of([t.session]),
    "consents.of_study": lambda w, t: _shown(w.consents.of_study(t.study, [t.version])),
    "consents.withdrawn_under": lambda w, t: w.consents.withdrawn_under(t.session),
    "consents.live": lambda w, t: w.consents.live(t.respondent),
    "audit.search": lambda w, t: w.audit.search(AuditFilter(subject=str(t.session))),
    "deliveries.wants": lambda w, _t: w.deliveries.wants("session.ended"),
    "snapshots.ingest": lambda w, t: w.snapshots.ingest([step(t.session, 9.0)]),
    "snapshots.ingest_packed": lambda w, t: w.snapshots.ingest_packed([packed(step(t.session, 9.0))]),
}
"""What shows nothing of another tenant's."""

OWN = {
    "users.add",
    "answers.claim",
    "api_keys.mint",
    "titles.add",
    "respondents.add",
    "webhooks.add",
    "deliveries.publish",
    "audit.record",
    "audit.alone",
}
"""What takes no id of anything but a session's (``deliveries.publish`` goes to one's own webhooks only)."""


LET_IN = object()
"""Nothing a method gives back: one that lets another tenant in is named by its assertion."""


def methods() -> set[str]:
    """Every public coroutine of every repository of a unit of work."""
    work = Work.__new__(Work)
    hints = inspect.getsource(Work.__init__)
    names = [line.split("self.")[1].split(" ")[0] for line in hints.splitlines() if "(scope)" in line]
    found = set()
    for name in names:
        kind = next(t for t in _types() if f"self.{name} = {t.__name__}(scope)" in hints)
        for method, _code in inspect.getmembers(kind, _asks):
            if not method.startswith("_"):
                found.add(f"{name}.{method}")
    assert not vars(work)
    return found


def _asks(thing: Any) -> bool:
    return inspect.iscoroutinefunction(thing) or inspect.isasyncgenfunction(thing)


def _types() -> list[type]:
    import mien.store.work

    return [t for t in vars(mien.store.work).values() if inspect.isclass(t)]


def test_every_method_is_tried() -> None:
    assert methods() == {name.split(" ")[0] for name in REFUSED} | set(EMPTY) | OWN


async def test_another_tenant_is_refused_everything_and_changes_nothing(
    store: Store, organisation: UUID, other: UUID
) -> None:
    theirs = await fill(store, other)
    before = await everything(store, other)
    for name, attempt in REFUSED.items():
        async with store.begin(organisation) as work:
            with pytest.raises((NotFoundError, ConflictError)):
                assert await attempt(work, theirs) is LET_IN, name
    async with store.begin(organisation) as work:
        for name, attempt in EMPTY.items():
            shown = await attempt(work, theirs)
            assert not (getattr(shown, "items", shown) if "ingest" not in name else shown.stored), name
        hooks = await work.deliveries.publish("session.ended", {})
        assert hooks == ()
    assert await everything(store, other) == before


async def test_a_session_of_another_cannot_be_told_about(store: Store, organisation: UUID, other: UUID) -> None:
    theirs = await fill(store, other)
    async with store.begin(organisation) as work:
        await work.webhooks.add("https://mine.example", b"s" * 16, ["*"])
        with pytest.raises(ConflictError, match="the session is not here"):
            await work.deliveries.publish("session.ended", {}, session_id=theirs.session)


async def everything(store: Store, organisation: UUID) -> dict[str, list[Any]]:
    """Every row of an organisation."""
    async with store._engine.connect() as connection:
        return {
            table.name: sorted(
                map(repr, (await connection.execute(sa.select(table).where(column == organisation))).all())
            )
            for table in tables.metadata.sorted_tables
            if (column := table.c.get("organisation_id")) is not None
        }


async def test_every_statement_of_a_unit_of_work_names_its_organisation(
    store: Store, organisation: UUID, other: UUID
) -> None:
    theirs = await fill(store, other)
    seen: list[tuple[str, str]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        seen.append((statement, repr(parameters)))

    mine = organisation.hex
    event.listen(store._engine.sync_engine, "before_cursor_execute", note)
    for attempt in (*REFUSED.values(), *EMPTY.values()):
        async with store.begin(organisation) as work:
            try:
                await attempt(work, theirs)
            except (NotFoundError, ConflictError):
                continue
    event.remove(store._engine.sync_engine, "before_cursor_execute", note)
    about_rows = [
        (s, p)
        for s, p in seen
        if any(f" {table} " in f"{s} " or f" {table}\n" in s for table in tables.metadata.tables)
    ]
    assert len(about_rows) > len(REFUSED)
    for statement, parameters in about_rows:
        assert mine in parameters.replace("-", ""), statement


async def test_the_database_itself_refuses_a_row_that_points_into_another_organisation(
    store: Store, organisation: UUID, other: UUID
) -> None:
    theirs = await fill(store, other)
    row = {"organisation_id": organisation, "id": theirs.version, "title_id": theirs.title, "name": "mine"}
    async with store._engine.connect() as connection:
        with pytest.raises(sa.exc.IntegrityError):
            await connection.execute(sa.insert(tables.versions).values(**row, created_at=(await _now(store))))


async def _now(store: Store) -> Any:
    return store._clock.now()


def test_every_reference_between_tenants_tables_holds_the_organisation() -> None:
    loose = [
        f"{table.name}: {constraint.column_keys}"
        for table in tables.metadata.sorted_tables
        for constraint in table.foreign_key_constraints
        if constraint.referred_table.name != "organisations" and "organisation_id" not in constraint.column_keys
    ]
    assert loose == []


@pytest.mark.parametrize("path", sorted(REPOSITORIES.glob("*.py")), ids=lambda p: p.stem)
def test_repositories_make_statements_through_their_scope_only(path: Path) -> None:
    """``sa.select`` around what the scope made (a subquery) is the one exception, and names no table."""
    made = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sqlalchemy"):
            made += [a.name for a in node.names]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_sqlalchemy = isinstance(node.func.value, ast.Name) and node.func.value.id == "sa"
            if of_sqlalchemy and node.func.attr in {"select", "insert", "update", "delete", "text"}:
                made.append(ast.unparse(node))
    allowed = {"snapshots": ["sa.select(sa.func.string_agg(rows.c.figures, sa.literal(b'', sa.LargeBinary)))"]}
    assert made == allowed.get(path.stem, [])
