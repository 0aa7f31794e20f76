"""A training recipe: one YAML file, validated, that together with its data makes one model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mien.core.errors import InputError, SettingsError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSection(_Section):
    """Where faces come from. Paths are relative to the working folder."""

    train: Path
    valid: Path
    drop_single_votes: bool = True
    aligned_share: float = Field(0.5, ge=0, le=1)
    """Share of crops cut by the serving path from detected landmarks; the rest are the pictures as they are."""
    detector: str = "yunet"


class CropSection(_Section):
    """The crop written into the model's ``preprocess.json``."""

    size: int = Field(48, ge=24)
    side: float = Field(1.876, gt=0)
    raise_centre: float = 0.153
    align: bool = True


class ScheduleSection(_Section):
    """How long and how fast."""

    epochs: int = Field(30, ge=1)
    batch_size: int = Field(128, ge=2)
    peak_learning_rate: float = Field(3e-3, gt=0)
    weight_decay: float = Field(0.02, ge=0)
    warmup_share: float = Field(0.2, gt=0, lt=1)
    average_decay: float = Field(0.998, ge=0, lt=1)
    """Decay, a step, of the moving average of the weights; the average is what is evaluated and kept."""
    mixup_alpha: float = Field(0.2, ge=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)


class Recipe(_Section):
    """Everything that decides what a training run makes."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    architecture: str = "mien"
    options: dict[str, int | float | list[int]] = Field(default_factory=dict)
    start_from: Path | None = None
    """Checkpoint whose weights are the start: a second stage with other data, augmentation or schedule."""
    mirror: bool = False
    """Whether serving averages each crop with its mirror image; written into ``preprocess.json``."""
    quantise: bool = False
    """Whether the shipped graph is in eight-bit integers."""
    seed: int = 42
    threads: int = Field(2, ge=1)
    precision: Literal["float32", "bfloat16"] = "float32"
    data: DataSection
    crop: CropSection = CropSection()
    schedule: ScheduleSection = ScheduleSection()
    augment: dict[str, float] = Field(default_factory=dict)


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        InputError: no such file.
        SettingsError: not YAML, or a value is unknown or out of range; the message names it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read the recipe {path}: {error.strerror}") from error
    try:
        return Recipe.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{path}: {where or 'recipe'}: {first['msg']}") from error
