"""Models in the form of the Hugging Face hub, with tiny ones made here: nothing is fetched."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="these models run on torch (extra [huggingface])")
transformers: Any = pytest.importorskip("transformers", reason="needs the extra [huggingface]")

from mien.core.errors import WeightsError  # noqa: E402
from mien.core.labels import TEXT_EKMAN, TEXT_ORIGINAL, ekman_of  # noqa: E402
from mien.core.settings import InferenceSettings  # noqa: E402
from mien.language.emotion import UNREAD, TextClassifier, TextSettings  # noqa: E402
from mien.language.opening import open_text_classifier  # noqa: E402
from mien.language.text_classifiers.hugging_face import create  # noqa: E402

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "##s", "."]


def tiny(folder: Path, labels: list[str], problem_type: str | None = None) -> str:
    """A BERT of a few numbers, with a seeded start, that knows five words."""
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=16).save_pretrained(folder)
    transformers.set_seed(3)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=16, num_labels=len(labels), id2label=dict(enumerate(labels)), initializer_range=0.5,
        label2id={label: i for i, label in enumerate(labels)}, problem_type=problem_type,
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return f"hf:{folder}"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIEN_OFFLINE", "1")
    return tmp_path


def opened(name: str) -> TextClassifier:
    return open_text_classifier(name)


def test_shares_of_one_whole_are_added_up_in_the_seven(hub: Path) -> None:
    classifier = opened(tiny(hub, ["Love", "joy", "sadness", "anger", "fear", "surprise"]))
    assert classifier.label_sets == (TEXT_EKMAN,)
    scores = classifier.classify(["good films.", "bad"], TEXT_EKMAN)
    np.testing.assert_allclose(scores.probabilities.sum(axis=1), 1, atol=1e-5)
    assert (scores.probabilities[:, [TEXT_EKMAN.index("disgust"), TEXT_EKMAN.index("neutral")]] == 0).all()
    assert scores.probabilities[0, 0] > 0


def test_goemotions_28_are_given_as_they_are_and_grouped(hub: Path) -> None:
    labels = list(reversed(TEXT_ORIGINAL.labels))
    classifier = opened(tiny(hub, labels, "multi_label_classification"))
    original = classifier.classify(["good film"], TEXT_ORIGINAL).probabilities
    np.testing.assert_allclose(
        classifier.classify(["good film"], TEXT_EKMAN).probabilities, ekman_of(original), atol=1e-6
    )


def test_the_model_is_told_by_the_hash_of_its_weights(hub: Path) -> None:
    first, second = hub / "a", hub / "b"
    first.mkdir()
    second.mkdir()
    six = ["joy", "sadness", "anger", "fear", "surprise", "disgust"]
    assert opened(tiny(first, six)).sha256 == opened(tiny(second, six)).sha256
    assert opened(tiny(first, [*six, "neutral"])).sha256 != opened(tiny(second, six)).sha256


def test_long_and_unknown_texts(hub: Path) -> None:
    classifier = opened(tiny(hub, ["joy", "sadness"]))
    scores = classifier.classify(["good film " * 300, "quux", ""], TEXT_EKMAN)
    assert scores.top(0)[0] != UNREAD
    assert [scores.top(1)[0], scores.top(2)[0]] == [UNREAD, UNREAD]


def test_labels_that_are_no_emotions_are_refused(hub: Path) -> None:
    with pytest.raises(WeightsError, match="knows no emotion called spam, ham"):
        opened(tiny(hub, ["spam", "ham"]))


def test_a_model_that_is_not_there_is_told(hub: Path) -> None:
    with pytest.raises(WeightsError, match=r"'someone/no-such-model' cannot be loaded \(MIEN_OFFLINE is set\)"):
        opened("hf:someone/no-such-model")


@pytest.mark.parametrize(("told", "offline"), [("1", True), ("yes", True), ("false", False), ("0", False), ("", False)])
def test_offline_means_here_what_it_means_everywhere(monkeypatch: pytest.MonkeyPatch, told: str, offline: bool) -> None:
    asked: list[bool] = []

    def refuse(name: str, **where: Any) -> None:
        asked.append(where["local_files_only"])
        raise OSError("not there")

    monkeypatch.setenv("MIEN_OFFLINE", told)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", refuse)
    with pytest.raises(WeightsError, match="cannot be loaded"):
        create("foo", InferenceSettings(), TextSettings())
    assert asked == [offline]
    assert not logging.getLogger("huggingface_hub.utils._http").isEnabledFor(logging.WARNING), "retries are no news"
