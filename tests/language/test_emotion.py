"""What every text classifier promises, whatever its backend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.core.labels import TEXT_EKMAN, TEXT_ORIGINAL, UNCERTAIN, TextLabelSet
from mien.language.emotion import UNREAD, FloatArray, Readings, TextClassifier, TextScores, TextSettings


class Echo(TextClassifier):
    """Gives the probabilities it was told to, and knows of each text the share of it that is ASCII."""

    name = "echo"
    sha256 = "0" * 64
    label_sets = (TEXT_EKMAN,)

    def __init__(self, probabilities: Sequence[float], settings: TextSettings | None = None) -> None:
        self.settings = settings or TextSettings()
        self._probabilities = np.asarray(probabilities, np.float32)

    def thresholds(self, labels: TextLabelSet) -> FloatArray:
        return np.full(len(labels), 0.5, np.float32)

    def _read(self, texts: Sequence[str], labels: TextLabelSet) -> Readings:
        known = [sum(c.isascii() for c in text) / len(text) if text else 0.0 for text in texts]
        return Readings(np.tile(self._probabilities, (len(texts), 1)), np.array(known, np.float32))


def scores(*probabilities: float, settings: TextSettings | None = None) -> TextScores:
    return Echo(probabilities, settings).classify(["text"], TEXT_EKMAN)


def test_the_strongest_label_is_named_with_its_probability() -> None:
    label, score = scores(0.1, 0.8, 0.2, 0, 0, 0, 0.3).top(0)
    assert label == "sadness"
    assert score == pytest.approx(0.8)


def test_a_weak_strongest_label_is_withheld_but_its_probability_stays() -> None:
    weak = scores(0.3, 0.2, 0, 0, 0, 0, 0)
    assert weak.top(0)[0] == UNCERTAIN
    assert weak.top(0)[1] == pytest.approx(0.3)
    assert weak.named(0)["joy"] == pytest.approx(0.3)
    assert scores(0.3, 0, 0, 0, 0, 0, 0, settings=TextSettings(uncertain_below=0.2)).top(0)[0] == "joy"


def test_every_label_at_its_threshold_is_present_strongest_first() -> None:
    assert scores(0.5, 0.1, 0.9, 0.49, 0, 0, 0).present(0) == ("anger", "joy")
    assert scores(0.4, 0, 0, 0, 0, 0, 0).present(0) == ()


@pytest.mark.parametrize("text", ["", "漢字かな"])
def test_a_text_that_cannot_be_read_has_no_emotion_not_even_neutral(text: str) -> None:
    unread = Echo([0.9, 0, 0, 0, 0, 0, 0]).classify(["fine", text], TEXT_EKMAN)
    assert unread.read.tolist() == [True, False]
    assert unread.top(1) == (UNREAD, 0.0)
    assert unread.present(1) == ()
    assert unread.probabilities[1].sum() == 0


def test_no_texts_give_no_readings() -> None:
    assert len(Echo([0] * 7).classify([], TEXT_EKMAN)) == 0


def test_a_text_that_is_too_long_is_refused_by_its_number() -> None:
    with pytest.raises(InputError, match=r"text 2 has 11 characters; at most 10"):
        Echo([0] * 7, TextSettings(max_characters=10)).classify(["a", "a" * 11], TEXT_EKMAN)


def test_labels_that_a_classifier_lacks_are_refused() -> None:
    with pytest.raises(InputError, match="echo does not know the labels 'original'; it answers in ekman"):
        Echo([0] * 7).classify(["a"], TEXT_ORIGINAL)
