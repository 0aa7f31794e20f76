"""The models that ship with Mien, one folder each: ``model.onnx``, ``label_map.json``, ``preprocess.json``, card."""

from __future__ import annotations

from pathlib import Path

DEFAULT_CLASSIFIER = "mien-m"


def bundled() -> dict[str, Path]:
    """Folders of the shipped models by name."""
    here = Path(__file__).parent
    return {p.name: p for p in sorted(here.iterdir()) if (p / "model.onnx").is_file()}
