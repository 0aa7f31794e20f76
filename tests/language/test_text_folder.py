"""The shipped text model reads what it should, and a model folder that is not whole is refused."""

from __future__ import annotations

import builtins
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.text import PAGE, negations
from mien import models
from mien.core.errors import SettingsError, WeightsError
from mien.core.labels import TEXT_EKMAN, TEXT_ORIGINAL
from mien.core.settings import InferenceSettings
from mien.evaluation.text import read_labelled
from mien.language.emotion import UNREAD, TextClassifier, TextSettings
from mien.language.english import is_foreign
from mien.language.opening import open_text_classifier
from mien.language.text_classifiers.text_folder import create
from mien.language.tokens import PieceReader

SHIPPED = models.bundled_text()[models.DEFAULT_TEXT_CLASSIFIER]


@pytest.fixture(scope="module")
def classifier() -> TextClassifier:
    return open_text_classifier()


def top(classifier: TextClassifier, text: str) -> str:
    return classifier.classify([text], TEXT_EKMAN).top(0)[0]


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("I loved every minute of it, thank you so much!", "joy"),
        ("I miss my grandmother so much, I can't stop crying.", "sadness"),
        ("How dare you lie to me, you absolute liar!", "anger"),
        ("I was terrified, I could not sleep with the lights off.", "fear"),
        ("That is disgusting, it makes me want to vomit.", "disgust"),
        ("Wow, I did not expect that at all!", "surprise"),
        ("The lecture starts at nine in room four.", "neutral"),
    ],
)
def test_plain_sentences(classifier: TextClassifier, text: str, emotion: str) -> None:
    assert top(classifier, text) == emotion


@pytest.mark.parametrize(
    ("plain", "negated", "emotion"),
    [
        ("I am happy with this.", "I am not happy with this.", "joy"),
        ("I like it.", "I don't like it.", "joy"),
        ("That was funny.", "That was not funny at all.", "joy"),
        ("This is a good film.", "This is not a good film.", "joy"),
    ],
)
def test_a_negated_joy_is_no_joy(classifier: TextClassifier, plain: str, negated: str, emotion: str) -> None:
    assert top(classifier, plain) == emotion
    assert top(classifier, negated) != emotion
    p = classifier.classify([plain, negated], TEXT_EKMAN).probabilities[:, TEXT_EKMAN.index(emotion)]
    assert p[1] < 0.5 * p[0]


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("😂😂😂", "joy"),
        ("❤️", "joy"),
        ("😭", "sadness"),
        ("😡😡", "anger"),
        ("😱", "fear"),
        ("🤮", "disgust"),
        ("😮", "surprise"),
        ("the ending 😍", "joy"),
    ],
)
def test_emoji(classifier: TextClassifier, text: str, emotion: str) -> None:
    assert top(classifier, text) == emotion


@pytest.mark.parametrize(("emoji", "emotion"), [("😡", "anger"), ("😂", "joy"), ("😢", "sadness"), ("😱", "fear")])
def test_an_emoji_after_plain_words_is_seen(classifier: TextClassifier, emoji: str, emotion: str) -> None:
    plain = "The lecture starts at nine."
    scores = classifier.classify([plain, f"{plain} {emoji}"], TEXT_EKMAN)
    assert emotion not in scores.present(0)
    assert emotion in scores.present(1)


@pytest.mark.parametrize("text", ["", "   ", "\x00\x1b", "这个电影很可怕", "страшно до ужаса"])
def test_what_it_cannot_read_it_does_not_call_neutral(classifier: TextClassifier, text: str) -> None:
    assert top(classifier, text) == UNREAD


FOREIGN = (
    "Gestern habe ich meine Schlüssel verloren und niemand konnte mir helfen",
    "Nous avons perdu le match mais les joueurs étaient magnifiques",
    "Mañana vamos a la playa con toda la familia",
    "Não consigo dormir por causa do barulho",
    "Jutro rano jedziemy do babci na obiad",
)


@pytest.mark.parametrize("text", FOREIGN)
def test_another_language_in_latin_letters_is_not_called_neutral(classifier: TextClassifier, text: str) -> None:
    assert top(classifier, text) == UNREAD


