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
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {error}") from error
    return validated(content, recipe, str(path))


def validated(content: object, recipe: type[RecipeT], told: str) -> RecipeT:
    """A recipe from plain data.

    Args:
        content: as YAML or a checkpoint holds it.
        recipe: its kind.
        told: what it is called in an error.

    Raises:
        SettingsError: a value is unknown or out of range; the message names it.
    """
    try:
        return recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{told}: {where or 'recipe'}: {first['msg'].removeprefix('Value error, ')}") from error
