"""One hall out of its zones, behind the privacy gate: summed over zones, none counted twice.

**A zone that several cameras show** is told by one of them at a time: by the one that reads the most people there. It
stays with that camera until another has read clearly more for a while, because cameras differ in angle and light, and
a change of camera must not look like a change of mood. Averaging the cameras instead would need to know which faces
are the same people, to count them once in an interval; recognising people is what Mien does not do.

**The hall** is the mean of its zones, each weighing what was read of it: the people present times the coverage, which
is the people read at once. Zones that are suppressed, unread or not filmed in a step count nothing, so nothing about
them can be worked out by subtraction. Replicates are drawn in each zone by itself (a stratified bootstrap), with the
zones' weights as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.core.audience import (
    WHOLE_AUDIENCE,
    AudienceSnapshot,
    AudienceStep,
    EmotionIntervals,
    EmotionPercents,
    EmotionShares,
    LabelView,
    Replicates,
    UnreadCounts,
)
from mien.core.intervals import interval
from mien.core.labels import EMOTIONS

SEVERAL_CAMERAS: Final = "hall"
"""Source of what more than one camera told."""
CLEARLY_MORE: Final = 1.2
"""A zone changes camera when another reads this many times the people…"""
CHANGE_AFTER_SECONDS: Final = 10.0
"""…for this long; at once when the present one reads nobody."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HallStep:
    """One step of a hall.

    Attributes:
        whole: the hall.
        zones: each zone by its name, as the camera that tells it saw it.
    """

    whole: AudienceStep
    zones: Mapping[str, AudienceStep]


@dataclass(slots=True)
class _Choice:
    """Which camera tells a zone, and since when another is clearly better."""

    camera: int | None = None
    better_since: dict[int, float] = field(default_factory=dict)


class Hall:
    """Sums the zones of a hall step by step.

    Args:
        zones: every zone, in the order they are told in.
    """

    def __init__(self, zones: Sequence[str]) -> None:
        self._choices = {zone: _Choice() for zone in zones}

    def add(self, seen: Mapping[str, Sequence[AudienceStep | None]]) -> HallStep:
        """Take one step of all cameras.

        Args:
            seen: by zone, what each camera told of it, or None for a camera that does not show it or has ended; the
                same step of media time throughout.

        Raises:
            ValueError: no camera tells anything, or they tell of different times.
        """
        told = [step.snapshot for steps in seen.values() for step in steps if step is not None]
        if not told:
            raise ValueError("a step of a hall needs a camera that tells it")
        if len({(s.media_time, s.duration_seconds) for s in told}) > 1:
            raise ValueError("the cameras of a hall tell of different times")
        zones = {}
        for zone, choice in self._choices.items():
            camera = _choose(choice, seen.get(zone, ()), told[0].media_time)
            if camera is None:
                zones[zone] = AudienceStep(told[0].gap(zone=zone), None)
                continue
            step = seen[zone][camera]
            assert step is not None
            zones[zone] = step
        return HallStep(sum_of(list(zones.values())), zones)


def _choose(choice: _Choice, steps: Sequence[AudienceStep | None], media_time: float) -> int | None:
    """The camera that tells a zone in this step; None where none shows it."""
    known = [k for k, step in enumerate(steps) if step is not None]
    if not known:
        return None
    read = {k: _people(steps[k]) for k in known}
    best = max(known, key=lambda k: (read[k], _rank(steps[k]), -k))
    now = choice.camera
    if now not in read or (read[now] == 0 and read[best] > 0):
        choice.camera, choice.better_since = best, {}
        return best
    if read[now] == 0:
        # Nobody is read by any: the most telling reason, without settling on its camera.
        return best
    for k in known:
        if read[k] >= CLEARLY_MORE * read[now]:
            choice.better_since.setdefault(k, media_time)
        else:
            choice.better_since.pop(k, None)
    since = choice.better_since.get(best)
    if since is not None and media_time - since >= CHANGE_AFTER_SECONDS:
        choice.camera, choice.better_since = best, {}
    return choice.camera


def _people(step: AudienceStep | None) -> int:
    """People read at once; 0 where nothing is told of anybody."""
    if step is None or step.snapshot.emotions is None:
        return 0
    return step.snapshot.readable or 0


def _rank(step: AudienceStep | None) -> int:
    """How much a step without a reading says: frames before none, withheld before nothing."""
    if step is None:
        return 0
    return 2 if step.snapshot.suppressed else 1 if step.snapshot.frames else 0


