"""Two groups of sessions compared in many columns at once by shuffling which session belongs to which group.

Were there no difference, the labels would be exchangeable: any shuffle of them would be as likely as the one that was
seen. In every column the groups' weighted means are compared by Welch's t, studentised anew in every shuffle (Janssen,
1997), so that groups that scatter differently do not pass for groups that differ. Each t is put on the normal scale by
its own degrees of freedom (Wallace, 1959): a column in which one group was read in few sessions scatters more, and
must not look like a finding for that. The largest score of a shuffle over all columns gives family-wise control
(Westfall and Young, 1993, single step); runs of columns above a threshold give clusters (Maris and Oostenveld, 2007);
and the scores of all shuffles and columns together give each column a fine p-value for false-discovery control
(Benjamini and Hochberg, 1995).

Sums over sessions for all shuffles of a block of columns are one matrix product, so hours of timeline take seconds and
memory is bounded by the block.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.core.errors import SettingsError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_BINS_PER_UNIT: Final = 100
_BINS: Final = 5000
"""The null distribution of scores is kept in bins of 0.01 up to 50; what is above is counted together."""
_FLOOR: Final = 1e-12
"""Least variance of a mean, as a share of the column's mean square about its mean: below is rounding."""


@dataclass(frozen=True, slots=True)
class PermutationOptions:
    """How labels are shuffled.

    Attributes:
        shuffles: how many, beside the one that was seen; where fewer exist, all of them are taken.
        level: of the family-wise error, 0–1.
        min_sessions: columns in which a group has fewer (Kish's effective number) are not tested.
        min_share: nor are those in which a group has less than this share of its sessions, 0–1: where many are missing
            from one group only, labels are no longer exchangeable.
        cluster_at: score from which a column joins a cluster; 1.96 is the 5 % point of a single column.
        block_cells: numbers kept at once for each sum, shuffles times columns.

    Raises:
        SettingsError: a value is out of range.
    """

    shuffles: int = 1999
    level: float = 0.05
    min_sessions: float = 3.0
    min_share: float = 0.5
    cluster_at: float = 1.96
    block_cells: int = 1_000_000

    def least(self, is_b: BoolArray) -> tuple[float, float]:
        """Sessions that groups A and B need in a column."""
        of_b = int(is_b.sum())
        return max(self.min_sessions, self.min_share * (len(is_b) - of_b)), max(
            self.min_sessions, self.min_share * of_b
        )

    def __post_init__(self) -> None:
        if (
            self.shuffles < 19
            or not 0 < self.level < 1
            or self.min_sessions < 2
            or not 0 <= self.min_share <= 1
            or self.block_cells < 1
        ):
            raise SettingsError(
                f"a permutation test needs 19 shuffles, a level between 0 and 1 and 2 sessions a column at least, got "
                f"{self.shuffles}, {self.level} and {self.min_sessions}."
            )


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two groups in K columns, as they are; float64 K each, NaN where a column is not tested.

    Attributes:
        mean_a, mean_b: of the groups, by weight.
        difference: B minus A.
        error: standard error of the difference.
        t: their quotient.
        freedom: Welch and Satterthwaite's degrees of freedom.
        score: ``t`` on the normal scale.
        effect: Hedges' g: the difference in deviations between sessions, corrected for small groups (Hedges, 1981).
        count_a, count_b: Kish's effective number of sessions.
    """

    mean_a: FloatArray
    mean_b: FloatArray
    difference: FloatArray
    error: FloatArray
    t: FloatArray
    freedom: FloatArray
    score: FloatArray
    effect: FloatArray
    count_a: FloatArray
    count_b: FloatArray


@dataclass(frozen=True, slots=True)
class Cluster:
    """A run of columns whose scores are above the threshold, all of one sign.

    Attributes:
        first, last: columns, both inclusive.
        mass: the sum of their scores, without sign.
        p: family-wise: share of shuffles whose heaviest cluster weighs as much.
    """

    first: int
    last: int
    mass: float
    p: float


@dataclass(frozen=True, slots=True)
class Inference:
    """What the shuffles say.

    Attributes:
        contrast: the groups as they are.
        p: float64 K, of each column alone; NaN where not tested.
        pointwise: float64 K, the score beyond which ``p`` is at most the level.
        family_p: float64 K, over all columns at once (largest score).
        threshold: the score beyond which ``family_p`` is at most the level; infinite where no shuffle reaches it.
        clusters: of the columns in line, in their order.
        shuffles: how many labellings were compared with the one seen.
        exhaustive: whether these are all there are.
    """

    contrast: Contrast
    p: FloatArray
    pointwise: FloatArray
    family_p: FloatArray
    threshold: float
    clusters: tuple[Cluster, ...]
    shuffles: int
    exhaustive: bool


def smallest_p(sessions_a: int, sessions_b: int) -> float:
    """The smallest p-value that shuffling labels can give, however large the difference.

    With groups of one size, swapping them gives the same \\|t\\|, so two labellings are as extreme as can be.
    """
    return (2 if sessions_a == sessions_b else 1) / math.comb(sessions_a + sessions_b, sessions_a)


def normal_score(t: FloatArray, freedom: FloatArray) -> FloatArray:
    """The normal quantile that is as far out as ``t`` is in Student's distribution (Wallace, 1959), without sign.

    Within 0.03 from three degrees of freedom for what is less rare than one in ten thousand.
    """
    return np.asarray((8 * freedom + 1) / (8 * freedom + 3) * np.sqrt(freedom * np.log1p(t * t / freedom)))


def student_point(score: float | FloatArray, freedom: FloatArray) -> FloatArray:
    """The t that has a normal score: :func:`normal_score` the other way round."""
    scaled = np.asarray(score) * (8 * freedom + 3) / (8 * freedom + 1)
    return np.asarray(np.sqrt(freedom * np.expm1(scaled * scaled / freedom)))


def detectable(error: FloatArray, freedom: FloatArray, t: FloatArray, power: float) -> FloatArray:
    """The true difference that a test finds with probability ``power``.

    Johnson and Welch's (1940) normal approximation of the noncentral t, solved for its centre.

    Args:
        error: float64 K, standard errors of the difference.
        freedom: float64 K, degrees of freedom.
        t: float64 K, what has to be exceeded.
        power: 0–1.

    Returns:
        float64 K, in the unit of ``error``; NaN where the error is 0, since sessions that agree to the last digit tell
        nothing of how others would scatter.
    """
    v = np.maximum(freedom, 1.0)
    spread = np.sqrt(1 + t * t / (2 * v))
    found = error * (t * (1 - 1 / (4 * v)) + NormalDist().inv_cdf(power) * spread)
    return np.asarray(np.where(error > 0, found, np.nan))


def benjamini_hochberg(p: FloatArray) -> FloatArray:
    """q-values: the least false-discovery rate at which each column would be among the discoveries.

    Args:
        p: float64 K; NaN columns take no part.

    Returns:
        float64 K, 0–1, NaN where ``p`` is.
    """
    q = np.full(p.shape, np.nan)
    told = np.flatnonzero(~np.isnan(p))
    if not len(told):
        return q
    order = told[np.argsort(p[told], kind="stable")]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q


def contrast(values: npt.NDArray[np.floating], weights: npt.NDArray[np.floating], is_b: BoolArray,
             least: tuple[float, float] = (2.0, 2.0)) -> Contrast:  # fmt: skip
    """Two groups in K columns.

    Args:
        values: S×K; what counts nothing is not NaN but has the weight 0.
        weights: S×K, 0 or more.
        is_b: bool S, which sessions are of group B.
        least: sessions that groups A and B need; columns with fewer are NaN.
    """
    block = _Block.of(values, weights)
    sums = block.sums(is_b[None].astype(np.float64))
    b = _moments(sums, block.scale)
    a = _moments([total - part for total, part in zip(block.totals, sums, strict=True)], block.scale)
    (mean_a, error_a, count_a), (mean_b, error_b, count_b) = ([x[0] for x in group] for group in (a, b))
    tested = (count_a >= least[0] - 1e-9) & (count_b >= least[1] - 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(error_a + error_b)
        difference = mean_b - mean_a
        freedom = _freedom(error_a, error_b, count_a, count_b)
        both = count_a + count_b - 2
        pooled = ((count_a - 1) * error_a * count_a + (count_b - 1) * error_b * count_b) / both
        effect = difference / np.sqrt(pooled) * (1 - 3 / (4 * both - 1))
        t = difference / error
        score = np.sign(t) * normal_score(t, freedom)

    def told(column: FloatArray) -> FloatArray:
        return np.asarray(np.where(tested, column, np.nan))

    return Contrast(
        mean_a=told(mean_a + block.centre),
        mean_b=told(mean_b + block.centre),
        difference=told(difference),
        error=told(error),
        t=told(t),
        freedom=told(freedom),
        score=told(score),
        effect=told(effect),
        count_a=count_a,
        count_b=count_b,
    )


def infer(
    values: npt.NDArray[np.floating],
    weights: npt.NDArray[np.floating],
    is_b: BoolArray,
    rng: np.random.Generator,
    options: PermutationOptions | None = None,
    *,
    in_line: int | None = None,
) -> Inference:
    """Compare two groups of sessions in K columns as one family.

    Args:
        values: S×K; what counts nothing is not NaN but has the weight 0.
        weights: S×K, 0 or more.
        is_b: bool S, which sessions are of group B.
        rng: shuffles the labels.
        options: how.
        in_line: the first columns, which follow each other (a timeline); p-values of these share one null
            distribution, and only these form clusters. All where left out.

    Returns:
        See :class:`Inference`; without any column to test, p-values are NaN and there is no cluster.
    """
    options = options or PermutationOptions()
    k = values.shape[1]
    in_line = k if in_line is None else in_line
    seen = _whole_contrast(values, weights, is_b, options)
    tested = ~np.isnan(seen.t)
    labels, exhaustive = _labellings(is_b, options.shuffles, rng)
    null = _Null()
    clusters = _Clusters(len(labels), options.cluster_at)
    highest = np.zeros(len(labels))
    size = np.abs(np.where(tested, seen.score, 0.0))
    own_p = np.full(k, np.nan)
    own_point = np.full(k, np.nan)
    for columns in _blocks(k, in_line, max(1, options.block_cells // len(labels))):
        block = _Block.of(values[:, columns], weights[:, columns])
        # Where a shuffle has sessions enough is asked of the shuffle, not of what was seen: the largest score
        # must be the same function of every labelling.
        score, above, valid = block.scores(labels, options.least(is_b))
        np.maximum(highest, score.max(axis=1), out=highest)
        if columns.start < in_line:
            null.add(score, valid)
            clusters.add(score, above)
        else:
            own_p[columns] = (1 + (score >= size[columns] - 1e-9).sum(axis=0)) / (1 + len(labels))
            own_point[columns] = [_threshold(line, options.level) for line in score.T]
    p = np.where(np.arange(k) < in_line, null.p(size, smallest_p(int((~is_b).sum()), int(is_b.sum()))), own_p)
    pointwise = np.where(np.arange(k) < in_line, null.threshold(options.level), own_point)
    descending = np.sort(highest)
    beyond = len(labels) - np.searchsorted(descending, size - 1e-9, side="left")
    return Inference(
        contrast=seen,
        p=np.where(tested, p, np.nan),
        pointwise=np.where(tested, pointwise, np.nan),
        family_p=np.where(tested, (1 + beyond) / (1 + len(labels)), np.nan),
        threshold=_threshold(highest, options.level),
        clusters=clusters.found(np.where(tested, seen.score, 0.0)[:in_line]),
        shuffles=len(labels),
        exhaustive=exhaustive,
    )


@dataclass(frozen=True, slots=True)
class _Block:
    """Sums that every labelling of a block of columns is made of."""

    parts: list[FloatArray]
    totals: list[FloatArray]
    centre: FloatArray
    scale: FloatArray
    plain: bool

    @classmethod
    def of(cls, values: npt.NDArray[np.floating], weights: npt.NDArray[np.floating]) -> _Block:
        w = weights.astype(np.float64)
        total = w.sum(axis=0)
        summed = (w * values).sum(axis=0)
        centre = np.divide(summed, total, out=np.zeros_like(total), where=total > 0)
        x = np.where(w > 0, values - centre, 0.0)
        wx = w * x
        plain = bool(((w == 0) | (w == 1)).all())
        parts = [w, wx, wx * x] if plain else [w, wx, w * w, w * wx, wx * wx]
        scale = np.divide((wx * x).sum(axis=0), total, out=np.zeros_like(total), where=total > 0)
        return cls(parts, [p.sum(axis=0) for p in parts], centre, scale, plain)

    def sums(self, labels: FloatArray) -> list[FloatArray]:
        """Of group B, a row a labelling."""
        return [labels @ part for part in self.parts]

    def scores(self, labels: FloatArray, least: tuple[float, float]) -> tuple[FloatArray, BoolArray, BoolArray]:
        """P×columns: every labelling's score without sign, whether B is above A, and whether both have sessions enough.

        The score is 0 where they have not.
        """
        b = self.sums(labels)
        mean_b, error_b, count_b = _moments(b, self.scale)
        for total, part in zip(self.totals, b, strict=True):
            np.subtract(total, part, out=part)
        mean_a, error_a, count_a = _moments(b, self.scale)
        valid = (count_a >= least[0] - 1e-9) & (count_b >= least[1] - 1e-9)
        with np.errstate(divide="ignore", invalid="ignore"):
            freedom = _freedom(error_a, error_b, count_a, count_b)
            mean_b -= mean_a
            above = mean_b > 0
            error_b += error_a
            mean_b *= mean_b
            mean_b /= error_b
            mean_b /= freedom
            score = np.log1p(mean_b, out=mean_b)
            score *= freedom
            np.sqrt(score, out=score)
            freedom *= 8
            score *= 1 - 2 / (freedom + 3)
        valid &= np.isfinite(score)
        score[~valid] = 0.0
        return score, above, valid


def _freedom(error_a: FloatArray, error_b: FloatArray, count_a: FloatArray, count_b: FloatArray) -> FloatArray:
    """Welch and Satterthwaite's, from the variances of the means."""
    both = error_a + error_b
    return np.asarray(both * both / (error_a * error_a / (count_a - 1) + error_b * error_b / (count_b - 1)))


