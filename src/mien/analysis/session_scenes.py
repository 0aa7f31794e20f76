"""What one audience showed in each scene of what it watched.

A scene's mean weighs each step as a mean over the session does (its frames times its coverage), times how much of the
step lies in the scene, so scenes need not begin where steps do. Like that mean, it has no interval: see
:mod:`mien.analysis.distribution`. Across sessions, :mod:`mien.analysis.scenes` has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mien.analysis.film_time import FilmTime
from mien.analysis.resampling import Pieces, overlaps
from mien.analysis.scenes import NO_READING, Scene, in_order
from mien.analysis.series import Series, StepState
from mien.analysis.sessions import FloatArray, TimeBase
from mien.core.errors import SettingsError
from mien.core.findings import GROUP_TOO_SMALL, Moment, MomentKind, SampleLog
from mien.core.labels import EMOTIONS

NOT_SHOWN: Final = "this scene was not shown while the recording was made"
TOO_LITTLE: Final = "read in {share:.0f} % of the scene, less than {least:.0f} %"
NO_SERIES: Final = "{series} was not measured"


@dataclass(frozen=True, slots=True)
class SceneReadingOptions:
    """When a scene is told about.

    Attributes:
        least_share: of the scene's length that was read, 0–1; below it no mean is told.

    Raises:
        SettingsError: it is no share.
    """

    least_share: float = 0.25

    def __post_init__(self) -> None:
        if not 0 <= self.least_share <= 1:
            raise SettingsError("the least share of a scene that has to be read lies between 0 and 1.")


@dataclass(frozen=True, slots=True)
class SceneReading:
    """One scene of one audience.

    Attributes:
        scene: which, in film time.
        recorded: when it was shown, recorded (from, to) in order, seconds; empty where it was not.
        emotions: mean of each, points 0–100 in canonical order; None when withheld.
        shock, shock_peak: mean and highest of the shock score, points 0–100; None where it was never told.
        scares: how many began in it; None when withheld.
        readable: faces read at once, median over steps in which any was; 0 when withheld.
        coverage: share of the faces seen that was read, mean over frames, 0–1; None where nothing may be told.
        read_share: of the scene's length in which something was read, 0–1.
        withheld: why nothing is told, or None.
        shock_withheld: why there is no shock score though there are emotions, or None.
    """

    scene: Scene
    recorded: tuple[tuple[float, float], ...]
    emotions: tuple[float, ...] | None
    shock: float | None
    shock_peak: float | None
    scares: int | None
    readable: int
    coverage: float | None
    read_share: float
    withheld: str | None
    shock_withheld: str | None


def read_scenes_of(
    series: Series,
    scenes: Sequence[Scene],
    film: FilmTime,
    *,
    min_group: int,
    shock: SampleLog | None = None,
    moments: Sequence[Moment] = (),
    options: SceneReadingOptions | None = None,
) -> tuple[SceneReading, ...]:
    """Every scene, in order of film time.

    Args:
        series: the timeline, N steps; of suppressed ones it holds nothing.
        scenes: in film time; they may not overlap.
        film: when which part of the film was shown.
        min_group: the session's smallest group, for the words of what is withheld.
        shock: the shock score, a sample a step, where it was measured.
        moments: what metrics found; scares are counted by where they begin.
        options: how.

    Raises:
        InputError: there is no scene, or two overlap.
    """
    options = options or SceneReadingOptions()
    ordered = in_order(scenes)
    if not len(series):
        return tuple(_untold(scene, (), NO_READING) for scene in ordered)
    pieces = film.pieces(series.start, series.until)
    score, reasons = _column(shock, len(series))
    scares = [moment.start for moment in moments if moment.kind is MomentKind.SCARE]
    return tuple(_read(scene, series, pieces, film, min_group, (score, reasons), scares, options) for scene in ordered)


def _read(
    scene: Scene,
    series: Series,
    pieces: Pieces,
    film: FilmTime,
    group: int,
    shock: tuple[FloatArray, Mapping[int, str]],
    scares: Sequence[float],
    options: SceneReadingOptions,
) -> SceneReading:
    recorded = film.recorded(scene.start_seconds, scene.end_seconds)
    length = scene.end_seconds - scene.start_seconds
    found = overlaps(pieces, TimeBase(scene.start_seconds, length, 1))
    steps, seconds = found.source, found.seconds
    if not len(steps):
        return _untold(scene, recorded, NOT_SHOWN)
    state = {s: series.in_state(s)[steps] for s in StepState}
    heft = series.weights[steps] * seconds
    read_share = min(1.0, float(seconds[state[StepState.READ]].sum() / length))
    unread = seconds[~state[StepState.READ]].sum()
    if seconds[state[StepState.SUPPRESSED]].sum() > unread / 2 and read_share < options.least_share:
        return _untold(scene, recorded, GROUP_TOO_SMALL.format(group=group), read_share)
    if not heft.sum() > 0:
        return _untold(scene, recorded, NO_READING)
    if read_share < options.least_share:
        return _untold(
            scene, recorded, TOO_LITTLE.format(share=100 * read_share, least=100 * options.least_share), read_share
        )
    known = heft > 0
    told = ~(state[StepState.SUPPRESSED] | state[StepState.GAP])
    frames = series.frames[steps][told] * seconds[told]
    score, reasons = shock
    scored = ~np.isnan(score[steps]) & known
    why = [reasons[step] for step in steps.tolist() if step in reasons]
    return SceneReading(
        scene=scene,
        recorded=recorded,
        emotions=tuple(float(v) for v in np.average(series.emotions[steps[known]], axis=0, weights=heft[known])),
        shock=float(np.average(score[steps[scored]], weights=heft[scored])) if scored.any() else None,
        shock_peak=float(score[steps[scored]].max()) if scored.any() else None,
        scares=sum(any(start <= at < end for start, end in recorded) for at in scares) if scored.any() else None,
        readable=int(np.sort(series.readable[steps[known]])[(int(known.sum()) - 1) // 2]),
        coverage=float(series.coverage[steps][told] @ frames / frames.sum()),
        read_share=read_share,
        withheld=None,
        shock_withheld=None
        if scored.any()
        else max(set(why), key=why.count)
        if why
        else NO_SERIES.format(series="shock"),
    )


def _untold(scene: Scene, recorded: tuple[tuple[float, float], ...], why: str, read_share: float = 0.0) -> SceneReading:
    return SceneReading(
        scene=scene,
        recorded=recorded,
        emotions=None,
        shock=None,
        shock_peak=None,
        scares=None,
        readable=0,
        coverage=None,
        read_share=read_share,
        withheld=why,
        shock_withheld=None,
    )


def _column(log: SampleLog | None, steps: int) -> tuple[FloatArray, Mapping[int, str]]:
    """Values, NaN where there is none, and why there is none by step."""
    score = np.full(steps, np.nan)
    reasons: dict[int, str] = {}
    for step, sample in enumerate(log or ()):
        if step >= steps:
            break
        if sample.value is not None:
            score[step] = sample.value
        if sample.withheld:
            reasons[step] = sample.withheld
    return score, reasons


def strongest(emotions: Sequence[float], most: int = 2) -> tuple[tuple[str, float], ...]:
    """The strongest emotions of a mean, strongest first, each with its points.

    Args:
        emotions: eight figures, points, canonical order.
        most: how many.
    """
    order = sorted(range(len(EMOTIONS)), key=lambda i: -emotions[i])
    return tuple((EMOTIONS[i], float(emotions[i])) for i in order[:most])
