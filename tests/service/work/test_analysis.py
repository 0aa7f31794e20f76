"""An upload becomes a session's results, once, and leaves nothing but them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from uuid import UUID

import pytest

from mien.service.work.handlers import all_handlers, kinds
from mien.service.work.tasks import Tools
from mien.store.file_records import SpooledKind
from mien.store.records import JobState, SessionState
from mien.store.repositories.jobs import JobOptions
from tests.service.work.support import large_pictures, order_analysis, until_final, upload
from tests.service.work.test_worker import working
from tests.sources.media import write_video


@pytest.fixture
def short(tmp_path: Path) -> bytes:
    return write_video(tmp_path / "short.mp4", [i / 10 for i in range(20)]).read_bytes()


async def test_what_was_found_lies_in_the_session(tools: Tools, organisation: UUID, short: bytes) -> None:
    sent = await upload(tools, organisation, short)
    job = await order_analysis(tools, organisation, sent, personal_files=("annotated.mp4",))
    assert job.session_id is not None
    async with working(tools, all_handlers(), []):
        done = await until_final(tools, organisation, job.id)
    assert done.state is JobState.DONE, done.error
    async with tools.store.begin(organisation, read_only=True) as work:
        session = await work.sessions.get(job.session_id)
        snapshots = await work.snapshots.read(job.session_id)
        [report] = (await work.reports.list(session_id=job.session_id)).items
        content = await work.reports.content(report.id)
        files = (await work.report_files.list(report_id=report.id)).items
        page = await work.report_files.content(next(f.id for f in files if f.name == "report.html"))
        [kept] = (await work.spooled_files.list()).items
        series = await work.samples.series(job.session_id)
    assert (session.state, session.step_seconds) == (SessionState.ENDED, 0.0)
    assert len(snapshots) == 20
    told = json.loads(content)
    assert told["session"]["session_id"] == str(job.session_id)
    assert told["provenance"]["input"]["name"] == "recording.mp4"
    assert len(told["timeline"]) == 20
    assert report.sha256 == hashlib.sha256(content).digest()
    assert {file.name for file in files} == {"report.html", "timeline.csv"}
    assert page.startswith(b"<!doctype html>")
    assert "shock" in series
    assert (kept.kind, kept.name, kept.complete) == (SpooledKind.RESULT, "annotated.mp4", True)
    assert tools.spool.ids() == (kept.id,), "the upload is gone, the annotated video is encrypted"
    video = b"".join(tools.spool.read(tools.spool.key(kept.id, kept.sealed_key)))
    assert video[4:8] == b"ftyp"
    assert (done.result or {})["personal_files"] == [{"name": "annotated.mp4", "result_id": str(kept.id)}]


async def test_a_bomb_fails_at_once_in_words_and_leaves_nothing(
    tools: Tools, organisation: UUID, tmp_path: Path
) -> None:
    sent = await upload(tools, organisation, large_pictures(tmp_path / "bomb.mp4"))
    job = await order_analysis(tools, organisation, sent, JobOptions(backoff_seconds=0.0))
    async with working(tools, all_handlers(), []):
        failed = await until_final(tools, organisation, job.id)
    assert (failed.state, failed.attempts) == (JobState.FAILED, 1)
    assert "declares pictures of 8192×8192" in (failed.error or "")
    assert tools.spool.ids() == ()


async def test_an_altered_upload_is_not_analysed(tools: Tools, organisation: UUID, short: bytes) -> None:
    sent = await upload(tools, organisation, short)
    path = tools.spool.folder / f"{sent}.spool"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    job = await order_analysis(tools, organisation, sent)
    async with working(tools, all_handlers(), []):
        failed = await until_final(tools, organisation, job.id)
    assert (failed.state, failed.attempts) == (JobState.FAILED, 1)
    assert "altered" in (failed.error or "")
    assert tools.spool.ids() == ()


async def test_a_second_run_of_the_same_job_doubles_nothing(tools: Tools, organisation: UUID, short: bytes) -> None:
    """The first run dies between storing snapshots and completing; the second stores the same ones again."""
    from mien.service.work.handlers import analysis

    class DiesOnce:
        died = False

        async def handle(self, task):  # type: ignore[no-untyped-def]
            finish = await analysis.handle(task)
            if not self.died:
                self.died = True
                raise OSError("the power went")
            return finish

    sent = await upload(tools, organisation, short)
    job = await order_analysis(tools, organisation, sent, JobOptions(backoff_seconds=0.0))
    assert job.session_id is not None
    async with working(tools, {"analysis": DiesOnce()}, []):
        done = await until_final(tools, organisation, job.id)
    assert (done.state, done.attempts) == (JobState.DONE, 2)
    async with tools.store.begin(organisation, read_only=True) as work:
        assert len(await work.snapshots.read(job.session_id)) == 20
        assert len((await work.reports.list(session_id=job.session_id)).items) == 1


async def test_deleting_the_session_takes_files_and_keys_with_it(
    tools: Tools, organisation: UUID, short: bytes
) -> None:
    sent = await upload(tools, organisation, short)
    job = await order_analysis(tools, organisation, sent, personal_files=("faces.csv",))
    assert job.session_id is not None
    async with working(tools, all_handlers(), []):
        await until_final(tools, organisation, job.id)
        async with tools.store.begin(organisation) as work:
            proof = await work.sessions.delete(job.session_id, "user:1")
        while tools.spool.ids():
            await asyncio.sleep(0.05)
            await _forget_age(tools)
    assert proof.counts["report_files"] == 2
    assert proof.counts["spooled_files"] == 1


async def _forget_age(tools: Tools) -> None:
    """The sweep leaves young files alone; a test does not wait an hour."""
    from mien.service.work.sweeping import sweep_orphans

    await sweep_orphans(tools.store, tools.spool, older_than_seconds=0)


def test_kinds_are_the_files_of_the_folder() -> None:
    assert set(kinds()) >= {"analysis", "annotated_video"}
    assert set(all_handlers()) == set(kinds())
