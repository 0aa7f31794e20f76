"""Profiles hold the published numbers, and a setting that makes no sense is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from mien.core.labels import EMOTIONS, LABEL_SETS
from mien.core.policy import needs_basis
from mien.core.settings import (
    PROFILES,
    AudienceSettings,
    DetectionSettings,
    InferenceSettings,
    Profile,
    SamplingSettings,
    Settings,
    SmoothingSettings,
    canonical_weights,
)


def new_frame_weight(seconds: float, frame_rate: float) -> float:
    """Weight of a new frame in an exponential average with a time constant."""
    return 1 - math.exp(-1 / (frame_rate * seconds))


def test_the_profiles_are_those_of_the_design() -> None:
    assert set(PROFILES) == {"cinema", "edge", "classroom", "interview", "panel", "dev", "service"}
    for name, profile in PROFILES.items():
        assert profile.name == name
        assert profile.description.endswith(".")
        assert profile.audience.label_set in LABEL_SETS


class TestPublishedNumbers:
    def test_edge_reads_every_third_frame_and_thirty_faces(self) -> None:
        """CAP9, DET5, DEP5."""
        edge = PROFILES["edge"]
        assert (edge.sampling.every_nth, edge.detection.max_faces, edge.audience.min_group) == (3, 30, 5)

    def test_dev_reads_every_frame_and_ten_faces(self) -> None:
        """CAP9, DET5, DEP5."""
        dev = PROFILES["dev"]
        assert (dev.sampling.every_nth, dev.detection.max_faces, dev.audience.min_group) == (1, 10, 1)

    def test_service_reads_every_fifth_frame_with_neutral_at_seven_tenths(self) -> None:
        """CAP10, EMO2, EMO15."""
        service = PROFILES["service"]
        assert service.sampling.every_nth == 5
        assert service.audience.neutral_weight == 0.7
        assert service.audience.label_set == "indexed7"

    @pytest.mark.parametrize("name", ["cinema", "edge", "classroom"])
    def test_halls_report_groups_of_five(self, name: str) -> None:
        assert PROFILES[name].audience.min_group == 5

    @pytest.mark.parametrize("name", ["interview", "panel", "dev", "service"])
    def test_single_people_are_reported_where_a_basis_is_declared(self, name: str) -> None:
        assert PROFILES[name].audience.min_group == 1
        assert needs_basis(PROFILES[name])

    def test_cinema_holds_more_than_fifty_faces_and_smaller_ones(self) -> None:
        """DET5, DET9."""
        cinema, interview = PROFILES["cinema"], PROFILES["interview"]
        assert cinema.detection.max_faces >= 50
        assert interview.quality.min_face_px == 40.0
        assert cinema.quality.min_face_px < interview.quality.min_face_px

    def test_detection_threshold_is_the_practical_default(self) -> None:
        """DET6: 0.5; 0.4 in a hall."""
        assert DetectionSettings().threshold == 0.5
        assert PROFILES["cinema"].detection.threshold == 0.4

    def test_interview_smooths_with_alpha_six_tenths_at_thirty_frames(self) -> None:
        """EMO17."""
        tau = PROFILES["interview"].smoothing.seconds
        assert tau == 0.036
        assert new_frame_weight(tau, 30.0) == pytest.approx(0.6, abs=0.01)

    def test_seven_frames_are_the_other_profiles_time_constant(self) -> None:
        """EMO17: a moving average of 7 frames lasts 0.23 s at 30 fps."""
        assert PROFILES["cinema"].smoothing.seconds == pytest.approx(7 / 30, abs=0.005)

    def test_halls_are_labelled_where_fear_is_found(self) -> None:
        """Fear is what a hall is watched for; elsewhere the largest share is what people expect."""
        balanced = {name for name, p in PROFILES.items() if p.smoothing.operating_point == "balanced"}
        assert balanced == {"cinema", "edge"}

    def test_labels_are_withheld_below_forty_five_percent(self) -> None:
        """EMO14."""
        assert all(profile.smoothing.uncertain_below == 0.45 for profile in PROFILES.values())

    def test_the_timeline_steps_by_half_a_second(self) -> None:
        """MET5."""
        assert all(profile.audience.step_seconds == 0.5 for profile in PROFILES.values())


def test_only_service_changes_the_weight_of_neutral() -> None:
    assert {n for n, p in PROFILES.items() if p.audience.neutral_weight != 1.0} == {"service"}
    assert canonical_weights(AudienceSettings()) == (1.0,) * len(EMOTIONS)
    assert canonical_weights(AudienceSettings(neutral_weight=0.7)) == (0.7, *(1.0,) * 7)


def test_what_is_left_out_weighs_nothing_and_is_kept_in_canonical_order() -> None:
    audience = AudienceSettings(left_out=("contempt", "disgust", "contempt"))
    assert audience.left_out == ("disgust", "contempt")
    assert canonical_weights(audience) == (1, 1, 1, 1, 1, 0, 1, 0)
    with pytest.raises(ValidationError, match="at least two emotions must be told"):
        AudienceSettings(left_out=EMOTIONS[1:])
    with pytest.raises(ValidationError):
        AudienceSettings(left_out=("joy",))


def test_a_label_set_of_which_one_label_is_left_is_refused() -> None:
    """It would be given to every face, whatever it shows."""
    four = ("happiness", "neutral", "surprise", "sadness")
    assert AudienceSettings(left_out=four).left_out == ("neutral", "happiness", "surprise", "sadness")
    assert AudienceSettings(left_out=four[:3], label_set="engagement5").label_set == "engagement5"
    with pytest.raises(ValidationError, match="labels of engagement5 angry would be left without neutral, happiness"):
        AudienceSettings(left_out=four, label_set="engagement5")
    with pytest.raises(ValidationError, match="labels of engagement5 none would be left"):
        AudienceSettings(left_out=(*four, "anger"), label_set="engagement5")


@pytest.mark.parametrize("part", [Profile, *Settings.__subclasses__()])
def test_an_unknown_name_is_refused(part: type[Settings]) -> None:
    valid: dict[str, Any] = {"name": "x", "description": "y"} if part is Profile else {}
    with pytest.raises(ValidationError, match="Extra inputs"):
        part.model_validate({**valid, "smoothing_alpha": 0.6})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        PROFILES["cinema"].audience.min_group = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        PROFILES["mine"] = PROFILES["dev"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("part", "values"),
    [
        (AudienceSettings, {"min_group": 0}),
        (AudienceSettings, {"step_seconds": -1}),
        (AudienceSettings, {"neutral_weight": 0}),
        (DetectionSettings, {"threshold": 1.0}),
        (DetectionSettings, {"max_faces": 0}),
        (DetectionSettings, {"detect_every": 0}),
        (SamplingSettings, {"every_nth": 0}),
        (SamplingSettings, {"sample_hz": 0}),
        (SmoothingSettings, {"seconds": -0.1}),
        (InferenceSettings, {"threads": -1}),
    ],
)
def test_a_value_out_of_range_is_refused(part: type[Settings], values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        part.model_validate(values)


def test_a_profile_survives_being_written_down() -> None:
    for profile in PROFILES.values():
        assert Profile.model_validate_json(profile.model_dump_json()) == profile
