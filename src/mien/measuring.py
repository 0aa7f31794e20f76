"""One recording from its source to its analysis: what ``mien analyze`` and the service's workers both do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mien.assembly import Assembled, Choices, assemble
from mien.core.audience import Analysis, Sink
from mien.core.faces import FrameObserver, FrameSource
from mien.core.labels import LabelSet
from mien.core.policy import Declaration
from mien.core.settings import InferenceSettings, Profile
from mien.runtime.analyze import Progress, analyze, fit_step, frame_by_frame_if_short


@dataclass(frozen=True, slots=True)
class Measuring:
    """A recording and the pipeline that is to read it; made by :func:`prepare`.

    Attributes:
        source: of the frames; closed when :meth:`run` returns or raises.
        assembled: the pipeline, and how it came to be.
        inference: how graphs run.
    """

    source: FrameSource
    assembled: Assembled
    inference: InferenceSettings

    @property
    def labels(self) -> LabelSet:
        """The session's labels, for observers that write them."""
        return self.assembled.pipeline.labels

    def run(
        self,
        *,
        sinks: Sequence[Sink] = (),
        observers: Sequence[FrameObserver] = (),
        session_id: str | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Analysis:
        """Read it; see :func:`mien.runtime.analyze.analyze`."""
        return analyze(
            self.source,
            self.assembled.pipeline,
            sinks=sinks,
            observers=observers,
            inference=self.inference,
            execution_providers=self.assembled.execution_providers,
            detector_note=self.assembled.detector_note,
            session_id=session_id,
            on_progress=on_progress,
            should_stop=should_stop,
        )


def prepare(
    source: FrameSource,
    profile: Profile,
    declaration: Declaration,
    choices: Choices,
    inference: InferenceSettings,
    *,
    keep_step: bool = False,
) -> Measuring:
    """Assemble the pipeline for a recording, with a timeline step that fits it.

    Args:
        source: of the frames; the caller closes it where this raises.
        profile: what was asked for.
        declaration: what the operator declares.
        choices: which backends to use.
        inference: how graphs run.
        keep_step: the step was asked for: a short recording is not told frame by frame.

    Raises:
        PolicyError: the declaration does not permit the profile.
        WeightsError: weights cannot be had or verified.
    """
    if not keep_step:
        profile = frame_by_frame_if_short(profile, source.info)
    profile = fit_step(profile, source.info)
    return Measuring(source, assemble(profile, declaration, choices, inference), inference)