def sum_of(steps: Sequence[AudienceStep]) -> AudienceStep:
    """Several zones as one audience, see the module's text.

    Args:
        steps: one a zone, of one step of media time; no person is in two of them.

    Returns:
        The step of the whole. Its emotions, view, shares, facing share and synchrony are means over zones (by people
        read, people read, tracks, people present, tracks); people, tracks and unread sightings are sums; its
        covariance holds the spread within and between zones. Synchrony is that within zones: faces of different zones
        are not compared. It is suppressed where a zone is and no other tells anything.
    """
    first = steps[0].snapshot
    told = [s for s in steps if not s.snapshot.suppressed]
    sources = {s.snapshot.source for s in steps}
    span = {
        "session_id": first.session_id,
        "source": first.source if len(sources) == 1 else SEVERAL_CAMERAS,
        "zone": WHOLE_AUDIENCE,
        "media_time": first.media_time,
        "duration_seconds": first.duration_seconds,
        "demo": any(s.snapshot.demo for s in steps),
    }
    filmed = [s for s in told if s.snapshot.frames]
    read = [s for s in filmed if s.snapshot.emotions is not None]
    if len(told) < len(steps) and not read:
        return AudienceStep(AudienceSnapshot(**span, suppressed=True), None)
    if not filmed:
        return AudienceStep(AudienceSnapshot(**span, suppressed=False, frames=0, model=first.model), None)
    snapshots = [s.snapshot for s in filmed]
    present = np.array([s.present or 0 for s in snapshots], np.float64)
    known: dict[str, object] = {
        "frames": max(s.frames or 0 for s in snapshots),
        "present": int(present.sum()),
        "readable": sum(s.readable or 0 for s in snapshots),
        "coverage": _weighted([s.coverage or 0.0 for s in snapshots], present),
        "unread": UnreadCounts(
            **{name: sum(getattr(s.unread, name) for s in snapshots if s.unread) for name in UnreadCounts.model_fields}
        ),
        "tracks": sum(s.tracks or 0 for s in snapshots),
        "model": snapshots[0].model,
    }
    facing = [(s.facing_share, max(s.present or 0, 1)) for s in snapshots if s.facing_share is not None]
    if facing:
        known["facing_share"] = _weighted([share for share, _ in facing], np.array([n for _, n in facing], np.float64))
    if not read:
        return AudienceStep(AudienceSnapshot(**span, suppressed=False, **known), None)
    told_of, replicates = _figures(read)
    return AudienceStep(AudienceSnapshot(**span, suppressed=False, **known, **told_of), replicates)


def _figures(read: Sequence[AudienceStep]) -> tuple[dict[str, object], Replicates | None]:
    """What zones that were read tell together."""
    snapshots = [s.snapshot for s in read]
    people = np.array([max(s.readable or 0, 1) for s in snapshots], np.float64)
    tracks = np.array([s.tracks or 0 for s in snapshots], np.float64)
    means = np.array([s.emotions.values() for s in snapshots if s.emotions is not None])
    mean = people @ means / people.sum()
    told: dict[str, object] = {"emotions": EmotionPercents.of(mean)}
    shares = np.array([[getattr(s.shares, e) for e in EMOTIONS] for s in snapshots if s.shares is not None])
    if len(shares) == len(snapshots):
        whole = np.clip(np.tensordot(tracks / tracks.sum(), shares, 1), 0, 1)
        told["shares"] = EmotionShares(**{e: tuple(map(float, whole[i])) for i, e in enumerate(EMOTIONS)})
    views = [s.view for s in snapshots if s.view is not None]
    if len(views) == len(snapshots):
        each = np.array([list(view.percents.values()) for view in views])
        percents = np.clip(people @ each / people.sum(), 0, 100)
        told["view"] = LabelView(
            label_set=views[0].label_set, percents=dict(zip(views[0].percents, map(float, percents), strict=True))
        )
    together = [(s.synchrony, n) for s, n in zip(snapshots, tracks, strict=True) if s.synchrony is not None]
    if together:
        told["synchrony"] = _weighted([value for value, _ in together], np.array([n for _, n in together]))
    if tracks.sum() > 1:
        told["covariance"] = _covariance(snapshots, tracks, means)
    replicates = _replicates(read, people)
    if replicates is not None:
        # Kish: a zone of n tracks that weighs w adds w²/n to the variance.
        effective = people.sum() ** 2 / (people**2 / np.maximum(tracks, 1)).sum()
        low, high = interval(mean, replicates.means.astype(np.float64), float(effective))
        told["intervals"] = EmotionIntervals.of(np.clip(low, 0, 100), np.clip(high, 0, 100))
    return told, replicates


def _replicates(read: Sequence[AudienceStep], people: FloatArray) -> Replicates | None:
    """Replicates of the whole: each zone's, weighed as the zones are; None where a zone has none.

    A zone of one person has no replicates; an interval over the others' alone would be too narrow.
    """
    drawn = [s.replicates.means.astype(np.float64) for s in read if s.replicates is not None]
    if len(drawn) < len(read):
        return None
    total = np.zeros(drawn[0].shape)
    weight = np.zeros(total.shape)
    for means, n in zip(drawn, people, strict=True):
        known = ~np.isnan(means)
        total += np.where(known, means, 0.0) * n
        weight += known * n
    means = np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)
    return Replicates(means.astype(np.float32))


def _covariance(snapshots: Sequence[AudienceSnapshot], tracks: FloatArray, means: FloatArray) -> tuple[float, ...]:
    """Over all tracks: the spread within zones, and between their means."""
    size = len(EMOTIONS)
    upper = np.triu_indices(size)
    scatter = np.zeros((size, size))
    centre = tracks @ means / tracks.sum()
    for snapshot, n, mean in zip(snapshots, tracks, means, strict=True):
        if snapshot.covariance is not None:
            within = np.zeros((size, size))
            within[upper] = snapshot.covariance
            scatter += (n - 1) * (within + np.triu(within, 1).T)
        scatter += n * np.outer(mean - centre, mean - centre)
    return tuple(float(v) for v in (scatter / (tracks.sum() - 1))[upper])


def _weighted(values: Sequence[float], weights: FloatArray) -> float:
    total = float(weights.sum())
    return float(np.dot(values, weights) / total) if total > 0 else 0.0
