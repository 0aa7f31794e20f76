"""``comparison.html``: the verdict of a comparison in plain words, and everything behind it, on one page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mien.report import chart
from mien.report.comparison import (
    ComparisonDocument,
    ComparisonPart,
    FindingPart,
    PointPart,
    SceneFigurePart,
    ScenePart,
)
from mien.report.comparison_chart import Curves, close_ups, curves, draw, points_for
from mien.report.pages import render_page
from mien.report.wording import clock

MOST_FINDINGS: Final = 12
"""Findings of one comparison that have a card of their own; the rest are in ``comparison.json``."""
_TABLE_ROWS: Final = 120
_READ_OUT: Final = ("mean_a", "mean_b", "difference", "low", "high", "family_low", "family_high")


def render_comparison(document: ComparisonDocument) -> str:
    """The page."""
    level = document.options.level / document.options.comparisons
    most = points_for(len(document.comparisons))
    drawn = [curves(part, most) for part in document.comparisons]
    return render_page(
        "comparison.html.j2",
        ("report.css", "comparison.css"),
        ("cursor.js", "comparison.js"),
        filters={"told": point_words, "scene": scene_words, "written": _told},
        document=document,
        headline=headline(document),
        facts=_facts(document),
        level=level,
        comparisons=[
            _comparison(document, part, curve, level) for part, curve in zip(document.comparisons, drawn, strict=True)
        ],
        data=[_data(part, curve) for part, curve in zip(document.comparisons, drawn, strict=True)],
        settings=_settings(document),
    )


def headline(document: ComparisonDocument) -> str:
    """What is concluded, in one sentence without a figure that needs explaining."""
    parts = document.comparisons
    if len(parts) == 1:
        return f"{short_verdict(parts[0])}."
    shown = [p for p in parts if _is_shown(p)]
    if not shown:
        concluded = [p for p in parts if p.verdict.shown is not None]
        if not concluded:
            return f"Nothing is concluded in any of {len(parts)} comparisons."
        return f"No difference is shown in any of {len(concluded)} comparisons."
    if len(shown) == 1:
        return (
            f"{short_verdict(shown[0])}; in {len(parts) - 1} other comparison{'s' if len(parts) > 2 else ''}, none is."
        )
    return f"A difference is shown in {len(shown)} of {len(parts)} comparisons."


def short_verdict(part: ComparisonPart) -> str:
    """One comparison's verdict in a few words, without a full stop."""
    a, b, series = part.version_a, part.version_b, part.series.replace("_", " ")
    scenes = part.scenes
    if part.verdict.shown:
        return _shown_words(part, _first(series))
    if scenes is not None and scenes.verdict.shown:
        names = [f"“{pair.name_b}”" for pair in scenes.scenes if pair.shown]
        told = names[0] if len(names) == 1 else f"{len(names)} of {len(scenes.scenes)} scenes"
        return f"A difference in {series} between {b} and {a} is shown in {told}"
    if part.verdict.shown is None:
        return f"Nothing is concluded about {series} in {b} and {a}"
    return f"No difference in {series} is shown between {b} and {a}"


def _is_shown(part: ComparisonPart) -> bool:
    return bool(part.verdict.shown) or bool(part.scenes is not None and part.scenes.verdict.shown)


def _shown_words(part: ComparisonPart, series: str) -> str:
    a, b = part.version_a, part.version_b
    if not part.findings:
        way = "higher" if (part.overall.difference or 0.0) > 0 else "lower"
        return f"{series} is {way} in {b} than in {a}, over the whole"
    strongest = max(part.findings, key=_clearness)
    higher = sum((f.at_peak.difference or 0.0) > 0 for f in part.findings)
    lower = len(part.findings) - higher
    if len(part.findings) == 1:
        return f"{series} is {'higher' if higher else 'lower'} in {b} than in {a} at {strongest.peak}"
    if higher and lower:
        times = f"{higher} stretch{'es' if higher > 1 else ''} and lower in {lower}"
        return f"{series} is higher in {b} than in {a} in {times}, most clearly different at {strongest.peak}"
    way = "higher" if higher else "lower"
    return f"{series} is {way} in {b} than in {a} in {higher + lower} stretches, most clearly at {strongest.peak}"


