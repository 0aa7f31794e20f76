"""Every figure comes from frames that were seen: real clips tell their story, and shuffling them shuffles it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mien.core.audience import Analysis, AudienceSnapshot
from mien.core.faces import Frame, UInt8Array
from mien.core.labels import EMOTIONS
from mien.core.settings import PROFILES
from mien.models import bundled
from tests.e2e.support import decode, reordered, run, with_settings

INTERVIEW = PROFILES["interview"]
EVERY_FRAME = with_settings(INTERVIEW, smoothing={"seconds": 0.0, "label_seconds": 0.0}, audience={"step_seconds": 0.0})


def curve(analysis: Analysis, emotion: str) -> tuple[np.ndarray, np.ndarray]:
    """Times and points of one emotion over the steps that have a reading."""
    rows = [(s.media_time, getattr(s.emotions, emotion)) for s in analysis.timeline.snapshots if s.emotions]
    times, points = zip(*rows, strict=True)
    return np.array(times), np.array(points)


@pytest.fixture(scope="module")
def smile(shared: Path) -> list[Frame]:
    return decode(shared / "data" / "clips" / "WolfgangLanger_Pexels.mp4")


def test_sadness_gives_way_to_happiness(smile: list[Frame]) -> None:
    """She looks down calmly, then as if to cry until she begins to smile, and she smiles broadly at the end."""
    analysis = run(smile, rate=24.0)
    times, sad = curve(analysis, "sadness")
    _, happy = curve(analysis, "happiness")
    _, neutral = curve(analysis, "neutral")
    end = times[-1]
    assert neutral[0] > max(sad[0], happy[0])
    assert (sad > happy + 20)[(times > 0.05 * end) & (times < 0.3 * end)].all()
    assert sad[times < 0.3 * end].mean() > happy[times < 0.3 * end].mean() + 20
    assert happy[times > 0.85 * end].mean() > 70
    crossing = times[np.flatnonzero(happy <= sad).max() + 1]
    assert 0.3 * end < crossing < 0.85 * end


def test_coverage_falls_when_the_face_leaves(shared: Path) -> None:
    analysis = run(decode(shared / "data" / "clips" / "face_noface.mov"))
    coverage = [s.coverage for s in analysis.timeline.snapshots if s.coverage is not None]
    assert coverage[0] > 0.9
    assert coverage[-1] == 0.0


def test_neutral_happy_neutral(shared: Path) -> None:
    """He smiles from 0.6 s on, and drops it at the very end: only the last frame is neutral again."""
    profile = with_settings(INTERVIEW, audience={"step_seconds": 0.0})
    analysis = run(decode(shared / "data" / "clips" / "single_face.mp4"), profile)
    times, happy = curve(analysis, "happiness")
    _, neutral = curve(analysis, "neutral")
    middle = (times > 0.8) & (times < 2.2)
    assert happy[middle].min() > 90
    assert neutral[0] > happy[0]
    assert neutral[-1] > happy[-1]


def told(snapshot: AudienceSnapshot) -> dict[str, object]:
    """Everything a snapshot says but when."""
    return snapshot.model_dump(exclude={"media_time"})


def test_with_smoothing_off_shuffled_frames_give_shuffled_snapshots(smile: list[Frame]) -> None:
    frames = smile[::8]
    order = np.random.default_rng(11).permutation(len(frames)).tolist()
    straight = run(frames, EVERY_FRAME).timeline.snapshots
    shuffled = run(reordered(frames, order), EVERY_FRAME).timeline.snapshots
    assert len(shuffled) == len(straight) == len(frames)
    for position, original in enumerate(order):
        assert told(shuffled[position]) == told(straight[original])


def test_shuffled_blocks_shuffle_the_timeline_away_from_the_seams(smile: list[Frame]) -> None:
    """Three blocks of ten seconds, made of the clip at a third of its speed, in two orders, smoothing on."""
    frames = [Frame(f.image, k, 0.1 * k) for k, f in enumerate(smile[:450:3] + smile[:450:3])][:300]
    block, order = 100, [2, 0, 1]
    moved = [block * o + k for o in order for k in range(block)]
    straight = run(frames, rate=10.0).timeline.snapshots
    shuffled = run(reordered(frames, moved), rate=10.0).timeline.snapshots
    steps = 20
    for position, original in enumerate(order):
        for step in range(2, steps):
            a = shuffled[position * steps + step].emotions
            b = straight[original * steps + step].emotions
            assert a is not None
            assert b is not None
            assert a.values() == pytest.approx(b.values(), abs=0.01)


def noisy_copies(image: UInt8Array, count: int) -> list[UInt8Array]:
    """Half as large, with faint sensor noise."""
    half, generator = image[::2, ::2], np.random.default_rng(0)
    return [np.clip(half + generator.normal(0, 1.5, half.shape), 0, 255).astype(np.uint8) for _ in range(count)]


@pytest.mark.parametrize("classifier", sorted(bundled()))
def test_copies_of_a_face_that_differ_by_noise_read_alike(smile: list[Frame], classifier: str) -> None:
    """Landmarks tremble with noise, and with them where a crop is cut: readings must not."""
    frames = [Frame(image, k, float(k)) for k, image in enumerate(noisy_copies(smile[0].image, 16))]
    analysis = run(frames, EVERY_FRAME.model_copy(update={"classifier": classifier}), rate=1.0)
    for emotion in EMOTIONS:
        _, points = curve(analysis, emotion)
        assert len(points) == len(frames)
        assert points.std() < 2
        assert np.ptp(points) < 8


def test_an_hour_of_one_still_face_is_flat(smile: list[Frame]) -> None:
    """The null test: nothing happens, so nothing is told; one frame a second with faint sensor noise."""
    noisy = noisy_copies(smile[0].image, 16)

    def hour() -> Iterator[Frame]:
        for second in range(3600):
            yield Frame(noisy[second % len(noisy)], second, float(second))

    profile = with_settings(INTERVIEW, audience={"step_seconds": 1.0})
    analysis = run(hour(), profile, rate=1.0)
    assert len(analysis.timeline.snapshots) == 3600
    for emotion in EMOTIONS:
        _, points = curve(analysis, emotion)
        assert points.std() < 3
        assert abs(points[:600].mean() - points[-600:].mean()) < 0.5

    from mien.analysis.moments import find_peaks

    assert find_peaks(analysis.timeline.snapshots) == ()
