"""What end-to-end tests share: a command line in a process of its own, and sources made of frames in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mien.assembly import Choices, assemble
from mien.core.audience import Analysis
from mien.core.faces import Frame, SourceInfo
from mien.core.policy import Basis, Declaration, Purpose
from mien.core.settings import PROFILES, InferenceSettings, Profile, SamplingSettings
from mien.runtime.analyze import analyze
from mien.sources import open_source

OWN = Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING)


def mien(*arguments: object, timeout: float = 300, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "mien", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **environment},
        check=False,
    )


class Frames:
    """A source of frames that a test made."""

    def __init__(self, frames: Iterable[Frame], rate: float | None = None) -> None:
        self._frames = frames
        self._rate = rate
        self.complete = True

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("frames", "test", sha256="0" * 64, frame_rate=self._rate)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    def close(self) -> None:
        pass


def decode(path: Path) -> list[Frame]:
    """Every frame of a short clip."""
    return list(open_source(str(path), SamplingSettings()))


def reordered(frames: Sequence[Frame], order: Sequence[int]) -> list[Frame]:
    """The pictures of ``frames`` in another order, at the original times."""
    return [Frame(frames[o].image, k, frames[k].media_time) for k, o in enumerate(order)]


def with_settings(profile: Profile, **sections: dict[str, object]) -> Profile:
    """A profile with some settings replaced."""
    for name, values in sections.items():
        profile = profile.model_copy(update={name: getattr(profile, name).model_copy(update=values)})
    return profile


def run(frames: Iterable[Frame], profile: Profile = PROFILES["interview"], rate: float | None = None) -> Analysis:
    """Analyse frames in this process."""
    made = assemble(profile, OWN, Choices(), InferenceSettings())
    return analyze(Frames(frames, rate), made.pipeline)
