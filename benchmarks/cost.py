"""Draws accuracy over cost: our shipped models beside what users would pick instead.

Ours come from the evaluations beside the model cards, the others from ``peers.toml``, which says how they were
measured.

    python -m benchmarks.cost [--out docs/images/accuracy-cost.svg]
"""

from __future__ import annotations

import argparse
import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape

from mien.evaluation.evaluate import Evaluation, read_evaluation

CARDS = Path("docs/model-cards")
PEERS = Path(__file__).with_name("peers.toml")
PICTURE = Path("docs/images/accuracy-cost.svg")
BATCH = "8"

WIDTH, HEIGHT = 860, 470
LEFT, RIGHT, TOP, BOTTOM = 66, 30, 58, 72
MS = (0.1, 30.0)
MS_TICKS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20)
ACCURACY = (40.0, 95.0)
ACCURACY_TICKS = (40, 50, 60, 70, 80, 90)
INK, SOFT, LINE, GRID, OURS = "#15171c", "#575d69", "#b9b6ac", "#e8e6df", "#1d4f91"


@dataclass(frozen=True, slots=True)
class Place:
    """A model in the picture: milliseconds a face, accuracy in percent with its interval where it is ours;
    ``above`` puts its name over it, where there is no room below."""

    name: str
    about: str
    ms: float
    accuracy: float
    interval: tuple[float, float] | None
    above: bool = False


def our_places(evaluations: Sequence[Evaluation]) -> list[Place]:
    """Evaluations with a measured time, as places."""
    return [
        Place(
            e.model.name,
            "",
            e.ms_per_face[BATCH],
            100 * e.majority8.accuracy,
            (100 * e.majority8.interval[0], 100 * e.majority8.interval[1]),
        )
        for e in evaluations
        if e.ms_per_face and BATCH in e.ms_per_face
    ]


def draw(evaluations: Sequence[Evaluation], peers: Path = PEERS) -> str:
    """The picture as SVG.

    Args:
        evaluations: of our models.
        peers: the table of the others.
    """
    table = tomllib.loads(peers.read_text(encoding="utf-8"))
    others = [
        Place(p["name"], p["kind"], p["ms_batch8"], p["majority8"], None, p.get("label") == "above")
        for p in table["peer"]
    ]
    annotator = float(table["annotator"]["majority8"])
    ours = our_places(evaluations)
    machines = " and ".join(sorted({e.machine.processor for e in evaluations}))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Accuracy over processor time a face: {escape(_sentence(ours, others))}" '
        'font-family="Inter, system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="12" fill="#fff"/>',
        _text(LEFT, 28, "Agreement with most people, over what a face costs", INK, 17, weight=650),
        _text(LEFT, 46, "FER+, eight classes, majority protocol; one thread, batches of 8, processor time", SOFT, 13),
    ]
    for level in ACCURACY_TICKS:
        y = _y(level)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        parts.append(_text(LEFT - 10, y + 4, f"{level} %", SOFT, 12.5, anchor="end"))
    for tick in MS_TICKS:
        x = _x(tick)
        parts.append(f'<path d="M{x:.1f} {HEIGHT - BOTTOM}v5" stroke="{LINE}"/>')
        parts.append(_text(x, HEIGHT - BOTTOM + 20, f"{tick:g} ms", SOFT, 12.5, anchor="middle"))
    parts.append(f'<path d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}" stroke="{LINE}"/>')
    y = _y(annotator)
    parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{SOFT}" stroke-dasharray="5 4"/>')
    parts.append(
        _text(WIDTH - RIGHT, y - 7, f"one person against nine others: {annotator:.1f} %", SOFT, 12.5, anchor="end")
    )
    for place in others:
        parts += _peer(place)
    slowest = max(ours, key=lambda place: place.ms, default=None)
    for number, place in enumerate(sorted(ours, key=lambda place: place.ms)):
        parts += _own(replace(place, above=number % 2 == 1), beside=place is slowest)
    parts.append(
        _text(
            LEFT,
            HEIGHT - 30,
            f"Ours (blue, with 95 %): validation split, which chose them and so flatters; {machines}.",
            SOFT,
            12,
        )
    )
    parts.append(
        _text(
            LEFT,
            HEIGHT - 13,
            f"Others: {table['split']} split, {table['machine']}, a faster machine than ours.",
            SOFT,
            12,
        )
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _peer(place: Place) -> list[str]:
    x, y = _x(place.ms), _y(place.accuracy)
    title = f"<title>{escape(f'{place.name} ({place.about})' if place.about else place.name)}</title>"
    return [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="#fff" stroke="{SOFT}" stroke-width="2">{title}</circle>',
        _text(x, y - 14 if place.above else y + 23, f"{place.name}: {place.accuracy:.1f} %", INK, 13, anchor="middle"),
    ]


def _own(place: Place, *, beside: bool) -> list[str]:
    """A point of ours; its name to its right, or else above or beneath it, where no neighbour's stands."""
    x, y = _x(place.ms), _y(place.accuracy)
    low, high = place.interval or (place.accuracy, place.accuracy)
    told = f"{place.name}: {place.accuracy:.1f} %, {place.ms:.2f} ms"
    return [
        f'<path d="M{x:.1f} {_y(high):.1f}V{_y(low):.1f}" stroke="{OURS}" stroke-width="2"/>',
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6.5" fill="{OURS}"/>',
        _text(x + 13, y + 4.5, told, OURS, 14, weight=650)
        if beside
        else _text(x, y - 18 if place.above else y + 28, told, OURS, 14, anchor="middle", weight=650),
    ]


def _sentence(ours: Sequence[Place], others: Sequence[Place]) -> str:
    return "; ".join(f"{p.name} {p.accuracy:.1f} % at {p.ms:.2f} ms" for p in (*ours, *others))


def _x(ms: float) -> float:
    share = (math.log(ms) - math.log(MS[0])) / (math.log(MS[1]) - math.log(MS[0]))
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(accuracy: float) -> float:
    share = (accuracy - ACCURACY[0]) / (ACCURACY[1] - ACCURACY[0])
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _text(x: float, y: float, text: str, colour: str, size: float, *, anchor: str = "start", weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size:g}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def stored_evaluations(cards: Path = CARDS) -> list[Evaluation]:
    """The evaluations beside the model cards, by the model's name."""
    return [read_evaluation(path) for path in sorted(cards.glob("*.evaluation.json"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    arguments.out.write_text(draw(stored_evaluations()), encoding="utf-8")
    print(arguments.out)


if __name__ == "__main__":
    main()
