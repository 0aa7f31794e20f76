"""What is asked of an analysis: the payload of its job, and what the limited process is told on its standard input."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from mien.assembly import DEFAULT_HEAD_POSE, Choices
from mien.core.policy import Basis, Declaration, Purpose
from mien.core.settings import Profile, Settings

PersonalFile = Literal["annotated.mp4", "faces.csv", "fex.csv"]
"""Files that show or list single people, each on explicit request."""


class Declared(Settings):
    """What the operator declared; see :class:`mien.core.policy.Declaration`."""

    purpose: Purpose
    basis: Basis | None = None
    jurisdiction: str | None = Field(None, max_length=8)
    exception: str | None = Field(None, max_length=2000)

    def declaration(self) -> Declaration:
        """For the policy gate."""
        return Declaration(self.purpose, self.basis, self.jurisdiction, self.exception)


class Backends(Settings):
    """Which backends to use; see :class:`mien.assembly.Choices`. Models that ship only: no path is taken."""

    detector: Literal["yunet", "centerface", "mtcnn", "blazeface"] | None = None
    classifier: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    head_pose: str = Field(DEFAULT_HEAD_POSE, pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")

    def choices(self) -> Choices:
        """For the assembly."""
        return Choices(self.detector, self.classifier, self.head_pose)


class Speech(Settings):
    """What was said is to be told too."""

    language: str | None = Field(None, pattern=r"^[a-z]{2,3}$")
    """Code of what is spoken; None tells it from the sound."""
    sources: bool = False
    """Also look for scholarly works: key terms, and nothing else, leave the machine."""


class Measurement(Settings):
    """How a recording is measured."""

    profile: Profile
    declared: Declared
    backends: Backends = Backends()
    keep_step: bool = False
    """The timeline's step was asked for: a short recording is not told frame by frame."""
    personal_files: tuple[PersonalFile, ...] = ()
    speech: Speech | None = None


class AnalysisOrder(Settings):
    """The payload of an analysis job."""

    upload_id: UUID
    measurement: Measurement


class SessionReportOrder(Settings):
    """The payload of a job that reports of a live session; the job names the session."""

    forgotten: bool = False
    """Nobody ended it."""


class ExportOrder(Settings):
    """The payload of a job that makes a file of a report."""

    report_id: UUID
    name: Literal["report.pdf", "timeline.parquet"]


class DecodingRequest(Settings):
    """What the limited process is to do.

    Its input is a sealed memory file that it inherits: nothing of the recording has a name.
    """

    input_handle: int = Field(ge=3)
    """Descriptor of the recording."""
    output_handle: int = Field(ge=3)
    """Descriptor of the pipe for messages."""
    parent: int
    """Process that started it."""
    name: str
    """What the recording is called in reports."""
    demuxer: str
    """FFmpeg's, which is given no choice."""
    session_id: str
    created: AwareDatetime
    measurement: Measurement
    threads: int = 1
    documents: bool = True
    """Whether reports are made; otherwise the personal files alone."""
    memory_bytes: int
    cpu_seconds: int
    file_bytes: int


def as_payload(order: Settings) -> dict[str, object]:
    """Plain JSON values of a job's payload."""
    return order.model_dump(mode="json")
