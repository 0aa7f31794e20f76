"""A live session: what the engine reads becomes a timeline, and at the end an analysis like any other."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mien.aggregation import Aggregator
from mien.core.audience import (
    Analysis,
    AudienceSnapshot,
    AudienceStep,
    Buffering,
    Provenance,
    Session,
    Sink,
    SnapshotLog,
    Timeline,
)
from mien.core.errors import MienError, SettingsError
from mien.core.faces import (
    EmotionClassifier,
    FaceDetector,
    Frame,
    FrameObserver,
    FrameReading,
    HeadPoseEstimator,
    SourceInfo,
)
from mien.core.policy import Grant
from mien.core.settings import InferenceSettings, Profile
from mien.core.status import Status
from mien.hall import HallStep
from mien.pipeline import Pipeline
from mien.runtime.live.cameras import LiveCamera
from mien.runtime.live.display import Display
from mien.runtime.live.engine import Engine, LiveOptions
from mien.runtime.live.guard import LEVELS, Guard
from mien.runtime.live.merging import HallMerger
from mien.runtime.live.networks import OpenNetworks
from mien.runtime.provenance import Fed, RunFacts, digest, provenance_of
from mien.runtime.recording import Recording
from mien.zones import ZoneFinder

AT_ONCE: Final = 50
"""Snapshots handed to one sink in one go, so that catching up does not hold frames up."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One camera of a session.

    Attributes:
        camera: its source.
        finder: tells its zones apart; None where one camera shows the whole audience.
    """

    camera: LiveCamera
    finder: ZoneFinder | None = None


@dataclass(frozen=True, slots=True)
class Permitted:
    """What is measured, and on what permission.

    Attributes:
        profile: every setting of the stages.
        grant: the policy gate's permission for it.
        inference: how graphs run, for provenance.
    """

    profile: Profile
    grant: Grant
    inference: InferenceSettings = field(default_factory=InferenceSettings)


class LiveSession:
    """Measures cameras live.

    Args:
        watched: the cameras; several need zones.
        permitted: what is measured.
        open_networks: opens detector and classifier.
        head_pose: tells which way the faces that are read are turned, beside the engine; the five points, when None.
        sinks: told each snapshot of the whole audience; one that fails is told of, and the session goes on.
        zone_sinks: told each snapshot of a hall's parts, in the same way.
        observers: told each frame and its reading, inside the process; of one camera only.
        display: shown each camera's pictures as far as they are looked at; opened and closed by whoever made it.
        options: how the engine runs.

    Raises:
        SettingsError: several cameras without zones, or steps of single frames.
    """

    def __init__(
        self,
        watched: Sequence[Watched],
        permitted: Permitted,
        open_networks: OpenNetworks,
        *,
        head_pose: HeadPoseEstimator | None = None,
        sinks: Sequence[Sink] = (),
        zone_sinks: Sequence[Sink] = (),
        observers: Sequence[FrameObserver] = (),
        display: Display | None = None,
        options: LiveOptions | None = None,
    ) -> None:
        if len(watched) > 1 and any(one.finder is None for one in watched):
            raise SettingsError("several cameras are one hall: say which part of it each shows, with '--zones'.")
        if permitted.profile.audience.step_seconds == 0:
            raise SettingsError("a live timeline needs a step: give '--step' a length above 0 seconds.")
        self._watched = tuple(watched)
        self._permitted = permitted
        self._head_pose = head_pose
        self._notes: list[str] = []
        self._sinks = [_Forgiving(sink, self._notes) for sink in sinks]
        self._zone_sinks = [_Forgiving(sink, self._notes) for sink in zone_sinks]
        self._observers = tuple(observers)
        cameras = [one.camera for one in watched]
        self._display = display
        options = options or LiveOptions()
        if display is not None:
            options = replace(options, wants_picture=display.wants)
        self.engine = Engine(cameras, open_networks, self._begin, self._take, options)
        self._session_id = digest(time.time_ns(), id(self))[:16]
        self._gates: list[dict[str, Aggregator]] = []
        self._pipelines: list[Pipeline] = []
        self._sizes: dict[int, tuple[int, int]] = {}
        found = (zone for one in watched if one.finder is not None for zone in one.finder.zones)
        self._zones = tuple(dict.fromkeys(found))
        self._merger = HallMerger(self._zones, len(watched))
        self._whole = Recording((), ())
        self._parts: dict[str, Recording] = {}

    def timeline(self) -> Timeline:
        """The whole audience so far, marked incomplete. It is a copy: the session may go on meanwhile."""
        return self._whole.timeline(self._session(), complete=False)

    def analysis(self) -> Analysis:
        """Everything so far, marked incomplete."""
        return self._analysis("interrupted")

    def last_notes(self) -> tuple[str, ...]:
        """What happened since the last status was told, in plain words: as the sinks were closed."""
        notes, self._notes[:] = tuple(self._notes), []
        return notes

    def described(self) -> tuple[Session, Provenance]:
        """What is run, and where its figures come from as far as that is known: once the cameras are open."""
        return self._session(), self._provenance("interrupted")

    def run(
        self,
        on_status: Callable[[Status], None] = lambda status: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Analysis:
        """Until the cameras end or it is told to stop, which is how a live session ends well.

        Args:
            on_status: told how the run stands.
            should_stop: asked often.

        Raises:
            MienError: networks or a camera cannot be opened at the start; sinks and observers are ended first.
        """
        asked = False

        def stop() -> bool:
            nonlocal asked
            asked = asked or should_stop()
            return asked

        try:
            self.engine.run(lambda status: on_status(self._with_notes(status)), stop)
            for number, gates in enumerate(self._gates):
                self._pass(number, {zone: gate.finish() for zone, gate in gates.items()})
            self._keep(self._merger.finish())
        except BaseException:
            for observer in self._observers:
                with contextlib.suppress(Exception):
                    observer.discard()
            self._close_sinks(complete=False)
            raise
        stopped = None if self.engine.complete else "truncated"
        if asked and not self.engine.lasted and not all(one.camera.is_live for one in self._watched):
            stopped = "interrupted"
        self._close_sinks(complete=stopped is None)
        for observer in self._observers:
            observer.close(complete=stopped is None)
        return self._analysis(stopped)

    def _begin(self, number: int, info: SourceInfo, detector: FaceDetector, classifier: EmotionClassifier) -> Pipeline:
        """A camera is open: its pipeline and its gates."""
        finder, profile = self._watched[number].finder, self._permitted.profile
        if finder is not None and finder.camera.screen_yaw_degrees is not None:
            turned = {"screen_yaw_degrees": finder.camera.screen_yaw_degrees}
            profile = profile.model_copy(update={"audience": profile.audience.model_copy(update=turned)})
        pipeline = Pipeline(detector, classifier, profile, self._permitted.grant, self._head_pose)
        if not self._pipelines:
            self._whole = Recording(pipeline.metrics(), self._sinks)
            self._parts = {zone: Recording(pipeline.metrics(), self._zone_sinks) for zone in self._zones}
        self._pipelines.append(pipeline)
        if finder is None:
            self._gates.append({"": pipeline.gate(self._session_id, demo=info.demo)})
            return pipeline
        source = f"camera-{number + 1}"
        self._gates.append(
            {
                zone: pipeline.gate(self._session_id, demo=info.demo, source=source, zone=zone, camera=number)
                for zone in finder.zones
            }
        )
        return pipeline

    def _take(self, number: int, frame: Frame, reading: FrameReading) -> None:
        for observer in self._observers:
            observer.observe(frame, reading)
        if self._display is not None:
            self._display.observe(number, frame, reading)
        self._sizes[number] = frame.width, frame.height
        finder = self._watched[number].finder
        parts = {"": reading} if finder is None else finder.part(reading, frame.width, frame.height)
        self._pass(number, {zone: gate.add(parts[zone]) for zone, gate in self._gates[number].items()})

    def _pass(self, number: int, done: dict[str, Iterable[AudienceStep]]) -> None:
        """Steps that a camera completed, through to the timeline."""
        steps = {zone: list(told) for zone, told in done.items()}
        if self._watched[number].finder is None:
            self._whole.take(steps[""])
            return
        together = [dict(zip(steps, at_once, strict=True)) for at_once in zip(*steps.values(), strict=True)]
        self._keep(self._merger.add(number, together))

    def _keep(self, steps: Iterable[HallStep]) -> None:
        for step in steps:
            self._whole.take([step.whole])
            for zone, part in self._parts.items():
                part.take([step.zones[zone]])

    def _with_notes(self, status: Status) -> Status:
        notes, self._notes[:] = tuple(self._notes), []
        shown = self._display.notes() if self._display is not None else ()
        return replace(status, notes=(*status.notes, *notes, *shown))

    def _close_sinks(self, *, complete: bool) -> None:
        for sink in (*self._sinks, *self._zone_sinks):
            sink.close(complete=complete)

    def _session(self) -> Session:
        audience = self._permitted.profile.audience
        return Session(self._session_id, self._permitted.grant, audience.label_set, audience.step_seconds)

    def _analysis(self, stopped: str | None) -> Analysis:
        session, complete = self._session(), stopped is None
        return Analysis(
            self._whole.timeline(session, complete=complete),
            self._provenance(stopped),
            {zone: part.timeline(session, complete=complete) for zone, part in self._parts.items()},
        )

    def _provenance(self, stopped: str | None) -> Provenance:
        facts = self.engine.facts
        fed = []
        for number, (one, info, pipeline) in enumerate(
            zip(self._watched, self.engine.infos, self._pipelines, strict=True)
        ):
            zones = one.finder.zones if one.finder is not None else ()
            start = one.finder.start_seconds if one.finder is not None else 0.0
            fed.append(Fed(info, pipeline, self._sizes.get(number), zones, start))
        run = RunFacts(
            self._permitted.inference,
            facts.execution_providers if facts is not None else (),
            facts.detector_note if facts is not None else None,
            {"spared_for_heat": _acts(self.engine.guard)} if self.engine.guard.acts else None,
        )
        return provenance_of(fed, run, stopped)


def _acts(guard: Guard) -> list[str]:
    """When less was done for the machine's heat, for the report."""
    return [
        f"from {act.media_time:.1f} s: {act.why}; {LEVELS[act.level] if act.level else 'as before'}"
        for act in guard.acts
    ]


