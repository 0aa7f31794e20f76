"""How a recipe's file is validated, with the name of whatever is wrong in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from mien.core.errors import SettingsError
from mien.yaml_file import read_yaml

Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""What NumPy's generators and torch's both take."""


class Section(BaseModel):
    """Base of every part of a recipe: immutable, and an unknown name is an error, as is a number that is none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth_value(cls, value: object, info: ValidationInfo) -> object:
        # Pydantic takes true for 1, and YAML takes yes and on for true: ``epochs: yes`` would be one epoch.
        annotation = cls.model_fields[info.field_name or ""].annotation
        kinds = (annotation, *get_args(annotation))
        section = any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds)
        if bool not in kinds and not section and _holds_truth_value(value):
            raise ValueError("yes, no, on, off, true and false are no value here: give another, or quote a name")
        return value


def _holds_truth_value(value: object, depth: int = 2) -> bool:
    """Whether a value is true or false, or has one inside, as deep as what is no section is nested in a recipe."""
    if isinstance(value, bool) or depth == 0:
        return isinstance(value, bool)
    inside = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list | tuple) else []
    return any(_holds_truth_value(part, depth - 1) for part in inside)


RecipeT = TypeVar("RecipeT", bound=Section)


def load(path: Path, recipe: type[RecipeT]) -> RecipeT:
    """Read and check a recipe of a kind.

    Raises:
        InputError: no such file.
        SettingsError: not UTF-8 or not YAML, a name is given twice, or a value is unknown or out of range; the message
            names it.
    """
    return validated(read_yaml(path, "the recipe"), recipe, str(path))


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
