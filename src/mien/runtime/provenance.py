"""Where the figures of a run come from, told in one way by every executor."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Final

from mien import __version__
from mien.core.audience import CameraInput, FallbackUse, ModelIdentity, Provenance
from mien.core.faces import SourceInfo
from mien.core.settings import InferenceSettings
from mien.pipeline import Counts, Pipeline

SOFTWARE: Final = ("av", "numpy", "onnxruntime", "opencv-python-headless")
"""Distributions whose version can change a number; a report names them."""
SEVERAL: Final = "hall"
"""Kind of an input that is several cameras."""


@dataclass(frozen=True, slots=True)
class Fed:
    """One source that was read, and what read it.

    Attributes:
        info: of the source.
        pipeline: that read it.
        size: width and height of its frames, pixels, where the source did not know them.
        zones: parts of a hall that it shows; empty where it shows the whole audience.
        start_seconds: media time of the hall at its first moment.
    """

    info: SourceInfo
    pipeline: Pipeline
    size: tuple[int, int] | None = None
    zones: tuple[str, ...] = ()
    start_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run tells of itself beside its sources.

    Attributes:
        inference: how graphs run.
        execution_providers: what ran them.
        detector_note: why another detector than the preferred one ran, or None.
        settings: what was in force beside the profile, by name.
    """

    inference: InferenceSettings | None = None
    execution_providers: Sequence[str] = ()
    detector_note: str | None = None
    settings: Mapping[str, object] | None = None


def provenance_of(fed: Sequence[Fed], facts: RunFacts, stopped: str | None) -> Provenance:
    """Everything that stands behind a run's figures.

    Args:
        fed: its sources, one at least; their pipelines have the same networks.
        facts: the run's own.
        stopped: why it ended before its media did, or None.
    """
    first, infos = fed[0].pipeline, [one.info for one in fed]
    single = infos[0] if len(fed) == 1 else None
    size = (fed[0].size or (None, None)) if single else (None, None)
    ends = [
        i.duration_seconds + one.start_seconds
        for i, one in zip(infos, fed, strict=True)
        if i.duration_seconds is not None
    ]
    counts = [one.pipeline.counts for one in fed]
    hashes = [info.sha256 for info in infos]
    return Provenance(
        input_name=" + ".join(info.name for info in infos),
        input_kind=single.kind if single else SEVERAL,
        input_sha256=hashes[0] if single else None if None in hashes else digest(*hashes),
        width=(single.width or size[0]) if single else None,
        height=(single.height or size[1]) if single else None,
        duration_seconds=max(ends) if len(ends) == len(fed) else None,
        frame_rate=single.frame_rate if single else None,
        frames_read=sum(count.frames_read for count in counts),
        frames_detected=sum(count.frames_detected for count in counts),
        sightings=sum(count.sightings for count in counts),
        sightings_read=sum(count.sightings_read for count in counts),
        detector=ModelIdentity(first.detector.name, first.detector.sha256),
        classifier=ModelIdentity(first.classifier.name, first.classifier.sha256),
        detector_note=facts.detector_note,
        execution_providers=tuple(facts.execution_providers),
        software=software(),
        profile=first.profile.name,
        settings={**settings_of(first, facts.inference), **(facts.settings or {})},
        demo=any(info.demo for info in infos),
        stopped_because=stopped,
        cameras=tuple(
            CameraInput(i.name, i.kind, i.sha256, one.start_seconds, one.pipeline.counts.frames_read, one.zones)
            for i, one in zip(infos, fed, strict=True)
            if one.zones
        ),
        head_pose=(first.head_pose.name, first.head_pose.sha256),
        frames_brightened=sum(count.frames_brightened for count in counts),
        fallback=_fallback_of(first, counts),
    )


def _fallback_of(pipeline: Pipeline, counts: Sequence[Counts]) -> FallbackUse | None:
    second = pipeline.fallback
    if second is None:
        return None
    return FallbackUse(
        ModelIdentity(second.name, second.sha256),
        sum(count.frames_searched_again for count in counts),
        sum(count.frames_found_again for count in counts),
    )


def settings_of(pipeline: Pipeline, inference: InferenceSettings | None) -> dict[str, object]:
    """Every setting in force, as plain data."""
    return {
        **pipeline.profile.model_dump(mode="json"),
        "inference": (inference or InferenceSettings()).model_dump(),
    }


def digest(*told: object) -> str:
    """SHA-256 of plain data."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def software() -> dict[str, str]:
    """Versions of Mien, Python and what can change a number."""
    found = {"mien": __version__, "python": platform.python_version()}
    for name in SOFTWARE:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
