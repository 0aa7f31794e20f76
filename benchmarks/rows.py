"""Figures beside their bars, printed as they are known."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure and what is asked of it; ``holds`` is None where nothing is."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    holds: bool | None = None


def print_rows(rows: Iterable[Row], *, as_json: bool) -> None:
    """A line a row as it comes; as JSON one array of all at the end, and the lines on standard error meanwhile."""
    told = []
    for row in rows:
        verdict = "" if row.holds is None else f"  (bar {row.bar:g}: {'holds' if row.holds else 'MISSED'})"
        line = f"{row.name:80} {row.value:10.1f} {row.unit}{verdict}"
        print(line, file=sys.stderr if as_json else sys.stdout, flush=True)
        told.append({**asdict(row), "value": round(row.value, 2)})
    if as_json:
        print(json.dumps(told, indent=1))
