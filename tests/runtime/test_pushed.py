from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.assembly import Choices, assemble
from mien.core.audience import AudienceSnapshot
from mien.core.errors import InputError, MediaTooLargeError, UnsupportedMediaError
from mien.core.policy import Basis, Declaration, Purpose
from mien.core.settings import PROFILES, InferenceSettings
from mien.pipeline import Pipeline
from mien.runtime.pushed import PushedFrames, PushLimits, decode_jpeg


def jpeg(size: tuple[int, int] = (854, 480), *, quality: int = 70, kind: str = "JPEG") -> bytes:
    rng = np.random.default_rng(0)
    file = io.BytesIO()
    picture = rng.integers(0, 255, (size[1] // 8 + 1, size[0] // 8 + 1, 3), np.uint8)
    Image.fromarray(picture).resize(size).save(file, kind, quality=quality)
    return file.getvalue()


def with_header(content: bytes, width: int, height: int) -> bytes:
    """The same JPEG, whose header tells of another size."""
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def test_a_frame_of_either_orientation_is_decoded() -> None:
    for size in ((854, 480), (480, 854), (1, 1)):
        pixels = decode_jpeg(jpeg(size), PushLimits())
        assert pixels.shape == (size[1], size[0], 3)
        expected = np.asarray(Image.open(io.BytesIO(jpeg(size)))).astype(int)
        assert np.abs(pixels.astype(int) - expected).mean() < 3, "red is red"


def test_more_pixels_than_allowed_are_refused_from_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("it was decoded"))
    for width, height in ((855, 480), (854, 481), (481, 855), (20_000, 8_000), (65_000, 65_000)):
        with pytest.raises(MediaTooLargeError):
            decode_jpeg(with_header(jpeg(), width, height), PushLimits())
    with pytest.raises(MediaTooLargeError, match="at most 1000 bytes"):
        decode_jpeg(jpeg(), PushLimits(size_bytes=1000))


@pytest.mark.parametrize(
    "content", [b"", b"x" * 100, jpeg()[:20], jpeg((80, 60), kind="PNG"), jpeg((80, 60), kind="GIF"), jpeg()[::-1]]
)
def test_what_is_no_jpeg_is_refused(content: bytes) -> None:
    with pytest.raises(UnsupportedMediaError):
        decode_jpeg(content, PushLimits())


@pytest.fixture(scope="module")
def networks() -> Pipeline:
    declared = Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING)
    return assemble(PROFILES["interview"], declared, Choices(), InferenceSettings()).pipeline


def fresh(networks: Pipeline) -> Pipeline:
    return Pipeline(networks.detector, networks.classifier, networks.profile, networks.grant, networks.head_pose)


@pytest.fixture(scope="module")
def people(shared: Path) -> bytes:
    """Four people, small enough."""
    file = io.BytesIO()
    picture = Image.open(shared / "data" / "crowd" / "group-3.jpg").convert("RGB")
    picture.thumbnail((854, 480))
    picture.save(file, "JPEG", quality=70)
    return file.getvalue()


def test_frames_become_snapshots_at_the_media_time_they_were_sent_with(networks: Pipeline, people: bytes) -> None:
    frames = PushedFrames(fresh(networks), "evening", source="laptop")
    done: list[AudienceSnapshot] = []
    for i in range(12):
        pushed = frames.push_encoded(people, 3600.0 + i * 0.1)
        done += pushed.snapshots
    done += frames.finish()
    assert [(s.media_time, s.frames) for s in done] == [(3600.0, 5), (3600.5, 5), (3601.0, 2)]
    assert all((s.session_id, s.source, s.suppressed) == ("evening", "laptop", False) for s in done)
    assert all((s.present or 0) >= 3 for s in done)
    assert pushed.faces is not None
    assert len(pushed.faces) >= 3
    for face in pushed.faces:
        assert all(0 <= share <= 1 for share in face.box)
    assert any(face.label and face.confidence for face in pushed.faces)
    assert frames.finish() == ()


def test_a_short_silence_is_a_gap_and_a_long_one_a_hole(networks: Pipeline, people: bytes) -> None:
    frames = PushedFrames(fresh(networks), "evening")
    done: list[AudienceSnapshot] = []
    for at in (0.0, 1.6, 86_000.0, 86_000.4):
        done += frames.push_encoded(people, at).snapshots
    done += frames.finish()
    assert [(s.media_time, s.frames) for s in done] == [(0.0, 1), (0.5, 0), (1.0, 0), (1.5, 1), (86_000.0, 2)]


def test_media_time_goes_on(networks: Pipeline, people: bytes) -> None:
    frames = PushedFrames(fresh(networks), "evening")
    frames.push_encoded(people, 1.0)
    for at in (1.0, 0.5, -1.0, float("nan"), float("inf"), 1e9):
        with pytest.raises(InputError):
            frames.push_encoded(people, at)
    frames.push_encoded(people, 1.1)


def test_where_people_may_not_be_shown_no_box_comes_back(networks: Pipeline, people: bytes) -> None:
    declared = Declaration(Purpose.AUDIENCE_RESEARCH, Basis.NOTICE)
    cinema = assemble(PROFILES["cinema"], declared, Choices(), InferenceSettings()).pipeline
    pushed = PushedFrames(cinema, "evening").push_encoded(people, 0.0)
    assert pushed.faces is None
