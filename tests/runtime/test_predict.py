"""One picture or short clip, one mean distribution; on the shipped models."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien import weights
from mien.assembly import Choices, assemble
from mien.core.errors import MediaTooLargeError, UnsupportedMediaError
from mien.core.labels import INDEXED7
from mien.core.policy import Basis, Declaration, Purpose
from mien.core.settings import PROFILES, InferenceSettings
from mien.pipeline import Pipeline
from mien.runtime.predict import NoFaceError, Prediction, PredictLimits, predict
from mien.sources import open_source
from tests.uploads import Uploads

SERVICE = PROFILES["service"]
FEW = SERVICE.sampling.model_copy(update={"every_nth": 30})


def assembled(neutral_weight: float = 0.7) -> Pipeline:
    audience = SERVICE.audience.model_copy(update={"neutral_weight": neutral_weight})
    profile = SERVICE.model_copy(update={"audience": audience})
    declared = Declaration(Purpose.AUDIENCE_RESEARCH, Basis.CONSENT)
    return assemble(profile, declared, Choices(), InferenceSettings()).pipeline


@pytest.fixture(scope="module")
def like() -> Pipeline:
    return assembled()


@pytest.fixture(scope="module")
def clip() -> Path:
    """One face, sad to smiling."""
    return weights.resolve("demo-clip")


@pytest.fixture(scope="module")
def face(clip: Path) -> bytes:
    """The smile at its end."""
    *_, last = open_source(str(clip), SERVICE.sampling)
    written = io.BytesIO()
    Image.fromarray(last.image).save(written, "JPEG", quality=95)
    return written.getvalue()


def test_a_smile_is_happy_in_the_published_names(face: bytes, like: Pipeline, uploads: Uploads) -> None:
    told = predict(uploads.source(face, SERVICE.sampling), like)
    assert tuple(told.shares) == INDEXED7.labels
    assert sum(told.shares.values()) == pytest.approx(1)
    assert told.strongest == "happy"
    assert (told.readings, told.frames) == (1, 1)


def test_a_clip_is_the_mean_of_its_frames(clip: Path, like: Pipeline, uploads: Uploads) -> None:
    whole = predict(open_source(str(clip), FEW), like)
    each: list[Prediction] = []
    for frame in open_source(str(clip), FEW):
        written = io.BytesIO()
        Image.fromarray(frame.image).save(written, "PNG")
        each.append(predict(uploads.source(written.getvalue(), SERVICE.sampling), like))
    mean = np.mean([list(one.shares.values()) for one in each], axis=0)
    assert list(whole.shares.values()) == pytest.approx(list(mean), abs=0.02)
    assert whole.frames == len(each)


def test_neutral_weighs_less(clip: Path) -> None:
    plain = predict(open_source(str(clip), FEW), assembled(1.0))
    weighed = predict(open_source(str(clip), FEW), assembled(0.7))
    assert weighed.shares["neutral"] < plain.shares["neutral"]


def test_one_prediction_leaves_nothing_to_the_next(face: bytes, clip: Path, like: Pipeline, uploads: Uploads) -> None:
    before = predict(uploads.source(face, SERVICE.sampling), like)
    predict(open_source(str(clip), FEW), like)
    assert predict(uploads.source(face, SERVICE.sampling), like) == before


def test_nobody_is_told_as_such(like: Pipeline, uploads: Uploads) -> None:
    written = io.BytesIO()
    Image.new("RGB", (320, 240), (90, 120, 150)).save(written, "PNG")
    with pytest.raises(NoFaceError, match="no face was found"):
        predict(uploads.source(written.getvalue(), SERVICE.sampling), like)


def test_a_face_too_small_is_told_as_such(face: bytes, like: Pipeline, uploads: Uploads) -> None:
    small = Image.open(io.BytesIO(face))
    small.thumbnail((70, 70))
    written = io.BytesIO()
    small.save(written, "PNG")
    with pytest.raises(NoFaceError, match=r"no face could be read: .*too small"):
        predict(uploads.source(written.getvalue(), SERVICE.sampling), like)


def test_a_long_clip_is_refused(clip: Path, like: Pipeline) -> None:
    with pytest.raises(MediaTooLargeError, match="longer than 1 seconds"):
        predict(open_source(str(clip), FEW), like, PredictLimits(longest_seconds=1.0))


def test_a_clip_that_declares_less_than_it_holds_is_refused_as_it_shows(clip: Path, like: Pipeline) -> None:
    class Understated:
        """A source whose header says nothing of its length."""

        def __init__(self) -> None:
            self._source = open_source(str(clip), FEW)
            self.info = replace(self._source.info, duration_seconds=None, frame_count=None)
            self.complete = True
            self.closed = False

        def __iter__(self):  # type: ignore[no-untyped-def]
            return iter(self._source)

        def close(self) -> None:
            self.closed = True
            self._source.close()

    for limits in (PredictLimits(longest_seconds=1.0), PredictLimits(most_pixels=1e6)):
        source = Understated()
        with pytest.raises(MediaTooLargeError):
            predict(source, like, limits)
        assert source.closed


def test_a_damaged_clip_is_refused_not_guessed_from(clip: Path, like: Pipeline) -> None:
    class Cut:
        info = open_source(str(clip), FEW).info
        complete = False

        def __iter__(self):  # type: ignore[no-untyped-def]
            return iter([])

        def close(self) -> None:
            return

    with pytest.raises(UnsupportedMediaError, match="damaged"):
        predict(Cut(), like)
