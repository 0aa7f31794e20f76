"""A client that a generator made of the description alone, with nothing written by hand, uses a running service.

What is generated has a type for every payload; the generator is told one thing that it cannot know: that the pieces
of resumable uploads are bytes.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from mien.report.document import build_report
from mien.service.app import create_app
from mien.service.parts import ServiceParts
from tests.report.factory import CREATED, analysis_of, percents, steps_of
from tests.service.support import PASSWORD, Service, listening

PACKAGE = "mien_client"
CONFIG = {
    "post_hooks": [],
    "content_type_overrides": {"application/offset+octet-stream": "application/octet-stream"},
}
FREE = {"AuditEntry.detail", "DeliveryContent.data", "Job.result", "StoredShape.json_schema"}
"""Fields whose keys are of many kinds: what each action, event, job and table tells."""


@pytest.fixture
def generated(parts: ServiceParts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports modules of the generated package."""
    description, config, package = tmp_path / "openapi.json", tmp_path / "config.json", tmp_path / PACKAGE
    description.write_text(json.dumps(create_app(parts).openapi()))
    config.write_text(json.dumps(CONFIG))
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning", "--meta", "none"]
    given = ["--path", str(description), "--config", str(config), "--output-path", str(package)]
    made = subprocess.run([*command, *given], capture_output=True, text=True, timeout=120, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}")
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


async def test_a_generated_client_signs_in_measures_and_reads(service: Service, generated: Any) -> None:
    models, client_module = generated("models"), generated("client")
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(listening(service.app))
        asked = models.SignIn(name="analyst", password=PASSWORD)
        async with client_module.Client(base_url=address) as nobody:
            signed_in = await generated("api.auth.sign_in").asyncio(client=nobody, body=asked)
        assert isinstance(signed_in, models.SignedIn)
        client = client_module.AuthenticatedClient(base_url=address, token=signed_in.access_token)
        await stack.enter_async_context(client)

        wanted = models.NewSession(purpose=models.Purpose.AUDIENCE_RESEARCH, basis=models.Basis.NOTICE)
        session = await generated("api.sessions.begin_session").asyncio(client=client, body=wanted)
        assert isinstance(session, models.Session)

        emotions = {"neutral": 30.0, "fear": 60.0, "surprise": 10.0}
        snapshots = [
            models.AudienceSnapshot(
                session_id=str(session.id), media_time=0.5 * step, duration_seconds=0.5, suppressed=False, frames=12,
                present=40, readable=30, tracks=31, coverage=0.75, emotions=models.EmotionPercents.from_dict(
                    {name: emotions.get(name, 0.0) for name in models.EmotionPercents.__annotations__
                     if name != "additional_properties"}
                ),
            )
            for step in range(4)
        ]  # fmt: skip
        taken = await generated("api.sessions.add_snapshots").asyncio(client=client, body=snapshots)
        assert (taken.accepted, taken.refused) == (4, [])

        timeline = await generated("api.results.get_timeline").asyncio(session.id, client=client)
        assert isinstance(timeline, models.TimelineDocument)
        assert timeline.columns.time_seconds == [0.0, 0.5, 1.0, 1.5]
        assert timeline.columns.emotions.fear == [60.0] * 4
        assert timeline.columns.readable == [30] * 4

        told = build_report(analysis_of(steps_of([percents(fear=40.0)] * 8)), CREATED)
        async with service.parts.store.begin(service.organisation) as work:
            stored = await work.reports.add("report", told.model_dump(mode="json"), session_id=session.id)
        report = await generated("api.results.read_report").asyncio(stored.id, client=client)
        assert isinstance(report, models.ReportDocument)
        assert (report.headline, len(report.timeline)) == (told.headline, 8)
        assert report.distribution.canonical[0].label in {level.label for level in told.distribution.canonical}

        missing = await generated("api.sessions.get_session").asyncio(signed_in.user.id, client=client)
        assert isinstance(missing, models.ProblemDetails)
        assert missing.status == 404


async def test_no_payload_is_an_object_that_nothing_is_known_of(parts: ServiceParts) -> None:
    described = create_app(parts).openapi()
    bare = set(_bare(described["paths"], "paths"))
    for name, shape in described["components"]["schemas"].items():
        bare |= {".".join(where.split(".")[:2]) for where in _bare(shape.get("properties", {}), name)}
    assert {
        where for where in bare if "export_respondent" not in where and "respondent_id}.export" not in where
    } == FREE


def _bare(shape: Any, where: str) -> Iterator[str]:
    if isinstance(shape, list):
        for one in shape:
            yield from _bare(one, where)
    elif isinstance(shape, dict):
        if (
            shape.get("type") == "object"
            and not shape.get("properties")
            and shape.get("additionalProperties") in (None, True)
        ):
            yield where
        for name, value in shape.items():
            yield from _bare(value, f"{where}.{name.strip('/').replace('/', '.')}")
