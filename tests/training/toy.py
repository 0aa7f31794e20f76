"""Faces whose class can be seen at a glance, and a recipe that learns them in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mien.training.recipe import Recipe

OFF = (
    "rotation_degrees", "scale_log", "shift", "flip", "contrast_log", "brightness", "gamma_log", "low_resolution",
    "dark", "noise", "occlusion",
)  # fmt: skip
"""Augmentations that are on unless a recipe says otherwise."""
WIDTHS = (1, 2, 3, 4, 6, 8, 12, 24)
"""Columns of a stripe, by class."""


def toy(path: Path, count: int, seed: int, shares: list[float] | None = None) -> Path:
    """Pictures whose class can be seen: stripes as wide and as bright as the class says, and ten votes for it.

    It must be seen clearly wherever a network is trained: which answers lie near a border is another question on each
    kind of processor.
    """
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 60, (count, 48, 48)).astype(np.uint8)
    classes = generator.choice(8, count, p=shares)
    votes = np.zeros((count, 10), np.uint8)
    for row, label in enumerate(classes):
        images[row, 6 * label : 6 * label + 6] += 120
        images[row, :, (np.arange(48) // WIDTHS[label]) % 2 == 0] += 70
        votes[row, label] = 10
    np.savez(path, images=images, votes=votes)
    return path


def recipe(folder: Path, **changes: Any) -> Recipe:
    """A recipe for toy faces; ``changes`` replace whole fields, and are merged into ``data`` and ``schedule``."""
    plain: dict[str, Any] = {
        "name": "toy",
        "options": {"widths": [8, 16], "blocks": 1, "stem_stride": 2},
        "threads": 1,
        "data": {
            "train": str(toy(folder / "train.npz", 320, 1)),
            "valid": str(toy(folder / "valid.npz", 80, 2)),
            "aligned_share": 0.0,
        },
        "schedule": {
            "epochs": 8,
            "batch_size": 16,
            "average_decay": 0.9,
            "mixup_alpha": 0.0,
            "peak_learning_rate": 0.01,
        },
        "augment": dict.fromkeys(OFF, 0.0),
    }
    for name in ("data", "schedule"):
        plain[name] |= changes.pop(name, {})
    return Recipe.model_validate(plain | changes)
