"""The order of stages, on real models and pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest

from mien.assembly import Choices, assemble
from mien.core.errors import PolicyError, SettingsError
from mien.core.faces import FloatArray, Frame, HeadPoseEstimator, HeadPoses, UInt8Array, UnreadReason
from mien.core.labels import EMOTIONS, UNCERTAIN
from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.settings import PROFILES, InferenceSettings, Profile
from mien.models import bundled
from mien.pipeline import Pipeline
from tests.runtime.doubles import EverywhereDetector, ParticularClassifier

OWN = Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING)


def pipeline(**sections: dict[str, object]) -> Pipeline:
    profile = PROFILES["interview"]
    for name, values in sections.items():
        profile = profile.model_copy(update={name: getattr(profile, name).model_copy(update=values)})
    return assemble(profile, OWN, Choices(), InferenceSettings()).pipeline


@pytest.fixture(scope="module")
def crowd(shared: Path) -> Frame:
    picture = cv2.imread(str(shared / "data" / "crowd" / "group-1.jpg"))
    assert picture is not None
    return Frame(np.ascontiguousarray(picture[:, :, ::-1]), 0, 0.0)


def test_every_face_is_read_or_has_a_reason(crowd: Frame) -> None:
    reading = pipeline().process([crowd])[0]
    assert len(reading.faces) > 5
    for face in reading.faces:
        assert (face.unread is None) == (face.probabilities is not None)
        if face.probabilities is not None:
            assert face.probabilities.sum() == pytest.approx(1, abs=1e-4)
            assert face.label is not None


@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_crops_come_in_the_colour_that_the_classifier_sees(crowd: Frame, colour: Literal["grey", "rgb"]) -> None:
    profile = PROFILES["interview"]
    made = Pipeline(EverywhereDetector(), ParticularClassifier(colour), profile, authorise(OWN, profile))
    readings = made.process([crowd, Frame(crowd.image, 1, 1.0)])
    assert all(face.probabilities is not None for reading in readings for face in reading.faces)
    assert made.counts.faces_classified > 0


def test_strict_limits_leave_faces_unread_but_seen(crowd: Frame) -> None:
    seen = len(pipeline().process([crowd])[0].faces)
    strict = pipeline(quality={"min_face_px": 1000.0}).process([crowd])[0]
    assert len(strict.faces) == seen
    assert {face.unread for face in strict.faces} == {UnreadReason.TOO_SMALL}


def test_faces_over_the_cap_are_counted_not_dropped(crowd: Frame) -> None:
    seen = len(pipeline().process([crowd])[0].faces)
    capped = pipeline(detection={"max_faces": 3}, quality={"min_face_px": 0.0}).process([crowd])[0]
    assert len(capped.faces) == seen
    assert sum(face.unread is UnreadReason.OVER_CAP for face in capped.faces) == seen - 3


def test_faces_are_read_between_detections(crowd: Frame) -> None:
    still = [Frame(crowd.image, k, k / 30) for k in range(6)]
    every_third = pipeline(detection={"detect_every": 3})
    readings = every_third.process(still)
    assert every_third.counts.frames_detected == 2
    assert len({len(r.faces) for r in readings}) == 1
    assert len({f.track for r in readings for f in r.faces}) == len(readings[0].faces)


def batches(frames: list[Frame], size: int) -> Iterator[list[Frame]]:
    for start in range(0, len(frames), size):
        yield frames[start : start + size]


def test_batching_changes_nothing(crowd: Frame) -> None:
    frames = [Frame(np.roll(crowd.image, 3 * k, axis=1), k, k / 30) for k in range(5)]
    one, all_at_once = pipeline(), pipeline()
    single = [one.process(batch)[0] for batch in batches(frames, 1)]
    together = all_at_once.process(frames)
    for a, b in zip(single, together, strict=True):
        for x, y in zip(a.faces, b.faces, strict=True):
            assert x.track == y.track
            assert (x.probabilities is None) == (y.probabilities is None)
            if x.probabilities is not None and y.probabilities is not None:
                assert np.allclose(x.probabilities, y.probabilities, atol=1e-5)


def test_neutral_weight_is_applied_before_renormalising(crowd: Frame) -> None:
    plain = pipeline(quality={"min_face_px": 0.0}).process([crowd])[0]
    weighted = pipeline(quality={"min_face_px": 0.0}, audience={"neutral_weight": 0.7}).process([crowd])[0]
    for a, b in zip(plain.faces, weighted.faces, strict=True):
        if a.probabilities is None or b.probabilities is None:
            continue
        expected = a.probabilities * np.array([0.7, 1, 1, 1, 1, 1, 1, 1], np.float32)
        assert np.allclose(b.probabilities, expected / expected.sum(), atol=1e-5)


def test_there_is_no_pipeline_without_permission() -> None:
    with pytest.raises(PolicyError, match="basis"):
        assemble(PROFILES["interview"], Declaration(Purpose.PERSONAL, None), Choices(), InferenceSettings())


def test_a_grant_serves_only_its_own_profile() -> None:
    made = pipeline()
    other: Profile = PROFILES["cinema"]
    with pytest.raises(ValueError, match="grant"):
        Pipeline(made.detector, made.classifier, other, made.grant)


def still_frames(crowd: Frame, seconds: float, rate: float = 30.0) -> list[Frame]:
    return [Frame(crowd.image, k, k / rate) for k in range(round(seconds * rate))]


def test_faces_that_are_read_in_turns_keep_their_reading_between(crowd: Frame) -> None:
    in_turns = pipeline(reading={"hz": 10.0})
    readings = in_turns.process(still_frames(crowd, 1.0))
    read = [sum(face.probabilities is not None for face in r.faces) for r in readings]
    assert len(set(read)) == 1
    faces = read[0]
    assert faces > 5
    assert in_turns.counts.sightings_read == faces * 30
    assert in_turns.counts.faces_classified == pytest.approx(faces * 10.5, rel=0.08)


def test_turns_are_spread_over_the_frames(crowd: Frame) -> None:
    in_turns = pipeline(reading={"hz": 10.0})
    frames = still_frames(crowd, 1.0)
    in_turns.process(frames[:1])
    faces = in_turns.counts.faces_classified
    spent = []
    for frame in frames[1:]:
        before = in_turns.counts.faces_classified
        in_turns.process([frame])
        spent.append(in_turns.counts.faces_classified - before)
    assert max(spent) <= 0.6 * faces + 1


def test_reading_in_turns_does_not_depend_on_batching(crowd: Frame) -> None:
    frames = [Frame(np.roll(crowd.image, 2 * k, axis=1), k, k / 30) for k in range(9)]
    one, all_at_once = pipeline(reading={"hz": 8.0}), pipeline(reading={"hz": 8.0})
    single = [one.process(batch)[0] for batch in batches(frames, 2)]
    together = all_at_once.process(frames)
    assert one.counts == all_at_once.counts
    for a, b in zip(single, together[::2], strict=True):
        for x, y in zip(a.faces, b.faces, strict=True):
            assert (x.probabilities is None) == (y.probabilities is None)
            if x.probabilities is not None and y.probabilities is not None:
                assert np.allclose(x.probabilities, y.probabilities, atol=1e-5)


def test_a_rate_above_the_frame_rate_reads_every_frame(crowd: Frame) -> None:
    frames = still_frames(crowd, 0.3)
    every, fast = pipeline(), pipeline(reading={"hz": 100.0})
    every.process(frames)
    fast.process(frames)
    assert every.counts == fast.counts


def test_an_operating_point_moves_labels_and_no_probability(crowd: Frame) -> None:
    plain = pipeline(quality={"min_face_px": 0.0})
    balanced = pipeline(quality={"min_face_px": 0.0}, smoothing={"operating_point": "balanced"})
    first, second = plain.process([crowd])[0], balanced.process([crowd])[0]
    point = balanced.classifier.operating_points["balanced"]
    read = 0
    for a, b in zip(first.faces, second.faces, strict=True):
        if a.probabilities is None:
            continue
        assert (a.probabilities == b.probabilities).all()
        called = point.adjust(a.probabilities[None])[0]
        strongest = int(called.argmax())
        assert b.label == (EMOTIONS[strongest] if called[strongest] >= 0.45 else UNCERTAIN)
        assert b.confidence == pytest.approx(a.probabilities[strongest])
        read += 1
    assert read > 10


def test_a_model_without_the_point_is_read_plainly_and_the_settings_say_so(crowd: Frame) -> None:
    made = pipeline(smoothing={"operating_point": "balanced"})
    made.classifier.operating_points = {}
    bare = Pipeline(made.detector, made.classifier, made.profile, made.grant)
    assert made.profile.smoothing.operating_point == "balanced"
    assert bare.profile.smoothing.operating_point == "plain"


def knowing(folder: Path, *labels: str) -> Choices:
    """A model whose label map has these, in place of the eight emotions in their order."""
    shutil.copytree(bundled()["mien-m"], folder)
    (folder / "label_map.json").write_text(json.dumps({"labels": labels}))
    return Choices(classifier=str(folder))


def test_emotions_that_a_model_does_not_know_are_not_told_as_0(crowd: Frame, tmp_path: Path) -> None:
    """What was never looked for did not happen in nobody's face: its scores are withheld, and the settings say so."""
    choices = knowing(tmp_path / "seven", *EMOTIONS[:6], "surprised", "contempt")
    made = assemble(PROFILES["interview"], OWN, choices, InferenceSettings()).pipeline
    assert made.classifier.lacks == made.profile.audience.left_out == ("fear",)
    gate, metrics = made.gate("one"), made.metrics()
    for reading in made.process([Frame(crowd.image, k, k * 0.5) for k in range(4)]):
        for step in gate.add(reading):
            for metric in metrics:
                metric.update(step)
    told = {figure.slug: figure for metric in metrics for figure in metric.compute().figures}
    assert told["shock_average"].withheld == "it is made of fear, not told here"
    assert pipeline().classifier.lacks == ()