def _clearness(finding: FindingPart) -> float:
    """As ``analysis.verdicts.clearness``."""
    effect = finding.at_peak.effect_hedges_g
    return math.inf if effect is None else abs(effect)


def _first(text: str) -> str:
    return text[0].upper() + text[1:]


def _facts(document: ComparisonDocument) -> list[tuple[str, str, str]]:
    versions, options, first = document.versions, document.options, document.comparisons[0]
    counts = " / ".join(str(v.sessions) for v in versions)
    steps = len(first.curve["difference"])
    facts = [
        ("Sessions", counts, " / ".join(v.version for v in versions)),
        (
            "Compared",
            clock(steps * first.step_seconds),
            f"{steps:,} steps of {first.step_seconds:g} s".replace(",", " "),
        ),
        (
            "Coverage",
            " / ".join(f"{v.coverage_share * 100:.0f} %" for v in versions),
            "of the time, as their files tell",
        ),
    ]
    if any(part.verdict.withheld is None for part in document.comparisons):
        facts.append(("False alarm", f"{options.level * 100:g} %", "at most, the chance of any on this page"))
    if len(document.comparisons) == 1 and first.detectable_typically is not None:
        unit = f" {first.unit}" if first.unit else ""
        about = f"at a typical step, in {options.power * 100:.0f} of 100 such comparisons"
        facts.append(("Would have been found", f"{_told(first.detectable_typically)}{unit}", about))
    return facts


def _comparison(document: ComparisonDocument, part: ComparisonPart, drawn: Curves, level: float) -> dict[str, Any]:
    shown = part.findings[:MOST_FINDINGS]
    if len(part.findings) > MOST_FINDINGS:
        clearest = sorted(part.findings, key=lambda f: -_clearness(f))[:MOST_FINDINGS]
        shown = tuple(f for f in part.findings if f in clearest)
    numbers = {id(f): number for number, f in enumerate(part.findings, 1)}
    seconds = float(np.median(drawn.end - drawn.start))
    return {
        "part": part,
        "short": short_verdict(part),
        "state": "shown" if _is_shown(part) else "withheld" if part.verdict.shown is None else "none",
        "chart": draw(part, drawn, level),
        "unit": f" {part.unit}" if part.unit else "",
        "findings": [
            {"finding": f, "number": numbers[id(f)], "spark": spark}
            for f, spark in zip(shown, close_ups(part, shown), strict=True)
        ],
        "more_findings": len(part.findings) - len(shown),
        "steps_each": drawn.steps_each,
        "seconds_each": f"{seconds:.3g}",
        "steps": len(part.curve["difference"]),
        "untold_steps": sum(value is None for value in part.curve["difference"]),
        "inferred": part.verdict.withheld is None,
        "scenes": _scenes(part),
        "tables": [t for t in document.scene_tables if t.series == part.series and _concerns(t.version, part)],
        "table": _table(part),
    }


def _concerns(version: str, part: ComparisonPart) -> bool:
    return version in (part.version_a, part.version_b)


def _scenes(part: ComparisonPart) -> list[dict[str, Any]]:
    """Rows of the table of scenes; differences are drawn on one scale."""
    if part.scenes is None:
        return []
    ends = [
        v
        for pair in part.scenes.scenes
        for v in (pair.figures.family_low, pair.figures.family_high, pair.figures.difference)
        if v is not None
    ]
    reach = max((abs(v) for v in ends), default=1.0) or 1.0
    return [{"pair": pair, "drawn": _dot(pair, reach)} for pair in part.scenes.scenes]


def _dot(pair: ScenePart, reach: float) -> dict[str, str] | None:
    """A difference and its bands from -reach to reach, in a box 1000 wide."""
    point = pair.figures
    if point.difference is None:
        return None

    def place(value: float) -> str:
        return f"{500 + value / reach * 480:.1f}"

    def bar(low: float | None, high: float | None) -> str:
        return "" if low is None or high is None else f"M{place(low)},50H{place(high)}"

    return {
        "wide": bar(point.family_low, point.family_high),
        "narrow": bar(point.low, point.high),
        "dot": f"M{place(point.difference)},50h0",
    }


