"""Studies whose sessions are in the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import numpy as np

from mien.core.audience import AudienceSnapshot, EmotionPercents
from mien.core.findings import MetricSample, SampleLog
from mien.core.labels import EMOTIONS
from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.settings import PROFILES
from mien.store.repositories.sessions import SessionDraft
from tests.service.support import Service

STEP = 0.5
STEPS = 24
FEAR = EMOTIONS.index("fear")


FRONT = "seat:front"


@dataclass
class Study:
    """A study of two cuts, and its sessions in the store."""

    service: Service
    title: str
    id: str
    versions: dict[str, str]
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    async def watched(
        self,
        version: str,
        count: int,
        segments: dict[str, str] | None = None,
        *,
        planted: float = 0.0,
        scopes: tuple[str, ...] = ("measure", "segments"),
        ends: bool = True,
        metric: str | None = None,
        times: int = 1,
    ) -> list[UUID]:
        """Respondents, each with ``times`` sessions of fear; ``planted`` points more from step 8 to 16."""
        grant = authorise(Declaration(Purpose.AUDIENCE_RESEARCH, Basis.CONSENT), PROFILES["panel"])
        made = []
        respondent = consent = None
        for number in range(count * times):
            fear = np.clip(30 + self.rng.normal(0, 4) + self.rng.normal(0, 6, STEPS), 5, 60)
            fear[8:16] += planted
            async with self.service.parts.store.begin(self.service.organisation) as work:
                if respondent is None or consent is None or number % times == 0:
                    respondent = await work.respondents.add(segments or {})
                    consent = await work.consents.give(respondent.id, bytes(32), scopes)
                draft = SessionDraft(
                    grant, "studio6", STEP, 30, UUID(self.versions[version]), UUID(self.id), respondent.id, consent.id
                )
                session = await work.sessions.begin(draft)
                told = [snapshot(str(session.id), k, float(value)) for k, value in enumerate(fear)]
                ingested = await work.snapshots.ingest(told)
                assert ingested.stored == STEPS
                if metric:
                    log = SampleLog(metric, "points")
                    for k, value in enumerate(fear):
                        log.append(MetricSample(metric, k * STEP, float(value) / 2, coverage=1.0))
                    await work.samples.append(session.id, log)
            if ends:
                async with self.service.parts.store.begin(self.service.organisation) as work:
                    await work.sessions.end(session.id)
            made.append(session.id)
        return made


def snapshot(session_id: str, step: int, fear: float) -> AudienceSnapshot:
    shares = [0.0] * len(EMOTIONS)
    shares[FEAR], shares[0] = fear, 100 - fear
    return AudienceSnapshot(
        session_id=session_id,
        media_time=step * STEP,
        duration_seconds=STEP,
        suppressed=False,
        frames=15,
        present=1,
        readable=1,
        tracks=1,
        coverage=1.0,
        emotions=EmotionPercents.of(shares),
    )


async def asked(client: httpx.AsyncClient, study: Study, version: str = "A", **query: Any) -> httpx.Response:
    params = {"version_id": study.versions[version], "series": "fear", **query}
    return await client.get(f"/api/v1/studies/{study.id}/audience", params=params)


def comparison(study: Study, **changes: Any) -> dict[str, Any]:
    versions = [{"version_id": study.versions[name]} for name in ("A", "B")]
    return {"versions": versions, "series": ["fear"], "shuffles": 199, **changes}