def test_a_model_that_knows_too_little_for_a_profile_is_refused_by_name(tmp_path: Path) -> None:
    choices = knowing(tmp_path / "glad", "neutral", *["neutral"] * 7)
    with pytest.raises(SettingsError, match=r"glad does not know happiness, .*at least two emotions must be told"):
        assemble(PROFILES["interview"], OWN, choices, InferenceSettings())


class Nodding(HeadPoseEstimator):
    """Tells every face the same pose, but the first of all, of which it can tell nothing; counts the faces it sees."""

    name = "nodding"
    measures_pitch = True

    def __init__(self) -> None:
        self.faces = 0

    def _estimate(self, images: Sequence[UInt8Array], landmarks: Sequence[FloatArray]) -> HeadPoses:
        angles = np.full((3, sum(len(points) for points in landmarks)), 7.0, np.float32)
        if self.faces == 0:
            angles[:, 0] = np.nan
        self.faces += angles.shape[1]
        return HeadPoses(*angles)


def with_head_pose(estimator: HeadPoseEstimator, **sections: dict[str, object]) -> Pipeline:
    made = pipeline(**sections)
    return Pipeline(made.detector, made.classifier, made.profile, made.grant, estimator)


def test_another_estimator_tells_the_pose_of_the_faces_that_are_read(crowd: Frame) -> None:
    plain = pipeline(detection={"max_faces": 8}).process([crowd])[0]
    estimator = Nodding()
    told = with_head_pose(estimator, detection={"max_faces": 8}).process([crowd])[0]
    assert [f.unread for f in told.faces] == [f.unread for f in plain.faces]
    assert estimator.faces == sum(f.unread is None for f in told.faces)
    better = [face.pitch_known for face in told.faces]
    assert sum(better) == estimator.faces - 1, "of one, nothing could be told"
    for known, face, before in zip(better, told.faces, plain.faces, strict=True):
        assert face.yaw_degrees == (7.0 if known else before.yaw_degrees)
        assert not before.pitch_known


def test_a_face_that_keeps_its_reading_keeps_its_pose(crowd: Frame) -> None:
    still = [Frame(crowd.image, k, k / 30) for k in range(6)]
    estimator = Nodding()
    readings = with_head_pose(estimator, reading={"hz": 1.0}).process(still)
    assert estimator.faces < sum(face.unread is None for reading in readings for face in reading.faces)
    first, *later = ([face.pitch_known for face in reading.faces] for reading in readings)
    assert sum(first) > 5
    for known in later:
        assert sum(known) >= sum(first)
