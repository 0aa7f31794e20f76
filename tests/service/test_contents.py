"""What was said in a recording and its sources, from the stored report."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.settings import PROFILES
from mien.report.document import build_report
from mien.store.repositories.sessions import SessionDraft
from tests.report.factory import CREATED, hall
from tests.report.talks import talk
from tests.service.support import Service


async def analysed(service: Service, *, content: bool = True, report: bool = True) -> UUID:
    """A session, with a report of a talk."""
    grant = authorise(Declaration(Purpose.AUDIENCE_RESEARCH, Basis.NOTICE), PROFILES["cinema"])
    async with service.parts.store.begin(service.organisation) as work:
        session = await work.sessions.begin(SessionDraft(grant, "cinema7", 0.5, 30))
        if report:
            told = build_report(hall(), CREATED, content=talk() if content else None)
            await work.reports.add("report", {"content": None}, session_id=session.id)
            await work.reports.add("report", told.model_dump(mode="json"), session_id=session.id)
    return session.id


async def test_what_was_said_and_felt_is_told_from_the_latest_report(service: Service) -> None:
    session = await analysed(service)
    async with service.client("viewer") as client:
        answer = await client.get(f"/api/v1/sessions/{session}/content")
        sources = await client.get(f"/api/v1/sessions/{session}/sources")
    assert answer.status_code == sources.status_code == 200
    told = answer.json()
    assert told["segments"]
    assert told["transcript"]["words"] > 0
    assert sources.json() == {name: told[name] for name in ("terms", "sources", "searches")}
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        entries = (await work.audit.list()).items
    assert [(e.action, e.subject) for e in entries] == [
        ("content.read", str(session)),
        ("sources.read", str(session)),
    ]


@pytest.mark.parametrize("options", [{"content": False}, {"report": False}])
async def test_where_nobody_asked_for_it_there_is_none(service: Service, options: dict[str, bool]) -> None:
    session = await analysed(service, **options)
    async with service.client("viewer") as client:
        for what in ("content", "sources"):
            answer = await client.get(f"/api/v1/sessions/{session}/{what}")
            assert answer.status_code == 404
            assert "analysed" in answer.json()["detail"]


async def test_another_organisation_learns_nothing(service: Service) -> None:
    session = await analysed(service)
    async with service.client("other_admin") as other:
        theirs = await other.get(f"/api/v1/sessions/{session}/content")
        nobodys = await other.get(f"/api/v1/sessions/{uuid4()}/content")
    assert theirs.status_code == nobodys.status_code == 404
