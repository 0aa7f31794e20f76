"""A text classifier of the Hugging Face hub, by its name (extra ``[huggingface]``).

The library runs it on torch; Mien imports neither but through it. Only ``safetensors`` weights are loaded and no code
that comes with a model is run. With ``MIEN_OFFLINE`` set, only what was fetched before is used.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from mien.core.errors import SettingsError, WeightsError
from mien.core.labels import EKMAN_GROUPS, TEXT_EKMAN, TEXT_ORIGINAL, TextLabelSet, ekman_of
from mien.core.settings import InferenceSettings
from mien.language.emotion import FloatArray, Readings, TextClassifier, TextSettings
from mien.weights.store import is_offline

LONGEST: Final = 512
PRESENT: Final = 0.5
"""These models come without tuned thresholds: a label is present when it is likelier than not."""

SYNONYMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{label: group for group, members in EKMAN_GROUPS.items() for label in members},
        "happy": "joy",
        "happiness": "joy",
        "sad": "sadness",
        "angry": "anger",
        "afraid": "fear",
        "fearful": "fear",
        "disgusted": "disgust",
        "surprised": "surprise",
        "calm": "neutral",
        "no emotion": "neutral",
    }
)
"""What models call the seven."""


def create(model: str | Path, inference: InferenceSettings, settings: TextSettings) -> TextClassifier:
    """The classifier called ``model`` on the hub (``name`` or ``name@revision``), or in a folder of that form.

    Raises:
        SettingsError: the extra is not installed.
        WeightsError: there is no such model here or there, or its labels are no emotions.
    """
    try:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as error:
        raise SettingsError(
            "models of the Hugging Face hub need transformers and torch: pip install 'mien[huggingface]'"
        ) from error
    name, _, revision = str(model).partition("@")
    offline = is_offline()
    _quiet()
    where: dict[str, Any] = {"revision": revision or None, "local_files_only": offline, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **where)
        network = AutoModelForSequenceClassification.from_pretrained(name, use_safetensors=True, **where)
    except ImportError as error:
        raise SettingsError(
            f"{name} needs a package that is missing (pip install 'mien[huggingface]'): {error}"
        ) from error
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"the Hugging Face model {name!r} cannot be loaded{' (MIEN_OFFLINE is set)' if offline else ''}: {first}"
        ) from error
    return HuggingFace(name, tokenizer, network, settings)


def _quiet() -> None:
    """Each attempt to reach a host that is not there is no news: the last one's failure is told."""
    for name in ("huggingface_hub.utils._http", "huggingface_hub.file_download", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)


class HuggingFace(TextClassifier):
    """Runs a sequence classifier of ``transformers`` and answers in Mien's words.

    Args:
        name: what reports call it.
        tokenizer: of the model.
        network: the model.
        settings: when a label is withheld.
    """

    def __init__(self, name: str, tokenizer: Any, network: Any, settings: TextSettings) -> None:
        self.name = name
        self.settings = settings
        self._tokenizer = tokenizer
        self._network = network.eval().requires_grad_(False)
        config = network.config
        self._independent = config.problem_type == "multi_label_classification"
        names = [str(config.id2label[i]).strip().lower() for i in range(config.num_labels)]
        self._columns = _columns(name, names)
        self._original = (
            [names.index(label) for label in TEXT_ORIGINAL.labels] if set(names) == set(TEXT_ORIGINAL.labels) else None
        )
        self.label_sets = (TEXT_EKMAN, TEXT_ORIGINAL) if self._original else (TEXT_EKMAN,)
        self._longest = min(LONGEST, tokenizer.model_max_length, getattr(config, "max_position_embeddings", LONGEST))
        self.sha256 = _hash(network)

    def thresholds(self, labels: TextLabelSet) -> FloatArray:
        """float32 C: the probability from which each label is present."""
        return np.full(len(labels), PRESENT, np.float32)

    def _read(self, texts: Sequence[str], labels: TextLabelSet) -> Readings:
        read = [self._one(text, labels) for text in texts]
        return Readings(np.stack([p for p, _ in read]), np.array([known for _, known in read], np.float32))

    def _one(self, text: str, labels: TextLabelSet) -> tuple[FloatArray, float]:
        clean = text.encode("utf-8", "replace").decode("utf-8")
        ids = self._tokenizer(clean, add_special_tokens=False, verbose=False)["input_ids"]
        total = np.zeros(len(labels), np.float32)
        if not ids:
            return total, 0.0
        cut = self._tokenizer(clean, truncation=True, max_length=self._longest, return_overflowing_tokens=True)
        windows = cut["input_ids"]
        if isinstance(windows[0], int):
            # Tokenizers written in Python give the first window alone.
            windows = [windows]
        pieces = sum(len(window) for window in windows)
        for window in windows:
            total += np.float32(len(window) / pieces) * self._in(labels, self._own(window))
        return total, 1.0 - ids.count(self._tokenizer.unk_token_id) / len(ids)

    def _own(self, window: list[int]) -> FloatArray:
        """The model's own probabilities of one window, in its own order."""
        batch = self._tokenizer.pad({"input_ids": [window]}, return_tensors="pt")
        logits = np.asarray(self._network(**batch).logits[0].float().numpy(), np.float32)
        if self._independent:
            return np.asarray(1.0 / (1.0 + np.exp(-logits)), np.float32)
        powers = np.exp(logits - logits.max())
        return np.asarray(powers / powers.sum(), np.float32)

    def _in(self, labels: TextLabelSet, own: FloatArray) -> FloatArray:
        if self._original is not None:
            original = own[self._original]
            if labels == TEXT_ORIGINAL:
                return original
            if self._independent:
                return np.asarray(ekman_of(original[None])[0], np.float32)
        out = np.zeros(len(TEXT_EKMAN), np.float32)
        for value, target in zip(own, self._columns, strict=True):
            # Shares of one whole add up; independent probabilities do not.
            out[target] = max(out[target], value) if self._independent else out[target] + value
        return np.minimum(out, np.float32(1))


def _columns(name: str, labels: list[str]) -> list[int]:
    unknown = [label for label in labels if label not in SYNONYMS]
    if unknown:
        raise WeightsError(
            f"{name} is no emotion classifier that Mien can read: it knows no emotion called {', '.join(unknown[:5])}. "
            f"Labels that can be read: {', '.join(sorted(SYNONYMS))}."
        )
    return [TEXT_EKMAN.index(SYNONYMS[label]) for label in labels]


def _hash(network: Any) -> str:
    digest = hashlib.sha256()
    for name, values in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values.float().numpy()).tobytes())
    return digest.hexdigest()
