"""Analyses of uploads: jobs whose results land in a session of their own."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Response

from mien.core.errors import PolicyError, SettingsError
from mien.core.policy import Basis, permit_personal_files
from mien.service.dependencies import Parts, RequireAnalyst, Writing
from mien.service.permissions import note_exception, permit
from mien.service.problems import responses
from mien.service.schemas.work import Job, NewAnalysis, NewAnnotatedVideo
from mien.service.work.requests import AnalysisOrder, Measurement, Speech, as_payload
from mien.store.records import FILLS
from mien.store.repositories.jobs import JobOptions
from mien.store.repositories.sessions import SessionDraft
from mien.store.work import Work

router = APIRouter(prefix="/api/v1", tags=["analyses"])

JOBS: Final = "/api/v1/jobs"
ACCEPTED: Final[dict[int | str, dict[str, Any]]] = responses(404, 409)


@router.post("/analyses", operation_id="begin_analysis", status_code=202, responses=ACCEPTED)
async def begin_analysis(
    caller: RequireAnalyst, parts: Parts, work: Writing, response: Response, asked: NewAnalysis
) -> Job:
    """Measure an upload. Follow the job; its session holds the results, and the upload is erased when it ends."""
    speech = None
    if asked.speech:
        _require_speech()
        speech = Speech(language=asked.language, sources=asked.sources)
    elif asked.sources or asked.language is not None:
        raise SettingsError("sources and language belong to speech: ask for it, or leave them out.")
    measurement = asked.measurement(personal_files=asked.personal_files, speech=speech)
    grant = permit(caller, measurement.declared.declaration(), measurement.profile)
    if asked.personal_files:
        permit_personal_files(grant.declaration)
    audience = measurement.profile.audience
    session = await work.sessions.begin(
        SessionDraft(
            grant,
            audience.label_set,
            audience.step_seconds,
            asked.retention_days,
            version_id=asked.version_id,
            study_id=asked.study_id,
            respondent_id=asked.respondent_id,
            consent_id=asked.consent_id,
        )
    )
    detail = {"purpose": asked.purpose.value, "profile": asked.profile}
    await work.audit.record(caller.actor, "session.begun", "session", session.id, detail)
    await note_exception(work, caller, grant, "session", session.id)
    await work.deliveries.publish("session.started", {"session_id": str(session.id)}, session_id=session.id)
    job = await _enqueue(work, parts.settings.job_keep_seconds, FILLS, asked.upload_id, measurement, session.id)
    response.headers["Location"] = f"{JOBS}/{job.id}"
    return job


@router.post("/annotated_videos", operation_id="begin_annotated_video", status_code=202, responses=ACCEPTED)
async def begin_annotated_video(
    caller: RequireAnalyst, parts: Parts, work: Writing, response: Response, asked: NewAnnotatedVideo
) -> Job:
    """Make the annotated video of one's own footage, and store nothing else. It is kept encrypted, for a short time."""
    measurement = asked.measurement(personal_files=("annotated.mp4",))
    grant = permit(caller, measurement.declared.declaration(), measurement.profile)
    permit_personal_files(grant.declaration)
    if asked.basis is Basis.CONSENT:
        raise PolicyError(
            "an annotated video by itself is of one's own recording ('own_recording'). Under somebody's consent, begin "
            "an analysis that names it, with personal_files: 'annotated.mp4'."
        )
    job = await _enqueue(work, parts.settings.job_keep_seconds, "annotated_video", asked.upload_id, measurement, None)
    detail = {"purpose": asked.purpose.value, "basis": asked.basis.value if asked.basis else None}
    await work.audit.record(caller.actor, "annotated_video.begun", "job", job.id, detail)
    await note_exception(work, caller, grant, "job", job.id)
    response.headers["Location"] = f"{JOBS}/{job.id}"
    return job


async def _enqueue(
    work: Work, keep_seconds: float, kind: str, upload_id: UUID, measurement: Measurement, session_id: UUID | None
) -> Job:
    order = AnalysisOrder(upload_id=upload_id, measurement=measurement)
    options = JobOptions(timeout_seconds=6 * 3600.0)
    job = await work.jobs.enqueue(kind, as_payload(order), session_id=session_id, options=options)
    await work.spooled_files.hand_over(upload_id, job.id, session_id, keep_seconds)
    return Job.of(job)


def _require_speech() -> None:
    """Refuse at once what no worker could do.

    Raises:
        SettingsError: what listens is not installed.
    """
    from importlib.util import find_spec

    if find_spec("faster_whisper") is None:
        raise SettingsError("what was said cannot be told here: the service needs the extra [speech].")
