"""How workers work and what decoding may cost."""

from __future__ import annotations

from pydantic import Field

from mien.core.settings import Settings


class DecodingOptions(Settings):
    """What the process that reads one upload may use. What exceeds it ends the job with a problem, not the worker."""

    memory_bytes: int = Field(3 << 30, ge=1 << 28)
    """Address space of the process: libraries and networks take 0.9 GB of it before the first frame."""
    cpu_seconds: int = Field(14_400, ge=1)
    """Processor time."""
    wall_seconds: float = Field(7_200.0, gt=0)
    """Time by the clock."""
    max_pixels: int = Field(4096 * 2304, gt=0)
    """Largest width × height of a recording."""
    max_total_pixels: float = Field(4e12, gt=0)
    """Largest width × height × frames: four hours of 1080p at 60 frames a second is 1.8e12."""
    max_result_bytes: int = Field(2 << 30, ge=1 << 20)
    """Of one file that is made on request, such as an annotated video; it lies in memory while it is made."""
    threads: int = Field(1, ge=1, le=64)
    """Of one graph."""


class WorkerOptions(Settings):
    """How one worker process works.

    Its ``slots`` are the jobs it does at once; each decoding job has a process of its own beside it.
    """

    slots: int = Field(1, ge=1, le=64)
    """Jobs at once."""
    lease_seconds: float = Field(30.0, gt=0.5, le=600)
    """How long the worker may be silent before others take its jobs."""
    poll_seconds: float = Field(0.5, gt=0, le=60)
    """How often an idle worker looks for jobs."""
    drain_seconds: float = Field(20.0, ge=0, le=600)
    """How long jobs may go on after SIGTERM before they are handed back."""
    sweep_seconds: float = Field(60.0, gt=0)
    """How often the spool is swept."""
    orphan_seconds: float = Field(3600.0, ge=0)
    """A spooled file without a row is removed after so long."""
    decoding: DecodingOptions = DecodingOptions()


class SpoolOptions(Settings):
    """How long things stay in the spool."""

    upload_seconds: float = Field(86_400.0, gt=0)
    """An upload that no job reads, from when it was begun."""
    job_seconds: float = Field(3 * 86_400.0, gt=0)
    """One that a job is to read; it goes with the job's end, and after this in any case."""
    result_seconds: float = Field(86_400.0, gt=0)
    """Files that show or list single people."""
