"""The drawings of an evaluation's page, as paths and places in a box 1000 wide and 100 high that the page stretches."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mien.core.labels import EMOTIONS
from mien.evaluation.accuracy import ProtocolScore
from mien.evaluation.calibration import Bin
from mien.evaluation.robustness import Curve, CurvePoint

WIDTH, HEIGHT = 1000.0, 100.0
_INSET = 40.0
"""Room left and right of a curve's first and last point, so that their marks are whole."""
_LARGEST_DOT = 4.2
"""Radius of the dot of a bin with all votes, percent of the plot's width."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A level under a curve: percent from the left, and its text."""

    left: float
    text: str


@dataclass(frozen=True, slots=True)
class CurvePlot:
    """One robustness curve, ready to draw.

    Attributes:
        accuracy, recall: SVG paths of lines.
        band: SVG path of the accuracy's interval, closed.
        ticks: levels, the undisturbed picture first.
    """

    accuracy: str
    band: str
    recall: str
    ticks: tuple[Tick, ...]


def curve_plot(curve: Curve) -> CurvePlot:
    """Lines over a curve's levels at equal distances, shares 0–1 from bottom to top."""
    points = curve.points
    places = [_place(i, len(points)) for i in range(len(points))]
    upper = [_at(x, p.interval[1]) for x, p in zip(places, points, strict=True)]
    lower = [_at(x, p.interval[0]) for x, p in zip(places, points, strict=True)]
    return CurvePlot(
        accuracy=_line([_at(x, p.accuracy) for x, p in zip(places, points, strict=True)]),
        band=_line(upper + lower[::-1]) + "Z",
        recall=_line([_at(x, p.macro_recall) for x, p in zip(places, points, strict=True)]),
        ticks=tuple(Tick(round(x / WIDTH * 100, 2), _level(p)) for x, p in zip(places, points, strict=True)),
    )


def _place(index: int, count: int) -> float:
    return _INSET + index / max(count - 1, 1) * (WIDTH - 2 * _INSET)


def _at(x: float, share: float) -> str:
    return f"{x:.1f},{HEIGHT * (1 - share):.2f}"


def _line(places: list[str]) -> str:
    return "M" + " ".join(places)


def _level(point: CurvePoint) -> str:
    return "as is" if point.level is None else f"{point.level:g}"


@dataclass(frozen=True, slots=True)
class Dot:
    """A bin of a reliability plot, percent of the plot: middle and radius; ``words`` says what it stands for."""

    x: float
    y: float
    radius: float
    words: str


def reliability_dots(bins: tuple[Bin, ...]) -> tuple[Dot, ...]:
    """A dot a bin that holds faces; its area is its share of the votes, and small ones are kept visible."""
    total = sum(b.votes for b in bins) or 1
    return tuple(
        Dot(
            round(b.confidence * 100, 2),
            round(100 - b.agreement * 100, 2),
            round(max(0.7, _LARGEST_DOT * math.sqrt(b.votes / total) * 1.6), 2),
            f"told {b.confidence * 100:.0f} %, {b.agreement * 100:.0f} % of {b.votes} votes agree",
        )
        for b in bins
        if b.confidence is not None and b.agreement is not None
    )


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a confusion matrix: its share of the row in whole percent, its count, and whether it is right."""

    percent: float
    count: int
    right: bool


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One true class of a confusion matrix."""

    label: str
    faces: int
    cells: tuple[Cell, ...]


def matrix(score: ProtocolScore) -> tuple[MatrixRow, ...]:
    """A confusion matrix by rows, as shares of each true class."""
    rows = []
    for place, (label, counts) in enumerate(zip(score.classes, score.confusion, strict=True)):
        faces = sum(counts)
        cells = tuple(Cell(100 * c / faces if faces else 0.0, c, i == place) for i, c in enumerate(counts))
        rows.append(MatrixRow(label, faces, cells))
    return tuple(rows)


def short(emotion: str) -> str:
    """An emotion's name where there is little room; the first letters tell the eight apart."""
    return emotion[:4] if emotion in EMOTIONS else emotion
