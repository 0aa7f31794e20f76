"""Uploads, jobs, and what is asked of an analysis."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema, field_validator

from mien.core.errors import SettingsError
from mien.core.labels import LABEL_SETS
from mien.core.operating import PointName
from mien.core.policy import Basis, Purpose
from mien.core.settings import PROFILES, Emotion, Profile
from mien.service.schemas.fields import Time
from mien.service.work.requests import Backends, Declared, Measurement, PersonalFile, Speech
from mien.store import records
from mien.store.file_records import SpooledFile
from mien.store.records import JobState


class Upload(BaseModel):
    """A recording on its way in, or waiting for a job."""

    id: UUID
    offset_bytes: int = Field(description="So much of it is here, safe from a crash.")
    length_bytes: int | None
    complete: bool
    media_type: str | None = Field(description="By its content; null until it is complete.")
    job_id: UUID | None = Field(description="The job that reads it; it is erased when that ends.")
    created_at: Time
    expires_at: Time

    @classmethod
    def of(cls, file: SpooledFile, offset_bytes: int) -> Upload:
        """As it is answered."""
        return cls(
            id=file.id,
            offset_bytes=offset_bytes,
            length_bytes=file.length_bytes,
            complete=file.complete,
            media_type=file.media_type,
            job_id=file.job_id,
            created_at=file.created_at,
            expires_at=file.delete_after,
        )


class PersonalResult(BaseModel):
    """A file that shows or lists single people. It lies encrypted, for a short time."""

    id: UUID
    session_id: UUID | None
    name: str
    media_type: str | None
    length_bytes: int | None
    created_at: Time
    expires_at: Time

    @classmethod
    def of(cls, file: SpooledFile) -> PersonalResult:
        """As it is answered."""
        return cls(
            id=file.id,
            session_id=file.session_id,
            name=file.name,
            media_type=file.media_type,
            length_bytes=file.length_bytes,
            created_at=file.created_at,
            expires_at=file.delete_after,
        )


class PersonalFileMade(BaseModel):
    """A file that shows or lists single people."""

    name: str
    result_id: UUID = Field(description="At `/personal_results/{id}/content`.")


class AnalysisResult(BaseModel):
    """What a job of the kind `analysis` came to; its reports are listed by its session."""

    session_id: UUID
    complete: bool
    stopped_because: str | None
    files: list[str]
    personal_files: list[PersonalFileMade]
    notes: list[str]


class AnnotatedVideoResult(BaseModel):
    """What a job of the kind `annotated_video` came to."""

    complete: bool
    personal_files: list[PersonalFileMade]
    notes: list[str]


class SessionReportResult(BaseModel):
    """What a job of the kind `session_report` came to; its reports are listed by its session."""

    session_id: UUID
    complete: bool
    sources: list[str]
    moments: int


class ExportResult(BaseModel):
    """What a job of the kind `export` came to: the report has the file now."""

    report_id: UUID
    name: str


class ComparisonResult(BaseModel):
    """What a job of the kind `comparison` came to: at `/studies/{study_id}/comparisons/{comparison_id}`."""

    study_id: UUID
    comparison_id: UUID


JOB_RESULTS: Final = (AnalysisResult, AnnotatedVideoResult, SessionReportResult, ExportResult, ComparisonResult)
_RESULT: Final = {
    "anyOf": [
        *({"$ref": f"#/components/schemas/{model.__name__}"} for model in JOB_RESULTS),
        {"type": "object", "additionalProperties": True},
        {"type": "null"},
    ],
    "description": "By the job's kind; null while it has not ended.",
}


class Job(BaseModel):
    """Work to be done once."""

    id: UUID
    kind: str
    session_id: UUID | None
    state: JobState
    progress: float = Field(ge=0, le=1)
    note: str | None = Field(description="What is being done.")
    attempts: int
    max_attempts: int
    cancel_requested: bool
    error: str | None = Field(description="Why the last attempt failed, or why it was cancelled.")
    result: Annotated[dict[str, Any] | None, WithJsonSchema(_RESULT)]
    created_at: Time
    started_at: Time | None
    finished_at: Time | None

    @classmethod
    def of(cls, job: records.Job) -> Job:
        """As it is answered."""
        return cls(
            id=job.id,
            kind=job.kind,
            session_id=job.session_id,
            state=job.state,
            progress=job.progress,
            note=job.progress_note,
            attempts=job.attempts,
            max_attempts=job.max_attempts,
            cancel_requested=job.cancel_requested,
            error=job.error,
            result=None if job.result is None else dict(job.result),
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
        )


Share = Annotated[float, Field(gt=0, lt=1)]


class Measured(BaseModel):
    """How a recording is measured: what ``mien analyze`` offers of it. What is left out is as the profile has it."""

    model_config = ConfigDict(extra="forbid")

    upload_id: UUID
    purpose: Purpose
    basis: Basis | None = None
    jurisdiction: str | None = Field(None, min_length=2, max_length=8, description="ISO 3166, or EU.")
    exception: str | None = Field(None, min_length=1, max_length=2000, description="Of a restricted purpose.")
    profile: str = "interview"
    label_set: str | None = None
    sample_hz: float | None = Field(None, gt=0, le=1000)
    every_nth: int | None = Field(None, ge=1)
    detect_every: int | None = Field(None, ge=1)
    read_hz: float | None = Field(None, gt=0)
    step_seconds: float | None = Field(None, ge=0, le=3600)
    min_group: int | None = Field(None, ge=1)
    min_face_px: float | None = Field(None, ge=0)
    max_faces: int | None = Field(None, ge=1, le=1000)
    threshold: Share | None = None
    tile_px: int | None = Field(None, ge=128)
    smoothing_seconds: float | None = Field(None, ge=0, le=3600)
    operating_point: PointName | None = None
    leave_out: tuple[Emotion, ...] | None = Field(None, description="Emotions that are not to be told.")
    detector: Literal["yunet", "centerface", "mtcnn", "blazeface"] | None = None

    @field_validator("profile")
    @classmethod
    def _is_profile(cls, name: str) -> str:
        if name not in PROFILES:
            raise ValueError(f"choose one of {', '.join(PROFILES)}")
        return name

    @field_validator("label_set")
    @classmethod
    def _is_label_set(cls, name: str | None) -> str | None:
        if name is not None and name not in LABEL_SETS:
            raise ValueError(f"choose one of {', '.join(LABEL_SETS)}")
        return name

    def measurement(
        self, *, personal_files: tuple[PersonalFile, ...] = (), speech: Speech | None = None
    ) -> Measurement:
        """As workers are told it.

        Raises:
            SettingsError: settings that make no sense together.
        """
        if self.sample_hz is not None and self.every_nth is not None:
            raise SettingsError("sample_hz and every_nth say different things: give one of them.")
        return Measurement(
            profile=self._settings(),
            declared=Declared(
                purpose=self.purpose, basis=self.basis, jurisdiction=self.jurisdiction, exception=self.exception
            ),
            backends=Backends(detector=self.detector),
            keep_step=self.step_seconds is not None,
            personal_files=personal_files,
            speech=speech,
        )

    def _settings(self) -> Profile:
        document = PROFILES[self.profile].model_dump()
        sections: dict[str, dict[str, Any]] = {
            "sampling": {"sample_hz": self.sample_hz, "every_nth": self.every_nth},
            "detection": {
                "detect_every": self.detect_every,
                "max_faces": self.max_faces,
                "threshold": self.threshold,
                "tile_px": self.tile_px,
            },
            "quality": {"min_face_px": self.min_face_px},
            "reading": {"hz": self.read_hz},
            "smoothing": {"seconds": self.smoothing_seconds, "operating_point": self.operating_point},
            "audience": {
                "label_set": self.label_set,
                "step_seconds": self.step_seconds,
                "min_group": self.min_group,
                "left_out": self.leave_out,
            },
        }
        for section, values in sections.items():
            document[section].update({name: value for name, value in values.items() if value is not None})
        try:
            return Profile.model_validate(document)
        except ValidationError as error:
            first = error.errors()[0]
            raise SettingsError(f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}") from error


class NewAnalysis(Measured):
    """An analysis to be."""

    retention_days: int = Field(30, ge=1, le=3650, description="Results are kept so long.")
    version_id: UUID | None = Field(None, description="What was watched.")
    study_id: UUID | None = None
    respondent_id: UUID | None = None
    consent_id: UUID | None = None
    personal_files: tuple[PersonalFile, ...] = Field(
        (), max_length=3, description="Files that show or list single people: one's own footage, or consent."
    )
    speech: bool = Field(False, description="Also tell what was said (extra [speech]). A transcript may name people.")
    language: str | None = Field(
        None, pattern=r"^[a-z]{2,3}$", description="That is spoken; null tells it from the sound."
    )
    sources: bool = Field(False, description="Also look for scholarly works: key terms, and nothing else, leave.")


class NewAnnotatedVideo(Measured):
    """An annotated video of one's own footage to be."""


class Report(BaseModel):
    """A stored report without its content."""

    id: UUID
    session_id: UUID | None
    study_id: UUID | None
    kind: str
    sha256: str
    created_at: Time

    @classmethod
    def of(cls, report: records.ReportRecord) -> Report:
        """As it is answered."""
        return cls(
            id=report.id,
            session_id=report.session_id,
            study_id=report.study_id,
            kind=report.kind,
            sha256=report.sha256.hex(),
            created_at=report.created_at,
        )


class NewExport(BaseModel):
    """A file of a report to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Literal["report.pdf", "timeline.parquet"]


class Export(BaseModel):
    """A form in which a report can be had."""

    name: str = Field(description="Last part of its path.")
    media_type: str
    available: bool = Field(description="False where this service lacks what makes it.")


class Exports(BaseModel):
    """Forms in which a report can be had."""

    files: list[Export]
    markers: list[str] = Field(description="Formats for edit suites: `markers/{format}`.")
