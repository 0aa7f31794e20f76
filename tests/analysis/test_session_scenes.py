"""Each scene of one session: means by what was read, and reasons where there is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.analysis.distribution import canonical_levels
from mien.analysis.film_time import FilmTime
from mien.analysis.scenes import Scene
from mien.analysis.series import Series
from mien.analysis.session_scenes import SceneReading, SceneReadingOptions, read_scenes_of, strongest
from mien.core.audience import AudienceSnapshot
from mien.core.errors import InputError, SettingsError
from mien.core.findings import MetricSample, Moment, MomentKind, SampleLog
from mien.core.labels import EMOTIONS
from tests.report.factory import empty_step, gap_step, percents, read_step, suppressed_step

FEAR, HAPPINESS = EMOTIONS.index("fear"), EMOTIONS.index("happiness")
STEP = 0.5


def steps(levels: Sequence[float | None]) -> list[AudienceSnapshot]:
    """Fear a step; None is withheld."""
    return [
        suppressed_step(i * STEP) if v is None else read_step(i * STEP, percents(fear=v)) for i, v in enumerate(levels)
    ]


def read(
    snapshots: Sequence[AudienceSnapshot], *scenes: Scene, start: float = 0.0, **told: object
) -> tuple[SceneReading, ...]:
    series = Series.of(snapshots)
    time = FilmTime.starting_at(start, float(series.end[-1]) if len(series) else 0.0)
    return read_scenes_of(series, scenes, time, min_group=5, **told)  # type: ignore[arg-type]


def test_a_scene_has_the_mean_of_its_steps() -> None:
    [cellar, attic] = read(steps([10] * 10 + [50] * 10), Scene("Cellar", 0, 5), Scene("Attic", 5, 10))
    assert cellar.emotions is not None
    assert attic.emotions is not None
    assert cellar.emotions[FEAR] == pytest.approx(10)
    assert attic.emotions[FEAR] == pytest.approx(50)
    assert attic.recorded == ((5, 10),)
    assert (attic.read_share, attic.withheld) == (1, None)


def test_a_step_counts_by_how_much_of_it_lies_in_the_scene() -> None:
    [scene] = read(steps([0, 60, 0]), Scene("S", 0.25, 1.0))
    assert scene.emotions is not None
    assert scene.emotions[FEAR] == pytest.approx(60 * 0.5 / 0.75)


def test_a_step_counts_by_what_was_read_in_it() -> None:
    half = read_step(0.5, percents(fear=90), coverage=0.5)
    [scene] = read([read_step(0, percents(fear=0)), half], Scene("S", 0, 1))
    assert scene.emotions is not None
    assert scene.emotions[FEAR] == pytest.approx(90 * 0.5 / 1.5)
    assert scene.coverage == pytest.approx(0.75)


def test_scenes_are_in_the_films_time() -> None:
    [scene] = read(steps([10] * 8 + [50] * 12), Scene("Attic", 0, 6), start=4.0)
    assert scene.emotions is not None
    assert scene.emotions[FEAR] == pytest.approx(50)
    assert scene.recorded == ((4, 10),)


def test_a_scene_that_was_not_shown_says_so() -> None:
    [scene] = read(steps([10] * 4), Scene("After", 30, 40))
    assert (scene.emotions, scene.recorded) == (None, ())
    assert scene.withheld is not None
    assert "not shown" in scene.withheld


def test_below_the_smallest_group_nothing_is_told() -> None:
    [scene] = read(steps([None] * 10 + [20] * 10), Scene("Dark", 0, 5))
    assert (scene.emotions, scene.shock, scene.scares, scene.coverage, scene.readable) == (None, None, None, None, 0)
    assert scene.withheld == "fewer than 5 faces were readable at once"


def test_a_scene_that_is_partly_withheld_is_of_the_rest() -> None:
    [scene] = read(steps([None] * 4 + [20] * 6), Scene("S", 0, 5))
    assert scene.emotions is not None
    assert scene.emotions[FEAR] == pytest.approx(20)
    assert scene.read_share == pytest.approx(0.6)


def test_too_little_is_not_told() -> None:
    snapshots = [read_step(0, percents(fear=90)), *[empty_step(i * STEP) for i in range(1, 20)]]
    [scene] = read(snapshots, Scene("Empty hall", 0, 10))
    assert scene.emotions is None
    assert scene.withheld == "read in 5 % of the scene, less than 25 %"
    [told] = read(snapshots, Scene("Empty hall", 0, 10), options=SceneReadingOptions(least_share=0.01))
    assert told.withheld is None


def test_nothing_read_is_said() -> None:
    [scene] = read([gap_step(i * STEP) for i in range(10)], Scene("S", 0, 5))
    assert scene.withheld == "nothing was read in this scene"
    [scene] = read([], Scene("S", 0, 5))
    assert scene.withheld == "nothing was read in this scene"


def test_scares_and_shock_are_of_the_scene_they_begin_in() -> None:
    log = SampleLog("shock", "points")
    for i in range(20):
        if i < 10:
            log.append(MetricSample("shock", i * STEP, None, withheld="the baseline is not established yet"))
        else:
            log.append(MetricSample("shock", i * STEP, 40.0 + i))
    scare = Moment(MomentKind.SCARE, "shock", 6.0, 6.5, 7.0, 60, 50, 1, 9)
    [calm, loud] = read(steps([10] * 20), Scene("Calm", 0, 5), Scene("Loud", 5, 10), shock=log, moments=(scare,))
    assert (calm.shock, calm.scares, calm.shock_withheld) == (None, None, "the baseline is not established yet")
    assert (loud.scares, loud.shock_withheld) == (1, None)
    assert loud.shock == pytest.approx(40 + np.arange(10, 20).mean())
    assert loud.shock_peak == pytest.approx(59)


@given(st.lists(st.floats(0, 100), min_size=4, max_size=40), st.integers(1, 3))
def test_one_scene_that_is_the_whole_session_has_the_sessions_mean(levels: list[float], frames: int) -> None:
    snapshots = [
        read_step(i * STEP, percents(fear=v), coverage=0.2 + 0.8 * (i % 3) / 3, frames=frames + i % 2)
        for i, v in enumerate(levels)
    ]
    [scene] = read(snapshots, Scene("All", 0, len(levels) * STEP))
    assert scene.emotions is not None
    means = [level.mean for level in canonical_levels(Series.of(snapshots))]
    np.testing.assert_allclose(scene.emotions, means, atol=1e-6)


def test_single_frames_last_until_the_next() -> None:
    snapshots = [read_step(i * 0.1, percents(fear=i), duration_seconds=0.0, frames=1) for i in range(20)]
    [scene] = read(snapshots, Scene("S", 0.5, 1.0))
    assert scene.emotions is not None
    assert scene.emotions[FEAR] == pytest.approx(7)


def test_overlapping_scenes_are_refused() -> None:
    with pytest.raises(InputError, match="overlap"):
        read(steps([1] * 10), Scene("A", 0, 3), Scene("B", 2, 5))


def test_a_share_beyond_one_is_refused() -> None:
    with pytest.raises(SettingsError):
        SceneReadingOptions(least_share=1.5)


def test_the_strongest_come_first() -> None:
    values = [0.0] * 8
    values[FEAR], values[HAPPINESS] = 30, 50
    assert strongest(values) == (("happiness", 50), ("fear", 30))