def _table(part: ComparisonPart) -> dict[str, Any]:
    drawn = curves(part, _TABLE_ROWS)
    rows = [
        {
            "time": clock(float(drawn.start[i])),
            "values": [_told(drawn.mean[name][i]) for name in ("mean_a", "mean_b", "difference")],
            "bands": [
                _span(drawn.least[low][i], drawn.most[high][i])
                for low, high in (("low", "high"), ("family_low", "family_high"))
            ],
            "p": _p(drawn.least["family_p"][i]),
            "sessions": _whole(drawn.least["sessions_a"][i]) + " / " + _whole(drawn.least["sessions_b"][i]),
        }
        for i in range(len(drawn))
    ]
    return {"rows": rows, "steps_each": drawn.steps_each}


def _told(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.{_digits(value)}f}".replace("-", "−")


def _digits(value: float) -> int:
    """Decimals: one, and more for what they would hide, as on scales that end at 1."""
    return 3 if 0 < abs(value) < 0.095 else 2 if 0 < abs(value) < 0.95 else 1


def _span(low: float, high: float) -> str:
    return "–" if np.isnan(low) or np.isnan(high) else f"{_told(low)} to {_told(high)}"


def _whole(value: float) -> str:
    return "0" if np.isnan(value) else f"{value:.0f}"


def _p(value: float | None) -> str:
    if value is None or np.isnan(value):
        return "–"
    return f"{value:.2g}" if value >= 0.001 else f"{value:.1g}"


def point_words(point: PointPart) -> dict[str, str]:
    """A point's figures as the page writes them."""
    nothing = float("nan")

    def known(value: float | None) -> float:
        return nothing if value is None else value

    return {
        "a": _told(known(point.mean_a)),
        "b": _told(known(point.mean_b)),
        "difference": signed(point.difference),
        "pointwise": _span(known(point.low), known(point.high)),
        "simultaneous": _span(known(point.family_low), known(point.family_high)),
        "p": _p(point.family_p),
        "g": "–" if point.effect_hedges_g is None else f"{point.effect_hedges_g:.2f}".replace("-", "−"),
        "detectable": _told(known(point.detectable)),
    }


def signed(value: float | None) -> str:
    """A difference with its sign."""
    return "–" if value is None else f"{value:+.{_digits(value)}f}".replace("-", "−")


def scene_words(figure: SceneFigurePart) -> dict[str, str]:
    """A row of a version's own table of scenes."""
    interval = "–" if figure.low is None or figure.high is None else f"{_told(figure.low)} to {_told(figure.high)}"
    return {
        "mean": "–" if figure.mean is None else _told(figure.mean),
        "interval": interval,
        "rank": "–" if figure.rank is None else str(figure.rank),
        "coverage": "–" if figure.mean is None else f"{figure.coverage_share * 100:.0f} %",
    }


def _data(part: ComparisonPart, drawn: Curves) -> dict[str, Any]:
    """What the cursor reads out."""
    bands = {"low": drawn.least, "family_low": drawn.least, "high": drawn.most, "family_high": drawn.most}
    return {
        "start": [round(v, 3) for v in drawn.start.tolist()],
        "end": [round(v, 3) for v in drawn.end.tolist()],
        "each": drawn.steps_each,
        "series": part.series,
        "unit": part.unit,
        "a": part.version_a,
        "b": part.version_b,
        **{name: chart.numbers(bands.get(name, drawn.mean)[name]) for name in _READ_OUT},
        "sessions_a": chart.numbers(drawn.least["sessions_a"], 0),
        "sessions_b": chart.numbers(drawn.least["sessions_b"], 0),
    }


def _settings(document: ComparisonDocument) -> Sequence[tuple[str, str]]:
    told = document.options.model_dump()
    words = {
        "level": "level of all comparisons together",
        "control": "family-wise control",
        "min_sessions": "least sessions of each version at a step",
        "min_share": "least share of the sessions at a step",
        "min_group": "smallest group told about",
    }
    return [
        (words.get(name, name), f"{value:g}" if isinstance(value, float) else str(value))
        for name, value in told.items()
    ]
