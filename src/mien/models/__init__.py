"""The models that ship with Mien, one folder each, and those that it only describes.

A classifier of faces is ``model.onnx``, ``label_map.json`` and ``preprocess.json``; a classifier of texts is
``model.onnx``, ``tokenizer.json`` and ``text.json``. A folder without ``model.onnx`` describes a model of others: its
graph is the entry of the same name in the weights registry, fetched when it is asked for.
"""

from __future__ import annotations

from pathlib import Path

DEFAULT_TEXT_CLASSIFIER = "mien-text"


def bundled() -> dict[str, Path]:
    """Folders of the shipped classifiers of faces by name."""
    return _with("preprocess.json")


def bundled_text() -> dict[str, Path]:
    """Folders of the shipped classifiers of texts by name."""
    return _with("text.json")


def described() -> dict[str, Path]:
    """Folders of classifiers of faces whose graphs do not ship, by name."""
    here = Path(__file__).parent
    folders = [p.parent for p in sorted(here.glob("*/preprocess.json"))]
    return {p.name: p for p in folders if not (p / "model.onnx").is_file()}


def _with(document: str) -> dict[str, Path]:
    here = Path(__file__).parent
    return {p.name: p for p in sorted(here.iterdir()) if (p / "model.onnx").is_file() and (p / document).is_file()}
