"""Light: dark pictures become readable, and nothing whatever happens to a lit one."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien import weights
from mien.assembly import Choices, assemble, load_detector
from mien.core.audience import Analysis
from mien.core.errors import WeightsError
from mien.core.faces import Frame, UInt8Array
from mien.core.policy import Basis, Declaration, Purpose
from mien.core.settings import PROFILES, DetectionSettings, InferenceSettings, LightSettings, SamplingSettings
from mien.light import LightWatch, brighten, measure_brightness, preparation_of
from mien.runtime.analyze import analyze
from mien.sources.file import create as open_file

SETTINGS = LightSettings()
OWN = Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING)


def flat(level: int) -> UInt8Array:
    """A picture of one level, but for a hundredth of dark."""
    picture = np.full((80, 120, 3), level, np.uint8)
    picture[:, :2] = 0
    return picture


def darkened(picture: UInt8Array, exposure: float, noise: float, seed: int = 0) -> UInt8Array:
    grain = np.random.default_rng(seed).normal(0, noise, picture.shape)
    return np.asarray(np.clip(np.rint(picture * exposure + grain), 0, 255), np.uint8)


@given(st.integers(46, 255))
def test_a_lit_picture_is_itself(level: int) -> None:
    picture = flat(level)
    assert LightWatch(SETTINGS).look(picture) is picture


def test_between_the_limits_it_stays_as_it_was() -> None:
    watch = LightWatch(SETTINGS)
    levels = [80, 40, 20, 40, 44, 46, 31, 29]
    told = []
    for level in levels:
        watch.look(flat(level))
        told.append(watch.dark)
    assert told == [False, False, True, True, True, False, False, True]
    assert watch.prepared == sum(told)


def test_a_lamp_does_not_make_a_dark_hall_bright() -> None:
    picture = flat(6)
    picture[:4, :8] = 255
    assert measure_brightness(picture) < 10


def test_it_can_be_turned_off() -> None:
    picture = flat(5)
    assert LightWatch(LightSettings(prepare=False)).look(picture) is picture


def test_it_stretches_takes_the_colour_out_and_leaves_the_frame_alone() -> None:
    ramp = np.tile(np.linspace(0, 8, 120).astype(np.uint8)[None, :, None], (80, 1, 3))
    ramp[..., 0] += 1
    before = ramp.copy()
    bright = brighten(ramp, 0.0)
    assert (ramp == before).all()
    assert (bright[..., 0] == bright[..., 1]).all()
    assert (bright[..., 0] == bright[..., 2]).all()
    assert bright.min() == 0
    assert bright.max() >= 190


@given(st.floats(0.01, 0.3), st.integers(0, 5))
def test_the_darker_the_more_it_is_smoothed_and_never_more_than_asked(exposure: float, seed: int) -> None:
    scene = np.random.default_rng(seed).integers(0, 256, (64, 64)).astype(np.uint8)
    one = preparation_of(np.asarray(scene * exposure, np.uint8), 2.0)
    darker = preparation_of(np.asarray(scene * (exposure / 2), np.uint8), 2.0)
    assert darker.blur_px >= one.blur_px
    assert max(one.blur_px, darker.blur_px) <= 2.0
    assert one.gain >= 1


def test_a_black_picture_stays_finite() -> None:
    assert brighten(np.zeros((48, 64, 3), np.uint8), 3.0).max() == 0


@pytest.fixture(scope="module")
def face() -> Frame:
    return next(iter(open_file(str(weights.resolve("demo-clip")), SamplingSettings())))


@pytest.mark.parametrize("name", ["yunet", "centerface"])
def test_a_face_in_the_dark_is_found_with_it_and_not_without(name: str, face: Frame) -> None:
    try:
        detector, _ = load_detector(name, DetectionSettings(second_look=None, threshold=0.4), InferenceSettings())
    except WeightsError as error:
        pytest.skip(f"weights out of reach: {str(error).splitlines()[0]}")
    found = {True: 0, False: 0}
    for seed in range(6):
        dark = darkened(face.image, 0.03, 2.0, seed)
        for prepared in found:
            seen = LightWatch(SETTINGS).look(dark) if prepared else dark
            found[prepared] += len(detector.detect([Frame(seen, 0, 0.0)])[0]) == 1
    assert found[True] >= 5
    assert found[True] > found[False]


def test_noise_alone_is_no_face() -> None:
    detector, _ = load_detector(None, DetectionSettings(second_look=None, threshold=0.4), InferenceSettings())
    for seed in range(4):
        noise = darkened(np.zeros((480, 640, 3), np.uint8), 0.0, 2.0, seed)
        assert len(detector.detect([Frame(LightWatch(SETTINGS).look(noise), 0, 0.0)])[0]) == 0


def run(path: Path, prepare: bool) -> Analysis:
    profile = PROFILES["interview"].model_copy(
        update={"light": LightSettings(prepare=prepare), "sampling": SamplingSettings(sample_hz=5.0)}
    )
    made = assemble(profile, OWN, Choices(), InferenceSettings())
    return analyze(open_file(str(path), profile.sampling), made.pipeline)


def test_the_timeline_of_lit_footage_is_the_same_to_the_last_bit() -> None:
    clip = weights.resolve("demo-clip")
    with_it, without = run(clip, True), run(clip, False)
    assert with_it.provenance.frames_brightened == 0
    told = [
        [snapshot.model_copy(update={"session_id": "same"}) for snapshot in one.timeline.snapshots]
        for one in (with_it, without)
    ]
    assert len(told[0]) > 10
    assert told[0] == told[1]


def test_a_dark_recording_is_read_and_the_report_says_how_many_frames_were_dark(tmp_path: Path, face: Frame) -> None:
    path = tmp_path / "dark.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=10, options={"level": "3"})
        stream.width, stream.height, stream.pix_fmt = face.width, face.height, "bgr0"
        for number in range(20):
            picture = face.image if number >= 15 else darkened(face.image, 0.03, 2.0, number)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    with_it, without = run(path, True).provenance, run(path, False).provenance
    assert with_it.frames_brightened == 8
    assert without.frames_brightened == 0
    assert with_it.sightings is not None
    assert without.sightings is not None
    assert with_it.sightings > without.sightings
