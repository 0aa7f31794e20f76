"""Did one version move its audiences more than another, when, and by how much?

Sessions are what is resampled: people in one hall laugh because their neighbours do, so a hall is one observation, not
forty. A comparison therefore needs several sessions of each version; with one of either it shows the difference and
infers nothing.

Every step of the timeline and the mean over the whole of it are tested as one family (see
:mod:`mien.analysis.permutation`), so the chance of any false finding is at most the level. What is not found is *not
shown*; it is never called equal, and what could have been found is told beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from mien.analysis.permutation import (
    BoolArray,
    FloatArray,
    Inference,
    PermutationOptions,
    benjamini_hochberg,
    detectable,
    infer,
    smallest_p,
    student_point,
)
from mien.analysis.sessions import CellArray, SessionSet, TimeBase
from mien.analysis.verdicts import conclusion
from mien.core.errors import InputError, SettingsError

Control = Literal["max_t", "cluster"]

ONE_SESSION: Final = (
    "Sessions are what is resampled, and {which} measured in one session only: there is no telling a difference "
    "between versions from one between two evenings. People who sat in one hall saw and heard each other, so they do "
    "not count as so many observations. The curves are shown; nothing is inferred from them. Measure each version in "
    "several sessions."
)
TOO_FEW: Final = (
    "With {a} and {b} sessions, no difference however large could reach {level:.2g}: the smallest p-value that "
    "shuffling {total} sessions can give is {least:.2g}. The curves are shown; nothing is inferred from them. Four "
    "sessions of each version are the least that can show a difference at 0.05."
)
_SAME_SHARE: Final = 1e-6
"""Values that differ by no more than this share of themselves are the same but for rounding."""
NOTHING_TOLD: Final = (
    "No step was read in enough sessions of both versions by the smallest group of {group}: nothing is inferred."
)


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How two versions are compared.

    Attributes:
        shuffles: how often labels are shuffled.
        level: of the family-wise error over the whole timeline and its mean, 0–1.
        power: for the least difference that would have been found, 0–1.
        control: what a finding is: single steps beyond the largest of shuffles (``max_t``), or stretches that
            weigh more than the heaviest of shuffles (``cluster``: finds long faint differences better, says less well
            where they begin). Chosen before looking.
        min_sessions, min_share: steps with fewer sessions of either version, or with a smaller share of them (0–1), are
            not tested (Kish's effective number).
        min_group: people needed in each version for a step to be told, where the sessions' own smallest groups are not
            larger; None takes those.
        join_seconds: findings no further apart are one stretch.
        family: comparisons that are reported together; each is tested at ``level / family`` (Bonferroni).

    Raises:
        SettingsError: a value is out of range.
    """

    shuffles: int = 1999
    level: float = 0.05
    power: float = 0.8
    control: Control = "max_t"
    min_sessions: float = 3.0
    min_share: float = 0.5
    min_group: int | None = None
    join_seconds: float = 1.0
    family: int = 1

    def __post_init__(self) -> None:
        if not (0 < self.level < 1 and 0 < self.power < 1 and self.family >= 1 and self.join_seconds >= 0):
            raise SettingsError("level and power lie between 0 and 1, a family has at least one comparison.")
        if self.min_group is not None and self.min_group < 1:
            raise SettingsError("the smallest group must be at least 1.")
        self.permutations()

    def permutations(self) -> PermutationOptions:
        """How labels are shuffled for one comparison of the family."""
        return PermutationOptions(self.shuffles, self.level / self.family, self.min_sessions, self.min_share)


