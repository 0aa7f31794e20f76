"""The last look before a document is written (PRV14)."""

from __future__ import annotations

from typing import Any

import pytest

from mien.core.audience import AudienceSnapshot
from mien.core.errors import PolicyError
from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.privacy import assert_no_personal_keys, is_personal_key, privacy_section
from mien.core.settings import PROFILES
from mien.report.document import Report

PERSONAL = (
    "box", "bbox", "face_box", "faceBoxes", "FACE-BOX", "landmarks", "keypoints", "embedding", "faceEmbedding",
    "face", "faces", "track_id", "trackId", "person_id", "id", "crop", "image", "pixels", "thumbnail_png",
    "full_name", "userName", "email", "age", "gender", "ethnicity",
)  # fmt: skip


@pytest.mark.parametrize("key", PERSONAL)
def test_what_tells_of_one_person_is_refused_however_it_is_spelled(key: str) -> None:
    assert is_personal_key(key)
    with pytest.raises(PolicyError, match=r"\$\.timeline\[1\]\.deep\."):
        assert_no_personal_keys({"timeline": [{}, {"deep": {key: 1}}]})


@pytest.mark.parametrize("key", ["session_id", "max_faces", "min_face_px", "present_faces", "tracks", "name", "stage"])
def test_words_about_groups_and_settings_pass(key: str) -> None:
    assert not is_personal_key(key)


def test_every_key_of_a_report_and_a_snapshot_passes() -> None:
    for model in (Report, AudienceSnapshot):
        assert not [k for k in property_names(model.model_json_schema()) if is_personal_key(k)]


def test_every_name_of_a_setting_passes() -> None:
    keys = assert_no_personal_keys({name: profile.model_dump() for name, profile in PROFILES.items()})
    assert "min_face_px" in keys


@pytest.mark.parametrize(
    "value",
    [
        "data:image/png;base64,AA",
        "see data:video/mp4;base64,AA",
        "/9j/" + "A" * 64,
        "iVBORw0KGgo" + "A" * 64,
        b"\xff\xd8",
    ],
)
def test_a_picture_in_a_text_is_refused(value: object) -> None:
    with pytest.raises(PolicyError, match=r"\$\.notes\[0\] holds"):
        assert_no_personal_keys({"notes": [value]})


def test_the_section_says_whether_single_people_are_told_about() -> None:
    keys = frozenset({"a", "b"})
    own = authorise(Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING), PROFILES["interview"])
    hall = authorise(Declaration(Purpose.AUDIENCE_RESEARCH, Basis.NOTICE), PROFILES["cinema"])
    assert privacy_section(own, keys, 0).personal_data
    section = privacy_section(hall, keys, 7)
    assert (section.personal_data, section.min_group, section.steps_suppressed, section.keys_checked) == (
        False,
        5,
        7,
        2,
    )


def property_names(schema: Any) -> set[str]:
    """Every property that a JSON Schema declares, at any depth."""
    if isinstance(schema, list):
        return set().union(*(property_names(part) for part in schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    names = set(schema.get("properties", {}))
    return names.union(*(property_names(part) for part in schema.values())) if schema else names
