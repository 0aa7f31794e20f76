"""A hall's zones on its page: a table, the whole hall last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mien.report.document import Findings
from mien.report.parts import CoveragePart, FigurePart, LevelPart

STRONGEST: Final = 2
COLUMNS: Final = (
    ("shock_average", "Shock", 0),
    ("engagement_{environment}", "Engagement", 2),
    ("attention_mean", "Facing", 0),
)
"""Figures on show: their slug (engagement's for the session's environment), what the column is called, decimals."""
WHOLE: Final = "Whole hall"
_LEAST_NAMED_POINTS: Final = 5.0


def zone_rows(findings: Findings) -> list[dict[str, Any]]:
    """One row a zone and one of the hall; none where it was not measured by zones."""
    audience = findings.provenance.settings.get("audience")
    environment = str(audience.get("environment", "general")) if isinstance(audience, dict) else "general"
    rows = [
        _row(zone.zone, zone.coverage, zone.distribution, zone.figures, environment) for zone in findings.zones or ()
    ]
    if rows:
        levels = findings.distribution.canonical
        hall = _row(WHOLE, findings.coverage, levels, findings.figures, environment)
        rows.append({**hall, "whole": True})
    return rows


def _row(
    name: str,
    coverage: CoveragePart,
    levels: Sequence[LevelPart],
    figures: Sequence[FigurePart],
    environment: str,
) -> dict[str, Any]:
    known = {figure.slug: figure for figure in figures}
    told = sorted(levels, key=lambda level: -level.mean_percent)
    return {
        "name": name,
        "whole": False,
        "coverage": coverage,
        "read": bool(told),
        "shares": [(level.label, level.mean_percent) for level in levels if level.mean_percent > 0],
        "strongest": [
            (level.label, level.mean_percent)
            for place, level in enumerate(told[:STRONGEST])
            if place == 0 or level.mean_percent >= _LEAST_NAMED_POINTS
        ],
        "figures": [_figure(known.get(slug.format(environment=environment)), digits) for slug, _, digits in COLUMNS],
        "scares": _figure(known.get("scares_total"), 0),
        "why": _why(coverage),
    }


def _figure(figure: FigurePart | None, digits: int) -> tuple[str, str]:
    """A figure as it is written, and why there is none."""
    if figure is None or figure.value is None:
        return "", (figure.withheld if figure is not None else None) or "not measured"
    return f"{figure.value:.{digits}f}", ""


def _why(coverage: CoveragePart) -> str:
    """Why nothing is told of a zone."""
    if coverage.steps_suppressed:
        return "fewer faces than the smallest group, throughout"
    return "no face could be read" if coverage.steps_unread else "no face was seen"