class _Forgiving:
    """A sink whose failure is told of once, and does not end the session; what it refused it is given again, in order.

    Args:
        sink: the sink.
        notes: where its failure is told.
    """

    def __init__(self, sink: Sink, notes: list[str]) -> None:
        self._sink = sink
        self._notes = notes
        self._waiting = SnapshotLog()
        self._next = 0
        self._trouble: str | None = None

    def write(self, snapshot: AudienceSnapshot) -> None:
        """Hand one snapshot on, after those that wait."""
        self._waiting.append(snapshot)
        self._hand_on(AT_ONCE)
        if isinstance(self._sink, Buffering) and self._next == len(self._waiting):
            self._tell(self._sink.trouble())

    def close(self, *, complete: bool) -> None:
        """Hand on what waits, and close it."""
        self._hand_on(None)
        left = len(self._waiting) - self._next
        if left:
            self._notes.append(f"{left} steps could not be written any more: {self._trouble}")
        try:
            self._sink.close(complete=complete)
        except MienError as error:
            self._notes.append(str(error))

    def _hand_on(self, most: int | None) -> None:
        """What waits, or so much of it as holds nobody up."""
        end = len(self._waiting) if most is None else min(len(self._waiting), self._next + most)
        for snapshot in self._waiting[self._next : end]:
            try:
                self._sink.write(snapshot)
            except MienError as error:
                self._tell(str(error))
                return
            self._next += 1
            if self._trouble is not None and not isinstance(self._sink, Buffering):
                self._tell(None)
        if self._next == len(self._waiting):
            self._waiting, self._next = SnapshotLog(), 0

    def _tell(self, trouble: str | None) -> None:
        if trouble is not None and self._trouble is None:
            self._notes.append(trouble)
        elif trouble is None and self._trouble is not None:
            self._notes.append("what could not be written is written again, with what waited for it")
        self._trouble = trouble
