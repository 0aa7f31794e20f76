"""Writes ``timeline.csv``: one row a step, units in the column names.

Steps without figures are rows too: ``state`` says why, and their figures are empty, which is not 0.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mien.analysis.series import UNREAD_REASONS
from mien.core.audience import Timeline
from mien.core.labels import EMOTIONS, FERPLUS8, label_set
from mien.report.document import timeline_rows
from mien.report.files import whole_text_file
from mien.report.parts import TimelineRow
from mien.report.wording import clock

Cell = str | int | float | None


def columns(timeline: Timeline) -> tuple[str, ...]:
    """The table's columns for a session: its label set's, and those of its metrics."""
    label_set_name = timeline.session.label_set
    return (
        "media_time_seconds",
        "media_time_mmss",
        "duration_seconds",
        "state",
        "frames",
        "present_faces",
        "readable_faces",
        "tracks",
        "coverage_share",
        "facing_share",
        *(f"{emotion}_{figure}percent" for emotion in EMOTIONS for figure in ("", "low_", "high_")),
        *(f"{label_set_name}_{label.replace(' ', '_')}_percent" for label in view_labels(label_set_name)),
        *(f"unread_{reason}_sightings" for reason in UNREAD_REASONS),
        *(f"{slug}_{end}{log.unit}" for slug, log in timeline.series.items() for end in ("", "low_", "high_")),
    )


def view_labels(label_set_name: str) -> Sequence[str]:
    """The labels of a session's view; none when its label set is the canonical one."""
    return () if label_set_name == FERPLUS8.name else label_set(label_set_name).labels


def csv_text(rows: Iterable[TimelineRow], timeline: Timeline, left_out: Sequence[str] = ()) -> Iterator[str]:
    """The table row by row; rows are taken one at a time. RFC 4180, decimal points.

    Args:
        rows: of the timeline.
        timeline: for its label set and metrics.
        left_out: emotions that are not told: their cells are empty.
    """
    cells = _Cells.of(timeline, left_out)
    writer = csv.writer(_Line())
    yield _line(writer, columns(timeline))
    for row in rows:
        yield _line(writer, cells.row(row))


class TimelineTable:
    """The table of a timeline, made of rows that pass by on their way into another file: to make a row takes longer
    than to write it. What is kept is text, 8 MB of three hours in steps of half a second.

    Args:
        timeline, left_out: as for :func:`csv_text`.
    """

    def __init__(self, timeline: Timeline, left_out: Sequence[str] = ()) -> None:
        self._timeline, self._left_out = timeline, left_out
        self._lines: list[str] | None = None

    def beside(self, rows: Iterable[TimelineRow]) -> Iterator[TimelineRow]:
        """The rows as they are."""
        cells, writer, lines = _Cells.of(self._timeline, self._left_out), csv.writer(_Line()), list[str]()
        for row in rows:
            lines.append(_line(writer, cells.row(row)))
            yield row
        self._lines = lines

    def text(self) -> Iterator[str]:
        """The table; its rows are made here where they did not all pass by."""
        if self._lines is None:
            yield from csv_text(timeline_rows(self._timeline), self._timeline, self._left_out)
            return
        yield _line(csv.writer(_Line()), columns(self._timeline))
        yield from self._lines


def zones_text(zones: Mapping[str, Timeline], left_out: Sequence[str] = ()) -> Iterator[str]:
    """The timelines of a hall's zones by name, one below the other: ``zone``, then the timeline's columns."""
    first = next(iter(zones.values()))
    cells = _Cells.of(first, left_out)
    writer = csv.writer(_Line())
    yield _line(writer, ("zone", *columns(first)))
    for name, timeline in zones.items():
        for row in timeline_rows(timeline):
            yield _line(writer, (name, *cells.row(row)))


def write_csv(rows: Iterable[TimelineRow], timeline: Timeline, path: Path, left_out: Sequence[str] = ()) -> None:
    """Write the timeline in UTF-8; see :func:`csv_text`.

    Raises:
        OutputError: the file cannot be written; nothing of it is left behind.
    """
    with whole_text_file(path) as file:
        file.writelines(csv_text(rows, timeline, left_out))


class _Line:
    """Hands a writer's line on instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def _line(writer: Any, cells: Sequence[Cell]) -> str:
    line: str = writer.writerow(cells)
    return line


@dataclass(frozen=True, slots=True)
class _Cells:
    """How a row of a timeline becomes cells, in the order of :func:`columns`; what is not told is empty."""

    emotions: tuple[str | None, ...]
    labels: tuple[str | None, ...]
    slugs: tuple[str, ...]

    @classmethod
    def of(cls, timeline: Timeline, left_out: Sequence[str]) -> Self:
        name = timeline.session.label_set
        unseen = label_set(name).without(left_out)
        return cls(
            tuple(None if emotion in left_out else emotion for emotion in EMOTIONS),
            tuple(None if label in unseen else label for label in view_labels(name)),
            tuple(timeline.series),
        )

    def row(self, row: TimelineRow) -> list[Cell]:
        cells: list[Cell] = [
            row.media_time_seconds,
            clock(row.media_time_seconds),
            row.duration_seconds,
            row.state.value,
            row.frames,
            row.present_faces,
            row.readable_faces,
            row.tracks,
            row.coverage_share,
            row.facing_share,
        ]
        for emotion in self.emotions:
            if emotion is None:
                cells += [None, None, None]
                continue
            cells.append(getattr(row.emotions_percent, emotion) if row.emotions_percent else None)
            interval = getattr(row.intervals_percent, emotion) if row.intervals_percent else None
            cells += [interval.low, interval.high] if interval else [None, None]
        cells += [row.view_percent.get(label) if label and row.view_percent else None for label in self.labels]
        cells += [getattr(row.unread, reason) if row.unread else None for reason in UNREAD_REASONS]
        for slug in self.slugs:
            measure = (row.measures or {}).get(slug)
            cells += [measure.value, measure.low, measure.high] if measure else [None, None, None]
        return cells