@pytest.mark.parametrize(
    "text",
    [
        "Happy birthday dear grandma, enjoy cake!",
        "Hugh Jackman, Emma Thompson and Ryan Gosling starring",
        "'Twas brillig, and the slithy toves did gyre and gimble in the wabe",
    ],
)
def test_english_with_few_small_words_is_read(classifier: TextClassifier, text: str) -> None:
    assert top(classifier, text) != UNREAD


def test_of_english_comments_hardly_any_is_refused(classifier: TextClassifier, shared: Path) -> None:
    dev = read_labelled(shared / "data" / "goemotions" / "ekman" / "dev.tsv", TEXT_EKMAN).texts
    reader = PieceReader((SHIPPED / "tokenizer.json").read_text(encoding="utf-8"), 10**6)
    refused = [text for text in dev if is_foreign(text, lambda told: len(reader.read([told])[0].windows[0]) - 2)]
    assert len(refused) <= 0.001 * len(dev), refused


def test_a_folder_that_names_no_language_reads_whatever_it_is_given(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    change(folder, language=None)
    assert top(opened(folder), FOREIGN[0]) != UNREAD


def test_probabilities_are_probabilities_in_both_label_sets(classifier: TextClassifier) -> None:
    for labels in (TEXT_EKMAN, TEXT_ORIGINAL):
        scores = classifier.classify(["Thank you!", "x" * 5000, "?!"], labels)
        assert scores.probabilities.shape == (3, len(labels))
        assert (scores.probabilities >= 0).all()
        assert (scores.probabilities <= 1).all()


def test_the_28_are_finer_words_for_the_same(classifier: TextClassifier) -> None:
    assert classifier.classify(["Thank you so much!"], TEXT_ORIGINAL).top(0)[0] == "gratitude"


def test_an_answer_does_not_depend_on_its_neighbours(classifier: TextClassifier) -> None:
    texts = ["I am so sorry for your loss.", "ha", "What? " * 90, ""]
    together = classifier.classify(texts, TEXT_EKMAN).probabilities
    alone = np.concatenate([classifier.classify([text], TEXT_EKMAN).probabilities for text in texts])
    np.testing.assert_array_equal(together, alone)


def test_a_long_text_is_the_mean_of_its_windows(classifier: TextClassifier) -> None:
    once = classifier.classify(["I love this so much! " * 20], TEXT_EKMAN)
    many = classifier.classify(["I love this so much! " * 200], TEXT_EKMAN)
    assert once.top(0)[0] == many.top(0)[0] == "joy"
    last = classifier.classify(["The train leaves at nine. " * 60 + "I hate you all! " * 60], TEXT_EKMAN)
    assert last.probabilities[0, TEXT_EKMAN.index("anger")] > 0.2


def test_the_card_says_how_often_a_denied_emotion_is_told(classifier: TextClassifier) -> None:
    assert "\n".join(negations(classifier)) in PAGE.read_text(encoding="utf-8")


def copy(folder: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, folder / "mine"))


def change(folder: Path, **values: Any) -> None:
    path = folder / "text.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def opened(folder: Path) -> TextClassifier:
    return create(folder, InferenceSettings(), TextSettings())


def test_a_folder_of_ones_own_is_read(tmp_path: Path) -> None:
    assert opened(copy(tmp_path)).name == "mine"


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "text.json"])
def test_a_missing_or_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    folder = copy(tmp_path)
    (folder / name).write_bytes(b"{}")
    with pytest.raises(WeightsError, match=name):
        opened(folder)
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=f"cannot read .*{name}"):
        opened(folder)


def test_labels_that_are_no_label_set_are_refused(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    head = {"labels": ["good", "bad"], "scale": [1, 1], "offset": [0, 0], "thresholds": [0.5, 0.5]}
    change(folder, heads={"mood": head})
    with pytest.raises(WeightsError, match="'mood' that are not a text label set"):
        opened(folder)


def test_a_calibration_of_another_length_is_refused(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    heads = json.loads((folder / "text.json").read_text(encoding="utf-8"))["heads"]
    heads["ekman"]["scale"].pop()
    change(folder, heads=heads)
    with pytest.raises(WeightsError, match="differ in length"):
        opened(folder)


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "tokenizers":
            raise ImportError("No module named 'tokenizers'")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SettingsError, match=r"pip install 'mien\[text\]'"):
        opened(SHIPPED)
