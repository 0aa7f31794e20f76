"""Text classifiers by name: shipped, from a folder, or of the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mien import models
from mien.core import plugins
from mien.core.errors import InputError
from mien.core.settings import InferenceSettings
from mien.language.emotion import TextClassifier, TextSettings

KIND: Final = "language.text_classifiers"
HUB: Final = "hf:"
"""Before the name of a model of the Hugging Face hub."""


def open_text_classifier(
    name: str = models.DEFAULT_TEXT_CLASSIFIER,
    inference: InferenceSettings | None = None,
    settings: TextSettings | None = None,
) -> TextClassifier:
    """A text classifier: a shipped model's name, a model folder's path, or ``hf:NAME`` (``hf:NAME@REVISION``).

    Raises:
        InputError: none of these.
        SettingsError: it needs an extra that is not installed; the message names it.
        WeightsError: its files cannot be had or do not fit.
    """
    inference, settings = inference or InferenceSettings(), settings or TextSettings()
    shipped = models.bundled_text()
    if name.startswith(HUB):
        backend, model = "hugging_face", name.removeprefix(HUB)
    else:
        folder = shipped.get(name, Path(name))
        if not folder.is_dir():
            raise InputError(
                f"no text classifier {name!r}: it is neither a model folder nor a shipped model "
                f"({', '.join(shipped)}). Models of the Hugging Face hub are written {HUB}NAME."
            )
        backend, model = "text_folder", str(folder)
    classifier: TextClassifier = plugins.load(KIND, backend).create(model, inference, settings)
    return classifier
