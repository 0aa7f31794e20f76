"""A report's scenes on its page: a lane over the timeline, and a table."""

from __future__ import annotations

from typing import Any, Final

from mien.analysis.session_scenes import strongest
from mien.report import chart
from mien.report.parts import known
from mien.report.screening import STRONGEST, SceneReadingPart, ScenesPart

NAMED_PERCENT: Final = 5.0
"""Share of the width from which on a scene is named in the lane, percent."""
_LEAST_NAMED_POINTS: Final = 5.0


def bands(scenes: ScenesPart | None, scale: chart.Scale) -> list[dict[str, Any]]:
    """Every recorded stretch of every scene: where it lies in percent of the width, and its name."""
    found = []
    for number, scene in enumerate(scenes.scenes if scenes else (), 1):
        for part in scene.recorded:
            left = scale.left(part.start_seconds)
            width = round(scale.left(part.end_seconds) - left, 3)
            found.append(
                {
                    "left": left,
                    "width": width,
                    "name": scene.name,
                    "number": number,
                    "named": width >= NAMED_PERCENT,
                    "odd": bool(number % 2),
                    "words": f"{scene.name}, {scene.start}–{scene.end}",
                }
            )
    return found


def table_rows(scenes: ScenesPart | None) -> list[dict[str, Any]]:
    """The table's rows: each scene's part, its strongest emotions, and where it was shown first."""
    return [_row(scene) for scene in (scenes.scenes if scenes else ())]


def _row(scene: SceneReadingPart) -> dict[str, Any]:
    emotions = scene.emotions_percent
    values = () if emotions is None else emotions.values()
    return {
        "scene": scene,
        "at": scene.recorded[0].start_seconds if scene.recorded else None,
        "strongest": [
            (name, value)
            for place, (name, value) in enumerate(strongest(values, STRONGEST) if values else ())
            if place == 0 or value >= _LEAST_NAMED_POINTS
        ],
        "shares": [] if emotions is None else [(name, value) for name, value in emotions if value > 0],
        "shock": known(scene.shock_points, 0),
        "shock_peak": known(scene.shock_peak_points, 0),
    }