@dataclass(frozen=True, slots=True)
class Curve:
    """Two versions side by side, float64 K each; NaN where it is not told, bands also where nothing is inferred.

    Attributes:
        mean_a, mean_b: over sessions, by coverage.
        difference: B minus A.
        low, high: pointwise band of the difference: each step by itself is within it with probability 1 - level.
        family_low, family_high: simultaneous band: all steps are within it at once with that probability.
        p: of the step by itself.
        q: least false-discovery rate along the timeline at which the step is a discovery (Benjamini-Hochberg).
        family_p: over the whole family.
        effect: Hedges' g.
        detectable: the true difference that would have been found there with the stated power.

    Bands, ``effect`` and ``detectable`` are not told of a step in which all sessions of either version agree to the
    last digit: nothing tells how they would scatter.

        sessions_a, sessions_b: sessions behind the step.
    """

    mean_a: FloatArray
    mean_b: FloatArray
    difference: FloatArray
    low: FloatArray
    high: FloatArray
    family_low: FloatArray
    family_high: FloatArray
    p: FloatArray
    q: FloatArray
    family_p: FloatArray
    effect: FloatArray
    detectable: FloatArray
    sessions_a: FloatArray
    sessions_b: FloatArray

    def at(self, k: int) -> Point:
        """One step of it."""
        return Point(**{name: _known(getattr(self, name)[k]) for name in Point.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Point:
    """One step of a :class:`Curve`; None where it is NaN there."""

    mean_a: float | None
    mean_b: float | None
    difference: float | None
    low: float | None
    high: float | None
    family_low: float | None
    family_high: float | None
    p: float | None
    family_p: float | None
    effect: float | None
    detectable: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A stretch in which a difference is shown.

    Attributes:
        start_seconds, end_seconds: of the stretch.
        peak_seconds: start of its strongest step.
        point: that step.
        p: family-wise, of the strongest step or of the cluster.
    """

    start_seconds: float
    end_seconds: float
    peak_seconds: float
    point: Point
    p: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is concluded.

    Attributes:
        shown: True when a difference is shown, False when none is, None when nothing is inferred.
        text: in plain words.
        withheld: why nothing is inferred, or None.
    """

    shown: bool | None
    text: str
    withheld: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions in one series.

    Attributes:
        title, series: what was compared.
        version_a, version_b: the reference and the other.
        sessions_a, sessions_b: how many.
        base: the steps, in the reference's media time.
        curve: along them.
        overall: of the mean over all steps that are told. Each session counts by how far it lies from what all sessions
            together showed in the steps it was read in, so that one which missed a strong scene is not taken for calm.
        findings: in order of time.
        verdict: what is concluded.
        discoveries: steps with a false-discovery rate of at most the level.
        detectable: median over steps of the least difference that would have been found, or None.
        threshold: the normal score that a step has to exceed, or None.
        shuffles, exhaustive: of the labels, and whether these are all there are.
        min_group: people needed in each version for a step to be told.
        steps_suppressed: steps that were read in both versions, but by fewer people than that in one. What a session
            withheld itself reached nobody, and counts as unread.
        options: how.
    """

    title: str
    series: str
    version_a: str
    version_b: str
    sessions_a: int
    sessions_b: int
    base: TimeBase
    curve: Curve
    overall: Point
    findings: tuple[Finding, ...]
    verdict: Verdict
    discoveries: int
    detectable: float | None
    threshold: float | None
    shuffles: int
    exhaustive: bool
    min_group: int
    steps_suppressed: int
    options: CompareOptions


def compare(
    a: SessionSet,
    b: SessionSet,
    series: str,
    rng: np.random.Generator,
    options: CompareOptions | None = None,
    *,
    unit: str = "points",
) -> Comparison:
    """Compare two versions on one time base.

    Args:
        a: the reference.
        b: the other, on the same steps (see ``alignment.align`` and ``resampling.onto``). The same evening or viewer
            must not be in both: sessions are taken to be independent.
        series: an emotion or a metric that both have.
        rng: shuffles labels; the same seed gives the same result.
        options: how.
        unit: of the series, for the verdict.

    Raises:
        InputError: the steps differ, or a version lacks the series.
    """
    options = options or CompareOptions()
    if not a.base.is_like(b.base):
        raise InputError(
            f"'{a.version}' and '{b.version}' are not on the same steps ({a.base} and {b.base}): align them first."
        )
    cells = [both for s in (a, b) for both in [s.cells(series)]]
    group = max(a.min_group, b.min_group, options.min_group or 1)
    people = np.stack([s.people(series) for s in (a, b)])
    told = (people >= group).all(axis=0)
    suppressed = int(((people > 0).all(axis=0) & ~told).sum())
    values = np.concatenate([cells[0][0], cells[1][0]])
    weights = np.concatenate([cells[0][1], cells[1][1]])
    if not told.all():
        weights = weights * told
    is_b = np.arange(len(values)) >= len(a)
    level, level_counts = _levels(values, weights)
    values = np.concatenate([values, level[:, None].astype(np.float32)], axis=1)
    weights = np.concatenate([weights, level_counts[:, None].astype(np.float32)], axis=1)
    withheld = why_nothing_concluded(a, b, options)
    if withheld is None and not told.any():
        withheld = NOTHING_TOLD.format(group=group)
    curve, inference = curves(values, weights, is_b, None if withheld else rng, options, in_line=a.base.steps)
    steps = _steps_of(curve, a.base.steps)
    if withheld is None and np.isnan(steps.family_p).all():
        withheld = NOTHING_TOLD.format(group=group)
    found = () if inference is None else _findings(steps, inference, a.base, options)
    overall = curve.at(a.base.steps)
    least = steps.detectable[~np.isnan(steps.detectable)]
    comparison = Comparison(
        title=a.title,
        series=series,
        version_a=a.version,
        version_b=b.version,
        sessions_a=len(a),
        sessions_b=len(b),
        base=a.base,
        curve=steps,
        overall=overall,
        findings=found,
        verdict=Verdict(None, "", withheld),
        discoveries=int((steps.q <= options.level / options.family).sum()),
        detectable=float(np.median(least)) if len(least) else None,
        threshold=None if inference is None or math.isinf(inference.threshold) else inference.threshold,
        shuffles=0 if inference is None else inference.shuffles,
        exhaustive=inference is not None and inference.exhaustive,
        min_group=group,
        steps_suppressed=suppressed,
        options=options,
    )
    shown, text = conclusion(comparison, unit)
    return replace(comparison, verdict=Verdict(shown, text, withheld))


def curves(
    values: CellArray,
    weights: CellArray,
    is_b: BoolArray,
    rng: np.random.Generator | None,
    options: CompareOptions,
    *,
    in_line: int | None = None,
) -> tuple[Curve, Inference | None]:
    """Two groups of sessions in K columns, with bands and p-values where a generator is given.

    Args:
        values, weights: S×K; what counts nothing has the weight 0.
        is_b: bool S.
        rng: shuffles labels; None infers nothing.
        options: how.
        in_line: see ``permutation.infer``.
    """
    k = values.shape[1]
    nothing = np.full(k, np.nan)
    counts = (weights[~is_b] > 0).sum(axis=0), (weights[is_b] > 0).sum(axis=0)
    if rng is None:
        means = [_mean(values[rows], weights[rows]) for rows in (~is_b, is_b)]
        between = means[1] - means[0]
        parts = dict.fromkeys(Curve.__dataclass_fields__, nothing)
        parts |= {"mean_a": means[0], "mean_b": means[1], "difference": between}
        return Curve(**{**parts, "sessions_a": counts[0].astype(float), "sessions_b": counts[1].astype(float)}), None
    inference = infer(values, weights, is_b, rng, options.permutations(), in_line=in_line)
    seen = inference.contrast
    settled = _agree(values[~is_b], weights[~is_b]) & _agree(values[is_b], weights[is_b])
    error = np.where(settled, np.nan, seen.error)
    threshold = inference.threshold if math.isfinite(inference.threshold) else math.nan
    at_once = student_point(threshold, seen.freedom)
    by_itself = student_point(np.where(np.isfinite(inference.pointwise), inference.pointwise, np.nan), seen.freedom)
    line = k if in_line is None else in_line
    q = np.concatenate([benjamini_hochberg(inference.p[:line]), np.full(k - line, np.nan)])
    return (
        Curve(
            mean_a=seen.mean_a,
            mean_b=seen.mean_b,
            difference=seen.difference,
            low=seen.difference - by_itself * error,
            high=seen.difference + by_itself * error,
            family_low=seen.difference - at_once * error,
            family_high=seen.difference + at_once * error,
            p=inference.p,
            q=q,
            family_p=inference.family_p,
            effect=np.where(settled, np.nan, seen.effect),
            detectable=detectable(error, seen.freedom, at_once, options.power),
            sessions_a=counts[0].astype(np.float64),
            sessions_b=counts[1].astype(np.float64),
        ),
        inference,
    )


def _agree(values: CellArray, weights: CellArray) -> BoolArray:
    """bool K: columns in which all sessions of one version hold the same value, as where a scale cuts all of them off.

    They tell nothing of how other sessions would scatter.
    """
    counts = weights > 0
    highest = np.where(counts, values, -np.inf).max(axis=0)
    lowest = np.where(counts, values, np.inf).min(axis=0)
    return np.asarray(highest - lowest <= _SAME_SHARE * np.maximum(np.abs(highest), 1.0))


def _mean(values: CellArray, weights: CellArray) -> FloatArray:
    total = weights.sum(axis=0, dtype=np.float64)
    summed = np.einsum("st,st->t", values, weights, dtype=np.float64)
    return np.asarray(np.divide(summed, total, out=np.full(len(total), np.nan), where=total > 0))


def _levels(values: CellArray, weights: CellArray) -> tuple[FloatArray, FloatArray]:
    """Each session's mean distance from all sessions' step means, plus their mean; and 1 where it has any cell.

    Step means are over both versions together, so shuffling labels changes no session's level.
    """
    mean = _mean(values, weights)
    told = ~np.isnan(mean)
    grand = float(mean[told].mean()) if told.any() else 0.0
    centred = np.nan_to_num(mean)
    heft = weights.sum(axis=1, dtype=np.float64)
    away = np.einsum("st,st->s", values, weights, dtype=np.float64) - weights.astype(np.float64) @ centred
    level = np.divide(away, heft, out=np.zeros_like(heft), where=heft > 0) + grand
    return np.where(heft > 0, level, 0.0), (heft > 0).astype(np.float64)


def why_nothing_concluded(a: SessionSet, b: SessionSet, options: CompareOptions) -> str | None:
    """Why the numbers of sessions alone forbid a conclusion, in words, or None where they do not."""
    single = [f"'{s.version}'" for s in (a, b) if len(s) < 2]
    if single:
        return ONE_SESSION.format(which=f"{' and '.join(single)} {'was' if len(single) == 1 else 'were each'}")
    least, level = smallest_p(len(a), len(b)), options.level / options.family
    if least > level:
        return TOO_FEW.format(a=len(a), b=len(b), total=len(a) + len(b), least=least, level=level)
    return None


def _steps_of(curve: Curve, steps: int) -> Curve:
    return Curve(**{name: getattr(curve, name)[:steps] for name in Curve.__dataclass_fields__})


def _findings(curve: Curve, inference: Inference, base: TimeBase, options: CompareOptions) -> tuple[Finding, ...]:
    level = options.level / options.family
    if options.control == "cluster":
        runs = [(c.first, c.last, c.p) for c in inference.clusters if c.p <= level]
    else:
        runs = _runs(curve, level, round(options.join_seconds / base.step_seconds))
    found = []
    for first, last, p in runs:
        peak = first + int(np.nanargmax(np.abs(inference.contrast.score[first : last + 1])))
        edges = base.edges
        found.append(Finding(float(edges[first]), float(edges[last + 1]), float(edges[peak]), curve.at(peak), float(p)))
    return tuple(found)


def _runs(curve: Curve, level: float, bridge: int) -> list[tuple[int, int, float]]:
    """Steps below the level, joined over short holes, each run of one sign; with its smallest p-value."""
    runs: list[tuple[int, int, float]] = []
    for k in np.flatnonzero(curve.family_p <= level):
        p = float(curve.family_p[k])
        joined = runs and k - runs[-1][1] <= bridge + 1
        if joined and np.sign(curve.difference[k]) == np.sign(curve.difference[runs[-1][0]]):
            runs[-1] = (runs[-1][0], int(k), min(runs[-1][2], p))
        else:
            runs.append((int(k), int(k), p))
    return runs


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
