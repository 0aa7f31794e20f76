"""The fallback: a second detector looks where the first has found nothing for a while, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from mien.assembly import load_detector, load_fallback
from mien.core.audience import Provenance
from mien.core.errors import SettingsError
from mien.core.faces import Faces, Frame, SourceInfo, UInt8Array
from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.settings import PROFILES, DetectionSettings, InferenceSettings
from mien.pipeline import Pipeline
from mien.report.provenance_parts import ProvenancePart
from mien.runtime.provenance import Fed, RunFacts, provenance_of
from tests.runtime.doubles import BrightDetector, EvenClassifier, EverywhereDetector

PROFILE = PROFILES["interview"]
GRANT = authorise(Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING), PROFILE)
RATE = 10.0


class Counting(EverywhereDetector):
    """Finds a face everywhere, and counts how often it looked."""

    def __init__(self) -> None:
        self.looked = 0

    def _detect(self, image: UInt8Array) -> Faces:
        self.looked += 1
        return super()._detect(image)


def frames(bright: str) -> list[Frame]:
    """A tenth of a second each: ``#`` is a bright one."""
    return [
        Frame(np.full((96, 128, 3), 200 if mark == "#" else 90, np.uint8), index, index / RATE)
        for index, mark in enumerate(bright)
    ]


def run(marks: str, after_seconds: float, every: int = 1, batch: int = 100) -> tuple[str, Pipeline, Counting]:
    """Which frames had a face, as ``#``."""
    detection = PROFILE.detection.model_copy(
        update={"fallback_after_seconds": after_seconds, "fallback": "everywhere", "detect_every": every}
    )
    second = Counting()
    profile = PROFILE.model_copy(update={"detection": detection})
    pipeline = Pipeline(BrightDetector(), EvenClassifier(), profile, GRANT, fallback=second)
    told = frames(marks)
    readings = [r for start in range(0, len(told), batch) for r in pipeline.process(told[start : start + batch])]
    return "".join("#" if reading.faces else "." for reading in readings), pipeline, second


def test_it_looks_after_the_time_and_until_the_first_finds_a_face() -> None:
    found, pipeline, second = run("##........##....", 0.5)
    assert found == "##.....#####...."
    assert second.looked == pipeline.counts.frames_searched_again == pipeline.counts.frames_found_again == 3


def test_a_recording_may_begin_with_nothing() -> None:
    assert run("........", 0.3)[0] == "...#####"


def test_at_once_it_looks_at_every_frame_without_a_face() -> None:
    assert run("#.#.", 0.0)[0] == "####"


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_batching_changes_nothing(batch: int) -> None:
    assert run("#......#......", 0.4, batch=batch)[0] == run("#......#......", 0.4)[0]


def test_it_looks_only_where_the_detector_did() -> None:
    _, pipeline, second = run("............", 0.0, every=3)
    assert second.looked == pipeline.counts.frames_detected == 4


def test_without_one_nothing_changes() -> None:
    pipeline = Pipeline(BrightDetector(), EvenClassifier(), PROFILE, GRANT)
    assert [len(reading.faces) for reading in pipeline.process(frames("#....."))] == [1, 0, 0, 0, 0, 0]
    assert pipeline.counts.frames_searched_again == 0


def provenance(pipeline: Pipeline) -> Provenance:
    return provenance_of([Fed(SourceInfo("film.mp4", "file"), pipeline)], RunFacts(), None)


def test_the_report_says_which_and_how_often() -> None:
    told = ProvenancePart.of(provenance(run("#........", 0.5)[1]), suppressed=False).fallback
    assert told is not None
    assert (told.name, told.frames_searched, told.frames_with_faces) == ("everywhere", 3, 3)
    assert told.sha256 == EverywhereDetector.sha256
    hidden = ProvenancePart.of(provenance(run("#........", 0.5)[1]), suppressed=True).fallback
    assert hidden is not None
    assert hidden.frames_with_faces is None


def test_the_detector_is_not_its_own_fallback() -> None:
    detection = DetectionSettings(fallback="blazeface")
    detector, _ = load_detector("blazeface", detection, InferenceSettings())
    with pytest.raises(SettingsError, match="blazeface is the detector already"):
        load_fallback(detector, detection, InferenceSettings())
    assert load_fallback(detector, DetectionSettings(), InferenceSettings()) is None
