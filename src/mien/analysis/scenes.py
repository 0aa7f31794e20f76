"""What audiences felt in each scene, and how scenes compare across versions and titles.

A session's figure of a scene is the mean of its steps, each by its coverage and by how much of it lies in the scene, so
scenes need not begin where steps do. The table's intervals and tests resample sessions, as everywhere
(:mod:`mien.analysis.compare`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from mien.analysis.compare import (
    NOTHING_TOLD,
    CompareOptions,
    Point,
    Verdict,
    curves,
    why_nothing_concluded,
)
from mien.analysis.resampling import Pieces, overlaps
from mien.analysis.sessions import CellArray, FloatArray, SessionSet
from mien.analysis.verdicts import digits_of
from mien.core.errors import InputError, SettingsError
from mien.core.intervals import interval

Pairing = Literal["name", "order"]

OVERLAP_SECONDS: Final = 0.0015
"""Scenes may overlap by this much: lists are rounded to milliseconds."""
NO_READING: Final = "nothing was read in this scene"
TOO_FEW_PEOPLE: Final = "fewer than {group} people were read at once"
ONE_SESSION_NO_INTERVAL: Final = "one session: no interval over sessions"


@dataclass(frozen=True, slots=True)
class Scene:
    """A stretch of media time with a name.

    Attributes:
        name: as the list has it.
        start_seconds, end_seconds: media time, ``0 <= start < end``.

    Raises:
        InputError: it is no stretch of time.
    """

    name: str
    start_seconds: float
    end_seconds: float

    def __post_init__(self) -> None:
        if not (0 <= self.start_seconds < self.end_seconds < math.inf):
            raise InputError(
                f"scene '{self.name}' is to last from {self.start_seconds:g} to {self.end_seconds:g} seconds: that is "
                "no stretch of time."
            )


def in_order(scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """Scenes by their start.

    Raises:
        InputError: there is none, or two overlap.
    """
    if not scenes:
        raise InputError("there is no scene.")
    ordered = tuple(sorted(scenes, key=lambda s: (s.start_seconds, s.end_seconds)))
    for one, following in itertools.pairwise(ordered):
        if following.start_seconds < one.end_seconds - OVERLAP_SECONDS:
            raise InputError(
                f"scenes '{one.name}' and '{following.name}' overlap at {following.start_seconds:g} seconds: a second "
                "of the film belongs to one scene."
            )
    return ordered


@dataclass(frozen=True, slots=True)
class SceneCells:
    """Each session in each scene.

    Attributes:
        values: float32 S×K, mean over the scene; 0 where nothing was read.
        weights: float32 S×K, 0–1: mean coverage over the whole scene; 0 where nothing counts.
        people: float64 K, people read at once, mean over the seconds of the scene that are told.
        withheld: a scene's reason for telling nothing, or None.
    """

    values: CellArray
    weights: CellArray
    people: FloatArray
    withheld: tuple[str | None, ...]


def scene_cells(audience: SessionSet, series: str, scenes: Sequence[Scene], min_group: int | None = None) -> SceneCells:
    """Sessions × scenes of one series.

    Steps in which fewer people than the smallest group were read count nothing.

    Args:
        audience: S sessions.
        series: an emotion or metric.
        scenes: K stretches of the audience's media time; what lies outside it is unread.
        min_group: people, where the sessions' own smallest group is not larger; None takes that.

    Raises:
        InputError: there is no such series.
    """
    group = max(audience.min_group, min_group or 1)
    values, weights = audience.cells(series)
    people = audience.people(series)
    told = people >= group
    shares = _shares(audience, scenes)
    counted = np.where(told, weights, np.float32(0))
    heft = counted @ shares
    summed = (values * counted) @ shares
    lengths = np.array([s.end_seconds - s.start_seconds for s in scenes]) / audience.base.step_seconds
    seconds = (told & (people > 0)).astype(np.float64) @ shares
    crowd = np.where(told, people, 0.0) @ shares
    withheld: list[str | None] = []
    for read, anybody in zip(heft.sum(axis=0) > 0, people @ shares > 0, strict=True):
        withheld.append(None if read else TOO_FEW_PEOPLE.format(group=group) if anybody else NO_READING)
    return SceneCells(
        values=np.divide(summed, heft, out=np.zeros_like(summed), where=heft > 0).astype(np.float32),
        weights=np.minimum(heft / lengths, 1.0).astype(np.float32),
        people=np.divide(crowd, seconds, out=np.zeros_like(crowd), where=seconds > 0),
        withheld=tuple(withheld),
    )


def _shares(audience: SessionSet, scenes: Sequence[Scene]) -> FloatArray:
    """float64 T×K: how much of each step lies in each scene, 0–1."""
    base = audience.base
    shares = np.zeros((base.steps, len(scenes)))
    for k, scene in enumerate(scenes):
        piece = Pieces(np.zeros(1, np.intp), np.array([scene.start_seconds]), np.array([scene.end_seconds]))
        found = overlaps(piece, base)
        shares[found.target, k] = found.seconds / base.step_seconds
    return shares


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """How a table of scenes is made.

    Attributes:
        replicates: bootstrap replicates over sessions.
        min_group: people needed for a step to count, where the sessions' own smallest group is not larger; None takes
            that.

    Raises:
        SettingsError: a value is out of range.
    """

    replicates: int = 2000
    min_group: int | None = None

    def __post_init__(self) -> None:
        if self.replicates < 100 or (self.min_group is not None and self.min_group < 1):
            raise SettingsError("a table of scenes needs 100 replicates and a smallest group of 1 at least.")


@dataclass(frozen=True, slots=True)
class SceneFigure:
    """One scene of a table.

    Attributes:
        scene: which.
        mean: of the series over the sessions, by coverage; None when withheld.
        low, high: 95 % interval over sessions, or None.
        rank: 1 for the scene with the highest mean; None when withheld.
        sessions: sessions behind the mean.
        people: read at once, mean over the scene.
        coverage: mean over the sessions behind it, 0–1: how much of the scene was read.
        withheld: why there is no mean, or no interval; or None.
    """

    scene: Scene
    mean: float | None
    low: float | None
    high: float | None
    rank: int | None
    sessions: int
    people: float
    coverage: float
    withheld: str | None


def scene_table(
    audience: SessionSet,
    series: str,
    scenes: Sequence[Scene],
    rng: np.random.Generator,
    options: SceneOptions | None = None,
) -> tuple[SceneFigure, ...]:
    """What an audience felt in each scene.

    Args:
        audience: its sessions.
        series: an emotion or metric.
        scenes: any order; the table is in order of time.
        rng: draws sessions; the same seed gives the same intervals.
        options: how.

    Raises:
        InputError: there is no scene, two overlap, or there is no such series.
    """
    options = options or SceneOptions()
    ordered = in_order(scenes)
    cells = scene_cells(audience, series, ordered, options.min_group)
    weights = cells.weights.astype(np.float64)
    heft = weights.sum(axis=0)
    mean = np.divide((cells.values * weights).sum(axis=0), heft, out=np.full(len(ordered), np.nan), where=heft > 0)
    number = len(audience)
    draws = rng.multinomial(number, np.full(number, 1 / number), size=options.replicates).astype(np.float64)
    drawn = draws @ weights
    again = np.divide(draws @ (cells.values * weights), drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)
    sessions = (weights > 0).sum(axis=0)
    told = [k for k, reason in enumerate(cells.withheld) if reason is None]
    ranks = {k: place for place, k in enumerate(sorted(told, key=lambda k: (-mean[k], k)), 1)}
    table = []
    for k, scene in enumerate(ordered):
        counted = weights[weights[:, k] > 0, k]
        withheld = cells.withheld[k]
        low = high = None
        if withheld is None and sessions[k] < 2:
            withheld = ONE_SESSION_NO_INTERVAL
        elif withheld is None:
            effective = float(counted.sum() ** 2 / (counted**2).sum())
            ends = interval(mean[k : k + 1], again[:, k : k + 1], effective)
            low, high = (float(end[0]) for end in ends)
        table.append(
            SceneFigure(
                scene=scene,
                mean=float(mean[k]) if k in ranks else None,
                low=low,
                high=high,
                rank=ranks.get(k),
                sessions=int(sessions[k]) if k in ranks else 0,
                people=float(cells.people[k]) if k in ranks else 0.0,
                coverage=float(counted.mean()) if k in ranks else 0.0,
                withheld=withheld,
            )
        )
    return tuple(table)


@dataclass(frozen=True, slots=True)
class ScenePair:
    """A scene of one version or title, and the one it is compared with.

    Attributes:
        a, b: the scenes, each in its own media time.
        point: both means, B minus A, its bands, p-values and effect; see ``compare.Curve``.
        q: least false-discovery rate over the scenes at which this is a discovery, or None.
        shown: True when a difference is shown at the family-wise level.
    """

    a: Scene
    b: Scene
    point: Point
    q: float | None
    shown: bool


@dataclass(frozen=True, slots=True)
class SceneComparison:
    """Two versions or titles, scene by scene.

    Attributes:
        series: what was compared.
        version_a, version_b: the reference and the other.
        sessions_a, sessions_b: how many.
        pairs: in order of the reference's time.
        only_a, only_b: scenes without a counterpart, by name.
        verdict: what is concluded.
    """

    series: str
    version_a: str
    version_b: str
    sessions_a: int
    sessions_b: int
    pairs: tuple[ScenePair, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    verdict: Verdict


def pair_scenes(
    scenes_a: Sequence[Scene], scenes_b: Sequence[Scene], pairing: Pairing
) -> tuple[tuple[tuple[Scene, Scene], ...], tuple[str, ...], tuple[str, ...]]:
    """Which scene is compared with which.

    Args:
        scenes_a, scenes_b: of either version.
        pairing: ``name`` pairs scenes of one name, ``order`` the first with the first and so on.

    Returns:
        Pairs in order of A's time, and the names of the scenes of A and of B that have no counterpart.

    Raises:
        InputError: a name occurs twice, or there is no pair.
    """
    a, b = in_order(scenes_a), in_order(scenes_b)
    if pairing == "order":
        both = min(len(a), len(b))
        return tuple(zip(a, b, strict=False)), tuple(s.name for s in a[both:]), tuple(s.name for s in b[both:])
    for scenes in (a, b):
        names = [s.name for s in scenes]
        if len(set(names)) < len(names):
            twice = next(n for n in names if names.count(n) > 1)
            raise InputError(f"two scenes are called '{twice}': name them apart, or pair scenes by their order.")
    by_name = {s.name: s for s in b}
    pairs = tuple((s, by_name[s.name]) for s in a if s.name in by_name)
    if not pairs:
        raise InputError("the versions have no scene of the same name: pair scenes by their order.")
    shared = {one.name for one, _ in pairs}
    return pairs, tuple(s.name for s in a if s.name not in shared), tuple(s.name for s in b if s.name not in shared)


def compare_scenes(
    a: SessionSet,
    b: SessionSet,
    scenes_a: Sequence[Scene],
    scenes_b: Sequence[Scene],
    series: str,
    rng: np.random.Generator,
    options: CompareOptions | None = None,
    *,
    pairing: Pairing = "name",
    unit: str = "points",
) -> SceneComparison:
    """Compare two versions, or two titles, scene by scene; all scenes are one family.

    Each version's scenes are in its own media time: nothing has to be aligned.

    Raises:
        InputError: scenes overlap or do not pair, or a version lacks the series.
    """
    options = options or CompareOptions()
    pairs, only_a, only_b = pair_scenes(scenes_a, scenes_b, pairing)
    group = max(a.min_group, b.min_group, options.min_group or 1)
    cells = [scene_cells(s, series, [pair[i] for pair in pairs], group) for i, s in enumerate((a, b))]
    told = np.array([x is None and y is None for x, y in zip(cells[0].withheld, cells[1].withheld, strict=True)])
    values = np.concatenate([c.values for c in cells])
    weights = np.concatenate([np.where(told, c.weights, np.float32(0)) for c in cells])
    is_b = np.arange(len(values)) >= len(a)
    withheld = why_nothing_concluded(a, b, options)
    if withheld is None and not told.any():
        withheld = NOTHING_TOLD.format(group=group)
    curve, inference = curves(values, weights, is_b, None if withheld else rng, options)
    level = options.level / options.family
    found = [
        ScenePair(one, other, curve.at(k), _told(curve.q[k]), bool(curve.family_p[k] <= level))
        for k, (one, other) in enumerate(pairs)
    ]
    if inference is not None and np.isnan(curve.family_p).all():
        withheld = NOTHING_TOLD.format(group=group)
    comparison = SceneComparison(
        series=series,
        version_a=a.version,
        version_b=b.version,
        sessions_a=len(a),
        sessions_b=len(b),
        pairs=tuple(found),
        only_a=only_a,
        only_b=only_b,
        verdict=Verdict(None, "", withheld),
    )
    return replace(comparison, verdict=_verdict(comparison, level, unit))


def _verdict(c: SceneComparison, level: float, unit: str) -> Verdict:
    if c.verdict.withheld is not None:
        return Verdict(None, f"Nothing is concluded about {c.series}. {c.verdict.withheld}", c.verdict.withheld)
    shown = [pair for pair in c.pairs if pair.shown]
    compared = sum(pair.point.difference is not None for pair in c.pairs)
    if not shown:
        return Verdict(
            False,
            f"No difference shown in {c.series} between {c.version_a} and {c.version_b} in any of {compared} "
            f"scenes (family-wise level {level:.2g}, {c.sessions_a} and {c.sessions_b} sessions). That does not mean "
            "there is none.",
        )
    shown.sort(key=lambda pair: -abs(pair.point.effect or 0.0))
    told = "; ".join(
        f"'{pair.a.name}' {pair.point.difference or 0.0:+.{digits_of(unit)}f} {unit} (family-wise p = "
        f"{pair.point.family_p or 0.0:.2g}, Hedges' g = {pair.point.effect or 0.0:.2f})"
        for pair in shown
    )
    return Verdict(
        True,
        f"A difference in {c.series} is shown in {len(shown)} of {compared} scenes, {c.version_b} against "
        f"{c.version_a}: {told}. In the others, no difference is shown.",
    )


def _told(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
