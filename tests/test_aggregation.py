"""The privacy gate: what leaves, what is suppressed, and how wide the intervals are."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.aggregation import Aggregator
from mien.core.audience import AudienceSnapshot, AudienceStep
from mien.core.faces import FaceReading, FrameReading, UnreadReason
from mien.core.labels import EMOTIONS, FERPLUS8, LabelSet, label_set
from mien.core.settings import AudienceSettings

MODEL = "0" * 64


def face(track: int, probabilities: Iterable[float] | None, yaw: float = 0.0) -> FaceReading:
    read = None if probabilities is None else np.asarray(list(probabilities), np.float32)
    return FaceReading(
        track, np.zeros(4, np.float32), np.zeros((5, 2), np.float32), 1.0, 1.0, yaw, 0.0, 0.0,
        UnreadReason.BLURRED if read is None else None, read, None, None,
    )  # fmt: skip


def turned(yaw: float, pitch: float, *, pitch_known: bool) -> FaceReading:
    return replace(face(0, pure("fear"), yaw), pitch_degrees=pitch, pitch_known=pitch_known)


def pure(emotion: str, strength: float = 1.0) -> list[float]:
    rest = (1 - strength) / 7
    return [strength if e == emotion else rest for e in EMOTIONS]


def frame(time: float, *faces: FaceReading) -> FrameReading:
    return FrameReading(round(time * 30), time, faces, 0.0, 0.0)


def run(readings: Iterable[FrameReading], labels: LabelSet = FERPLUS8, **options: float) -> list[AudienceStep]:
    gate = Aggregator("s", MODEL, labels, AudienceSettings(**{"step_seconds": 0.5, **options}))
    steps = [step for reading in readings for step in gate.add(reading)]
    return [*steps, *gate.finish()]


def snapshots(steps: list[AudienceStep]) -> list[AudienceSnapshot]:
    return [step.snapshot for step in steps]


def test_steps_lie_on_the_grid_and_gaps_are_told() -> None:
    got = snapshots(run([frame(0.0, face(0, pure("fear"))), frame(0.49), frame(2.1, face(0, pure("fear")))]))
    assert [s.media_time for s in got] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert [s.frames for s in got] == [2, 0, 0, 0, 1]
    assert all(s.emotions is None for s in got[1:4])


def test_a_timestamp_a_rounding_error_short_of_a_step_belongs_to_it() -> None:
    got = snapshots(run([frame(k * 0.1, face(0, pure("fear"))) for k in range(10)]))
    assert [s.frames for s in got] == [5, 5]


def test_a_step_of_every_frame() -> None:
    got = snapshots(run([frame(0.0), frame(0.033), frame(0.066)], step_seconds=0))
    assert [(s.media_time, s.duration_seconds) for s in got] == [(0.0, 0.0), (0.033, 0.0), (0.066, 0.0)]


def test_means_are_over_sightings_read_in_points() -> None:
    (one,) = snapshots(
        run([frame(0.0, face(0, pure("fear")), face(1, pure("neutral"))), frame(0.1, face(0, pure("fear")))])
    )
    assert one.emotions is not None
    assert one.emotions.fear == pytest.approx(100 * 2 / 3)
    assert one.emotions.neutral == pytest.approx(100 / 3)


def test_the_unread_leave_the_mean_and_lower_the_coverage() -> None:
    (one,) = snapshots(run([frame(0.0, face(0, pure("fear")), face(1, None)), frame(0.1, face(0, pure("fear")))]))
    assert one.emotions is not None
    assert one.emotions.fear == pytest.approx(100)
    assert one.coverage == pytest.approx(0.75)
    assert one.unread is not None
    assert one.unread.blurred == 1


def test_a_frame_without_a_face_covers_nothing() -> None:
    gone = snapshots(run([frame(0.0, face(0, pure("fear"))), frame(0.1), frame(0.6)]))
    assert [s.coverage for s in gone] == [0.5, 0.0]
    assert gone[1].present == 0


@pytest.mark.parametrize(("people", "suppressed"), [(4, True), (5, False)])
def test_below_the_minimum_group_only_time_is_left(people: int, suppressed: bool) -> None:
    (one,) = run([frame(0.0, *(face(t, pure("fear")) for t in range(people)))], min_group=5)
    assert one.snapshot.suppressed is suppressed
    if suppressed:
        assert one.replicates is None
        told = one.snapshot.model_dump(exclude_none=True)
        assert set(told) <= {
            "schema_version", "session_id", "source", "zone", "media_time", "duration_seconds", "suppressed", "demo",
        }  # fmt: skip


def test_the_group_is_counted_at_once_not_over_time() -> None:
    """Ten tracks of which never more than two are readable together are a group of two."""
    readings = [frame(0.04 * k, face(2 * k, pure("fear")), face(2 * k + 1, pure("fear"))) for k in range(5)]
    (one,) = snapshots(run(readings, min_group=5))
    assert one.suppressed


def test_unread_faces_do_not_fill_a_group() -> None:
    crowd = [face(t, pure("fear") if t < 4 else None) for t in range(9)]
    assert snapshots(run([frame(0.0, *crowd)], min_group=5))[0].suppressed


def test_one_person_has_no_interval() -> None:
    (one,) = run([frame(0.0, face(0, pure("fear")))])
    assert one.snapshot.intervals is None
    assert one.snapshot.covariance is None
    assert one.replicates is None


def test_replicates_belong_to_tracks() -> None:
    """The same tracks get the same weights in every step, so that changes over time can be resampled."""
    people = [face(t, pure("fear", 0.2 + 0.1 * t)) for t in range(6)]
    first, second = run([frame(0.0, *people), frame(0.6, *reversed(people))])
    assert first.replicates is not None
    assert second.replicates is not None
    assert np.allclose(first.replicates.means, second.replicates.means, equal_nan=True)


def test_replicates_never_leave() -> None:
    (one,) = run([frame(0.0, face(0, pure("fear")), face(1, pure("anger")))])
    with pytest.raises(TypeError, match="never leave"):
        pickle.dumps(one.replicates)


@pytest.mark.parametrize("people", [3, 5, 12, 40])
def test_intervals_hold_their_promise(people: int) -> None:
    """In 300 audiences drawn from one population the 95 % interval holds its mean about 95 times in 100."""
    generator = np.random.default_rng(people)
    hits, width, trials = 0, 0.0, 300
    for trial in range(trials):
        fear = generator.beta(4, 4, people)
        crowd = [face(1000 * trial + t, pure("fear", float(p))) for t, p in enumerate(fear)]
        (one,) = snapshots(run([frame(0.0, *crowd)]))
        assert one.intervals is not None
        hits += one.intervals.fear.low <= 50.0 <= one.intervals.fear.high
        width += one.intervals.fear.high - one.intervals.fear.low
    assert 0.91 <= hits / trials <= 0.995
    assert width / trials < 95


@settings(max_examples=40)
@given(st.lists(st.lists(st.floats(0.01, 1), min_size=8, max_size=8), min_size=1, max_size=7), st.randoms())
def test_the_order_of_faces_and_their_numbers_change_no_mean(rows: list[list[float]], shuffle: object) -> None:
    people = [face(t, np.array(r) / sum(r)) for t, r in enumerate(rows)]
    other = [face(t + 50, np.array(r) / sum(r)) for t, r in enumerate(reversed(rows))]
    (a,), (b,) = snapshots(run([frame(0.0, *people)])), snapshots(run([frame(0.0, *other)]))
    assert a.emotions is not None
    assert b.emotions is not None
    assert a.emotions.values() == pytest.approx(b.emotions.values(), abs=1e-4)
    assert sum(a.emotions.values()) == pytest.approx(100, abs=1e-3)


def test_a_view_is_taken_of_each_face_before_the_mean() -> None:
    """A happy and a surprised person are not two happily surprised ones."""
    (one,) = snapshots(
        run([frame(0.0, face(0, pure("happiness")), face(1, pure("surprise")))], label_set("compound12"))
    )
    assert one.view is not None
    assert one.view.percents["happily surprised"] == 0
    assert one.view.percents["happy"] == pytest.approx(50)


def test_facing_and_shares() -> None:
    (one,) = snapshots(
        run([frame(0.0, face(0, pure("fear", 0.8), yaw=10), face(1, pure("fear", 0.3), yaw=50), face(2, None, yaw=0))])
    )
    assert one.facing_share == pytest.approx(2 / 3)
    assert one.shares is not None
    assert one.shares.fear == (1.0, 0.5, 0.5)
    assert one.tracks == 2


def course(track: int, times: np.ndarray, fear: np.ndarray) -> dict[float, FaceReading]:
    """One face whose fear follows a curve (shares 0–1); the rest is neutral."""
    shares = {
        t: [1 - f if e == "neutral" else f if e == "fear" else 0.0 for e in EMOTIONS]
        for t, f in zip(times, fear, strict=True)
    }
    return {t: face(track, p) for t, p in shares.items()}


class TestSynchrony:
    TIMES = np.arange(0, 30, 0.5)

    def of(self, *curves: np.ndarray, **options: float) -> list[float | None]:
        people = [course(track, self.TIMES, curve) for track, curve in enumerate(curves)]
        steps = run([frame(float(t), *(p[t] for p in people)) for t in self.TIMES], FERPLUS8, **options)
        return [s.synchrony for s in snapshots(steps)]

    def wave(self, phase: float = 0.0, height: float = 0.3) -> np.ndarray:
        return np.asarray(0.4 + height * np.sin(2 * np.pi * (self.TIMES / 8 + phase)))

    def test_who_moves_alike_is_in_synchrony_however_strongly(self) -> None:
        got = self.of(self.wave(), self.wave(height=0.1), self.wave(height=0.2), self.wave())
        assert got[6] is None
        assert got[-1] == pytest.approx(1.0, abs=1e-6)

    def test_who_moves_by_themselves_is_not(self) -> None:
        generator = np.random.default_rng(4)
        got = self.of(*(generator.uniform(0, 0.8, len(self.TIMES)) for _ in range(12)))
        told = [v for v in got if v is not None]
        assert abs(float(np.mean(told))) < 0.1

    def test_one_against_the_others_is_negative_for_that_one(self) -> None:
        together = self.of(self.wave(), self.wave(), self.wave())[-1]
        apart = self.of(self.wave(), self.wave(), self.wave(phase=0.5))[-1]
        assert together is not None
        assert apart is not None
        assert apart < together - 0.5

    def test_two_faces_still_faces_and_single_frames_have_none(self) -> None:
        assert set(self.of(self.wave(), self.wave())) == {None}
        assert set(self.of(*[np.full(len(self.TIMES), 0.5)] * 5)) == {None}
        assert set(self.of(self.wave(), self.wave(), self.wave(), step_seconds=0.0)) == {None}

    def test_it_forgets_what_is_longer_ago_than_its_window(self) -> None:
        first = np.where(self.TIMES < 15, self.wave(), self.wave())
        other = np.where(self.TIMES < 15, self.wave(phase=0.5), self.wave())
        got = self.of(first, first, other, other)
        assert got[29] is not None
        assert got[29] < 0.1
        assert got[-1] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("yaw", "pitch", "known", "facing"),
    [
        (20.0, 10.0, True, 1.0),
        (20.0, 35.0, True, 0.0),
        (20.0, 35.0, False, 1.0),
        (-10.0, 10.0, True, 0.0),
        (-10.0, 10.0, False, 0.0),
    ],
)
def test_a_face_is_turned_to_the_screen_up_and_down_too_where_its_pitch_is_known(
    yaw: float, pitch: float, known: bool, facing: float
) -> None:
    (step,) = run(
        [frame(0.0, turned(yaw, pitch, pitch_known=known))], screen_yaw_degrees=20.0, screen_pitch_degrees=12.0
    )
    assert step.snapshot.facing_share == facing


def test_without_a_screen_pitch_nobody_looks_at_pitch() -> None:
    (step,) = run([frame(0.0, turned(0.0, 60.0, pitch_known=True))])
    assert step.snapshot.facing_share == 1.0
