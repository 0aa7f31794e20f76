"""How a recipe's file is read: YAML, validated, with the name of whatever is wrong in it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from mien.core.errors import InputError, SettingsError


class Section(BaseModel):
    """Base of every part of a recipe: immutable, and an unknown name is an error, as is a number that is none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


RecipeT = TypeVar("RecipeT", bound=Section)


def load(path: Path, recipe: type[RecipeT]) -> RecipeT:
    """Read and check a recipe of a kind.

    Raises:
        InputError: no such file.
        SettingsError: not YAML, or a value is unknown or out of range; the message names it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read the recipe {path}: {error.strerror}") from error
    try:
        return recipe.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{path}: {where or 'recipe'}: {first['msg'].removeprefix('Value error, ')}") from error
