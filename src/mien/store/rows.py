"""From rows to the dataclasses that are handed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from sqlalchemy import Column, RowMapping, Table

T = TypeVar("T")


class Shape(Generic[T]):
    """How a table's rows become records of a type.

    Args:
        record: a dataclass, each of whose fields is a column of the table.
        table: where it comes from.
    """

    def __init__(self, record: type[T], table: Table) -> None:
        hints = get_type_hints(record)
        names = [f.name for f in fields(record)]  # type: ignore[arg-type]
        self._record = record
        self._convert = [(name, _converter(hints[name])) for name in names]
        self.columns: tuple[Column[Any], ...] = tuple(table.c[name] for name in names)

    def of(self, row: RowMapping | Mapping[str, Any]) -> T:
        """The record of one row, or of values by column; further columns are ignored."""
        told = {name: convert(row[name]) if convert else row[name] for name, convert in self._convert}
        return self._record(**told)


def _converter(hint: Any) -> Callable[[Any], Any] | None:
    """What a column of plain values needs to become a field of this type."""
    kinds = [a for a in get_args(hint) if a is not type(None)] if type(None) in get_args(hint) else [hint]
    kind = get_origin(kinds[0]) or kinds[0]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return lambda value: None if value is None else kind(value)
    if kind is tuple:
        return lambda value: None if value is None else tuple(value)
    if kind is Mapping:
        return lambda value: None if value is None else MappingProxyType(dict(value))
    return None
