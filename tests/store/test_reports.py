from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

import pytest

from mien.core.findings import MetricSample, Moment, MomentKind, SampleLog
from mien.store.database import Store
from mien.store.errors import InvalidError
from tests.store.support import draft


async def begun(store: Store, organisation: UUID) -> UUID:
    async with store.begin(organisation) as work:
        return (await work.sessions.begin(draft())).id


async def test_a_report_comes_back_byte_for_byte_with_its_hash(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)
    document = {"title": "Größe", "figures": [{"slug": "epm_score", "value": 2.1}, None]}
    async with store.begin(organisation) as work:
        record = await work.reports.add("report", document, session_id=session)
        content = await work.reports.content(record.id)
        assert (await work.reports.list(session_id=session)).items == (record,)
    assert json.loads(content) == document
    assert hashlib.sha256(content).digest() == record.sha256


@pytest.mark.parametrize(
    "document",
    [
        {"faces": [{"face_box": [1, 2, 3, 4]}]},
        {"note": "data:image/png;base64,AAAA"},
        {"rows": [{"email": "a@example.org"}]},
        {"value": float("nan")},
        {"value": {1, 2}},
        {"pixels": b"\x00\x01"},
    ],
)
async def test_a_report_that_is_personal_or_no_json_is_refused(
    store: Store, organisation: UUID, document: dict[str, Any]
) -> None:
    session = await begun(store, organisation)
    async with store.begin(organisation) as work:
        with pytest.raises(InvalidError):
            await work.reports.add("report", document, session_id=session)
        assert (await work.reports.list()).items == ()


async def test_a_report_is_about_something(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        with pytest.raises(InvalidError, match="about a session or a study"):
            await work.reports.add("report", {})


async def test_an_audit_entrys_detail_is_impersonal(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        entry = await work.audit.record("user:7", "report.read", "report", organisation, {"bytes_sent": 12})
        assert await work.audit.get(entry.id) == entry
        with pytest.raises(InvalidError, match="the detail of an audit entry"):
            await work.audit.record("user:7", "report.read", "report", None, {"email": "a@example.org"})


async def test_samples_follow_each_other_and_each_stretch_is_stored_once(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)

    def stretch(start: float) -> SampleLog:
        log = SampleLog("shock_score", "points")
        for i in range(4):
            told = MetricSample(
                "shock_score", start + i * 0.5, None if i == 2 else i * 12.5, withheld="few" if i == 2 else None
            )
            log.append(told)
        return log

    async with store.begin(organisation) as work:
        assert await work.samples.append(session, stretch(2.0))
        assert await work.samples.append(session, stretch(0.0))
        assert not await work.samples.append(session, stretch(2.0))
        assert not await work.samples.append(session, SampleLog("shock_score", "points"))
        log = await work.samples.read(session, "shock_score")
        assert await work.samples.series(session) == ("shock_score",)
        assert len(await work.samples.read(session, "tension")) == 0
    assert [sample.media_time for sample in log] == [i * 0.5 for i in range(8)]
    assert (log.unit, log[6].withheld, log[6].value, log[7].value) == ("points", "few", None, 37.5)


async def test_moments_are_stored_once_and_read_in_order(store: Store, organisation: UUID) -> None:
    session = await begun(store, organisation)
    scare = Moment(MomentKind.SCARE, "shock", 60.0, 61.0, 62.0, 80.0, 60.0, 0.9, 30, 70.0, 90.0)
    peak = Moment(MomentKind.PEAK, "fear", 10.0, 11.0, 12.0, 50.0, 30.0, 0.8, 28)
    async with store.begin(organisation) as work:
        assert await work.moments.add(session, [scare, peak]) == 2
        assert await work.moments.add(session, [scare]) == 0
        assert await work.moments.add(session, []) == 0
        assert await work.moments.read(session) == (peak, scare)
        assert await work.moments.read(session, kind=MomentKind.SCARE) == (scare,)
