"""Figures beside their bars, printed as they are known."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.peers import Peer


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside its bar.

    Attributes:
        name, value, unit: the figure; a value of None was not measured, and the note says why.
        bar: what it is held to, if anything.
        at_most: on which side of the bar it should be.
        note: what stands behind it.
        stages: CPU milliseconds a frame by stage, of a run with all workers in one process.
        peers: what users would pick instead, in the same run on frames of the same clip.
    """

    name: str
    value: float | None
    unit: str
    bar: float | None = None
    at_most: bool = True
    note: str = ""
    stages: Mapping[str, float] = field(default_factory=dict)
    peers: Mapping[str, Peer] = field(default_factory=dict)

    @property
    def holds(self) -> bool | None:
        """Whether the figure is on the right side of its bar; None where there is none."""
        if self.value is None or self.bar is None:
            return None
        return self.value <= self.bar if self.at_most else self.value >= self.bar

    def told(self) -> dict[str, Any]:
        """As plain data, without stages and peers where there are none."""
        whole = {**asdict(self), "value": None if self.value is None else round(self.value, 3), "holds": self.holds}
        return {name: value for name, value in whole.items() if value != {}}

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.name:60} {self.note}"
        words = f"{self.name:60} {self.value:10.2f} {self.unit}"
        if self.bar is not None:
            words += (
                f"  ({'at most' if self.at_most else 'at least'} {self.bar:g}: {'holds' if self.holds else 'MISSED'})"
            )
        lines = [f"{words}  {self.note}".rstrip()]
        for title, told in (("stages", self.stages), ("peers", self.peers)):
            if told:
                lines.append(f"  {title}: " + ", ".join(f"{name} {_told(value)}" for name, value in told.items()))
        return "\n".join(lines)


def _told(value: float | Peer) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return value.note if value.cpu_ms is None else f"{value.cpu_ms:.1f} ms ({value.faces:.1f} faces)"


def print_rows(rows: Iterable[Row], *, as_json: bool) -> None:
    """Each row as it comes; as JSON one array of all at the end, and the lines on standard error meanwhile."""
    told = []
    for row in rows:
        print(row, file=sys.stderr if as_json else sys.stdout, flush=True)
        told.append(row.told())
    if as_json:
        print(json.dumps(told, indent=1))