def _moments(sums: list[FloatArray], scale: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted mean, its variance (Hájek's, times n/(n-1)) and Kish's effective number, from sums over a group."""
    w, wx, *rest = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = wx / w
        if len(rest) == 1:
            count = w
            variance = (rest[0] / w - mean * mean) / (w - 1)
        else:
            ww, wwx, wwxx = rest
            count = w * w / ww
            variance = (wwxx - 2 * mean * wwx + mean * mean * ww) / (w * w) * (count / (count - 1))
        count = np.where(w > 1e-12, count, 0.0)
        np.maximum(variance, _FLOOR * (scale + 1e-12), out=variance)
    return mean, variance, count


def _whole_contrast(values: npt.NDArray[np.floating], weights: npt.NDArray[np.floating], is_b: BoolArray,
                    options: PermutationOptions) -> Contrast:  # fmt: skip
    size = max(1, options.block_cells // max(len(is_b), 1))
    parts = [
        contrast(values[:, c], weights[:, c], is_b, options.least(is_b))
        for c in _blocks(values.shape[1], values.shape[1], size)
    ]
    return Contrast(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Contrast.__dataclass_fields__)
    )


def _labellings(is_b: BoolArray, shuffles: int, rng: np.random.Generator) -> tuple[FloatArray, bool]:
    """P×S of 0 and 1: other labellings than the one seen; all of them where there are no more than asked for."""
    n, of_b = len(is_b), int(is_b.sum())
    if math.comb(n, of_b) - 1 <= shuffles:
        rows = [c for c in itertools.combinations(range(n), of_b) if not is_b[list(c)].all()]
        labels = np.zeros((len(rows), n))
        for row, chosen in zip(labels, rows, strict=True):
            row[list(chosen)] = 1
        return labels, True
    return rng.permuted(np.tile(is_b.astype(np.float64), (shuffles, 1)), axis=1), False


def _threshold(sizes: FloatArray, level: float) -> float:
    """What a score has to exceed for (1 + shuffles that reach it) / (1 + shuffles) to be at most the level."""
    allowed = math.floor(level * (len(sizes) + 1) + 1e-9)
    return float(np.sort(sizes)[-allowed]) if 1 <= allowed <= len(sizes) else math.inf


def _blocks(k: int, in_line: int, size: int) -> Iterator[slice]:
    """Columns in blocks; those in line and those after it are never in one."""
    for low, high in ((0, in_line), (in_line, k)):
        for start in range(low, high, size):
            yield slice(start, min(start + size, high))


class _Null:
    """The scores of all shuffles and columns in line, in bins."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS + 1, np.int64)

    def add(self, score: FloatArray, valid: BoolArray) -> None:
        """Take a block, P×columns; what is not valid is passed over."""
        bins = np.minimum(score * _BINS_PER_UNIT, _BINS).astype(np.int32)
        bins[~valid] = _BINS + 1
        self._counts += np.bincount(bins.ravel(), minlength=_BINS + 2)[:-1]

    def p(self, score: FloatArray, least: float) -> FloatArray:
        """float64 K; a whole bin counts as reached, and none is below what the design's own shuffles could give."""
        tails = np.cumsum(self._counts[::-1])[::-1]
        bins = np.minimum(score * _BINS_PER_UNIT, _BINS).astype(np.intp)
        return np.asarray(np.clip((1 + tails[bins]) / (1 + tails[0]), least, 1.0))

    def threshold(self, level: float) -> float:
        """The score from which ``p`` is at most the level."""
        tails = np.cumsum(self._counts[::-1])[::-1]
        within = (1 + tails) / (1 + tails[0]) <= level
        return float(np.argmax(within)) / _BINS_PER_UNIT if within.any() else math.inf


class _Clusters:
    """The heaviest cluster of every shuffle, over blocks of columns in order."""

    def __init__(self, shuffles: int, at: float) -> None:
        self._at = at
        self._open = {1.0: np.zeros(shuffles), -1.0: np.zeros(shuffles)}
        self._heaviest = np.zeros(shuffles)

    def add(self, score: FloatArray, above: BoolArray) -> None:
        """Take the next columns, P×columns."""
        beyond = score > self._at
        for sign, carried in self._open.items():
            inside = beyond & above if sign > 0 else beyond & ~above
            mass = np.cumsum(np.where(inside, score, 0.0), axis=1)
            mass += carried[:, None]
            base = np.maximum.accumulate(np.where(inside, 0.0, mass), axis=1)
            mass -= base
            np.maximum(self._heaviest, mass.max(axis=1), out=self._heaviest)
            carried[:] = mass[:, -1]

    def found(self, score: FloatArray) -> tuple[Cluster, ...]:
        """Clusters of the labelling that was seen."""
        out = []
        for sign in (1.0, -1.0):
            above = np.concatenate([[False], sign * score > self._at, [False]])
            edges = np.flatnonzero(above[1:] != above[:-1])
            for first, end in zip(edges[::2], edges[1::2], strict=True):
                mass = float(np.abs(score[first:end]).sum())
                reached = int((self._heaviest >= mass - 1e-9).sum())
                out.append(Cluster(int(first), int(end) - 1, mass, (1 + reached) / (1 + len(self._heaviest))))
        return tuple(sorted(out, key=lambda c: c.first))
