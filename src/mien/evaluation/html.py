"""Writes ``evaluation.html``: one file in the reports' looks that needs no network and no script."""

from __future__ import annotations

from importlib import resources
from typing import Any

from markupsafe import Markup

from mien.core.labels import EMOTIONS
from mien.evaluation.accuracy import ProtocolScore
from mien.evaluation.evaluate import Evaluation
from mien.evaluation.plots import curve_plot, matrix, reliability_dots, short
from mien.evaluation.resampling import Range
from mien.report.pages import asset, count, template_environment

CLASS_WORDS = {
    "8": "eight: all of FER+",
    "7": "seven: without contempt",
    "5": "five: neutral, happiness, surprise, sadness, anger",
}
PROTOCOL_WORDS = {
    "majority": "majority: single votes dropped, the winner has more than half",
    "argmax": "argmax: most votes of all, the first on ties",
}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def percent(share: float | None, digits: int = 1) -> str:
    """A share 0–1 as percent; an en dash where there is none."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def spread(interval: Range | None, digits: int = 1) -> str:
    """An interval of shares as percent."""
    return "–" if interval is None else f"{100 * interval[0]:.{digits}f} to {100 * interval[1]:.{digits}f}"


def plain(value: float | None, digits: int = 2) -> str:
    """A number; an en dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def render(evaluation: Evaluation) -> str:
    """The page of an evaluation."""
    environment = template_environment(_asset)
    environment.filters |= {"percent": percent, "spread": spread, "plain": plain, "count": count, "short": short}
    curves = evaluation.robustness.curves if evaluation.robustness else {}
    return environment.get_template("evaluation.html.j2").render(
        e=evaluation,
        csp=POLICY,
        style=Markup(asset("report.css") + _asset("evaluation.css")),
        facts=_facts(evaluation),
        emotions=EMOTIONS,
        protocols=_protocols(evaluation),
        matrices=[(name, matrix(point.argmax8)) for name, point in evaluation.operating_points.items()],
        dots=reliability_dots(evaluation.calibration.bins),
        curves=[(name, curve, curve_plot(curve)) for name, curve in curves.items()],
    )


def _asset(name: str) -> str:
    return (resources.files("mien.evaluation") / "page" / name).read_text(encoding="utf-8")


def _facts(e: Evaluation) -> list[tuple[str, str, str]]:
    told = [
        ("Majority, eight classes", percent(e.majority8.accuracy), f"{spread(e.majority8.interval)} with 95 %"),
        ("Argmax, eight classes", percent(e.argmax8.accuracy), f"{spread(e.argmax8.interval)} with 95 %"),
        ("Mean recall over eight", percent(e.argmax8.macro_recall), spread(e.argmax8.macro_recall_interval)),
    ]
    balanced = e.operating_points.get("balanced")
    if balanced:
        at = balanced.argmax8
        told.append(("At the balanced point", percent(at.macro_recall), spread(at.macro_recall_interval)))
    told.append(("Calibration error", percent(e.ece), spread(e.calibration.interval)))
    if e.ms_per_face:
        batch = "8" if "8" in e.ms_per_face else next(iter(e.ms_per_face))
        told.append(("Processor time a face", f"{e.ms_per_face[batch]:.2f} ms", f"in batches of {batch}"))
    return told


def _protocols(e: Evaluation) -> list[dict[str, Any]]:
    rows = []
    for view, classes in CLASS_WORDS.items():
        for protocol, words in PROTOCOL_WORDS.items():
            score: ProtocolScore = getattr(e, f"{protocol}{view}")
            rows.append({"protocol": words, "classes": classes, "score": score})
    return rows
