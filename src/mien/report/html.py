"""Writes ``report.html``: one file that needs nothing else, no network and no script.

The script in it adds a cursor, lets emotions be hidden and joins the timeline to the film; without it the page is
complete. Nothing on the page comes from anywhere but the findings and the timeline. The film, where its owner gave it,
is not in the page: the page refers to where it lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from mien.analysis.series import STATES, UNREAD_REASONS, Series, StepState
from mien.core.findings import SampleLog
from mien.core.labels import EMOTIONS, LABEL_SETS
from mien.report import chart
from mien.report.document import Findings
from mien.report.files import whole_text_file
from mien.report.measures import EVENT_WORDS, section
from mien.report.pages import count, render_page, slug
from mien.report.parts import LevelPart, MomentPart
from mien.report.scene_bands import bands, table_rows
from mien.report.speech_rows import spans, speech_rows
from mien.report.wording import clock, percent, why_stopped
from mien.report.zone_rows import COLUMNS as ZONE_COLUMNS
from mien.report.zone_rows import zone_rows

DASHES: Final = {
    "neutral": "",
    "happiness": "",
    "surprise": "9 4",
    "sadness": "14 4",
    "anger": "12 3 2 3",
    "disgust": "4 4",
    "fear": "6 2.5",
    "contempt": "8 3 2 3 2 3",
}
"""Dash pattern of each emotion's line, pixels, so that lines differ without colour."""

STATE_WORDS: Final = {
    StepState.READ: "read",
    StepState.UNREAD: "faces seen, none readable",
    StepState.NO_FACE: "no face",
    StepState.GAP: "no frames",
    StepState.SUPPRESSED: "withheld: group too small",
}
REASON_WORDS: Final = {
    "too_small": "too small",
    "blurred": "blurred or too dark",
    "turned_away": "turned away",
    "cut_off": "cut off by the picture's edge",
    "over_cap": "more faces than the settings allow",
}
QUIET_BELOW: Final = 12.0
"""Lines that never reach this many points stay in the background and are not named in the chart."""
_TABLE_ROWS: Final = 120
_SPARK_POINTS: Final = 120


def render(
    findings: Findings, series: Series, measures: Mapping[str, SampleLog], film_address: str | None = None
) -> str:
    """The page.

    Args:
        findings: what is told.
        series: the timeline they were computed from.
        measures: the metrics' series.
        film_address: where the film lies, a relative URL; None for a page without it.
    """
    buckets = chart.reduce(series)
    scale = chart.Scale.of(buckets)
    told = section(findings, measures, series)
    return render_page(
        "report.html.j2",
        ("report.css", "film.css", "speech.css"),
        ("cursor.js", "film.js", "speech.js", "report.js"),
        film=film_address is not None,
        report=findings,
        film_address=film_address,
        chart=_chart(findings, series, buckets, scale),
        data=_data(findings, buckets, told["panels"]),
        levels=_levels(findings.distribution.canonical, canonical=True, label_set="ferplus8"),
        view=_levels(findings.distribution.view or (), canonical=False, label_set=findings.session.label_set),
        moments=_moments(findings.moments, series),
        measures=told,
        scenes=table_rows(findings.scenes),
        speech=speech_rows(findings.content, findings.provenance.settings, scale),
        zones=zone_rows(findings),
        zone_columns=[name for _, name, _ in ZONE_COLUMNS],
        facts=_facts(findings, series),
        make_up=_make_up(findings),
        unread=_unread(findings),
        table=_table(series),
        settings=list(_flat(findings.provenance.settings)),
        stopped=why_stopped(findings.stopped_because),
        declared=_declared(findings),
        point=_operating_point(findings),
    )


def _operating_point(findings: Findings) -> str | None:
    """At which point single faces were labelled; reports of earlier versions do not say."""
    point = dict(_flat(findings.provenance.settings)).get("smoothing.operating_point")
    return None if point is None else str(point)


def write_html(
    findings: Findings,
    series: Series,
    measures: Mapping[str, SampleLog],
    path: Path,
    film_address: str | None = None,
) -> None:
    """Write the page; see :func:`render`.

    Raises:
        OutputError: the file cannot be written; nothing of it is left behind.
    """
    page = render(findings, series, measures, film_address)
    with whole_text_file(path) as file:
        file.write(page)


def _chart(findings: Findings, series: Series, buckets: chart.Buckets, scale: chart.Scale) -> dict[str, Any]:
    means = {level.label: level.mean_percent for level in findings.distribution.canonical}
    height = {level.label: level.highest_percent for level in findings.distribution.canonical}
    by_height = sorted(means, key=lambda e: -height[e])
    named = [e for e in by_height if height[e] >= QUIET_BELOW]
    low, high, least, most = buckets.low, buckets.high, buckets.least, buckets.most
    lines = []
    for emotion in [*reversed(by_height)]:
        column, quiet = EMOTIONS.index(emotion), emotion not in named
        spreads = not quiet and buckets.steps_each > 1
        lines.append(
            {
                "emotion": emotion,
                "quiet": quiet,
                "dash": DASHES[emotion],
                "line": chart.line_path(buckets, buckets.mean[:, column], scale),
                "band": "" if quiet else chart.band_path(buckets, low[:, column], high[:, column], scale),
                "spread": chart.band_path(buckets, least[:, column], most[:, column], scale) if spreads else "",
            }
        )
    # A point is drawn in the middle of its step.
    times = [moment.peak_seconds + findings.session.step_seconds / 2 for moment in findings.moments]
    pins = chart.pins(times, scale)
    coverage = np.where(buckets.is_read | (buckets.state == STATES.index(StepState.UNREAD)), buckets.coverage, np.nan)
    coverage[buckets.state == STATES.index(StepState.NO_FACE)] = 0.0
    seconds = float(np.median(buckets.end - buckets.start)) if len(buckets) else 0.0
    return {
        "lines": lines,
        "legend": [
            {"emotion": e, "dash": DASHES[e], "mean": means[e], "quiet": e not in named}
            for e in sorted(means, key=lambda e: -means[e])
        ],
        "names": chart.names(buckets, scale, named),
        "ticks": chart.ticks(scale),
        "untold": [(block, STATE_WORDS[StepState(block.meaning)]) for block in chart.untold(buckets, scale)],
        "strongest": chart.strongest(buckets, scale),
        "states": sorted({b.meaning for b in chart.untold(buckets, scale)}),
        "coverage_area": chart.step_area(buckets, coverage * 100, scale),
        "coverage_line": chart.step_path(buckets, coverage * 100, scale),
        "scenes": bands(findings.scenes, scale),
        "scares": [
            {"left": scale.left(e.start_seconds), "words": f"Scare at {e.start}"}
            for e in findings.events
            if e.kind == "scare"
        ],
        "pins": list(zip(pins, findings.moments, strict=True)),
        "pin_rows": max((p.row for p in pins), default=-1) + 1,
        "pin_rows_narrow": max((p.narrow_row for p in pins), default=-1) + 1,
        "single": (findings.coverage.readable_most or 0) <= 1,
        "has_intervals": bool(np.isfinite(series.low).any()),
        "steps_each": buckets.steps_each,
        "seconds_each": f"{seconds:g}" if seconds < 1 else f"{seconds:.3g}",
        "steps": len(series),
    }


def _data(findings: Findings, buckets: chart.Buckets, panels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the cursor reads out, and when the film was where."""
    film, scenes = findings.film, findings.scenes
    return {
        "film": film
        and film.name
        and {
            "name": film.name,
            "seconds": film.duration_seconds,
            "stretches": [list(part.model_dump().values()) for part in film.stretches],
        },
        "scenes": [
            {"name": scene.name, "recorded": [[part.start_seconds, part.end_seconds] for part in scene.recorded]}
            for scene in (scenes.scenes if scenes else ())
        ],
        "sentences": spans(findings.content),
        "marks": sorted(
            {m.peak_seconds for m in findings.moments}
            | {e.start_seconds for e in findings.events if e.kind in EVENT_WORDS}
        ),
        "panels": [{name: panel[name] for name in ("title", "digits", "value", "low", "high")} for panel in panels],
        "start": [round(v, 3) for v in buckets.start.tolist()],
        "end": [round(v, 3) for v in buckets.end.tolist()],
        "state": buckets.state.tolist(),
        "states": [STATE_WORDS[state] for state in STATES],
        "coverage": [round(v * 100) for v in buckets.coverage.tolist()],
        "present": buckets.present.tolist(),
        "readable": buckets.readable.tolist(),
        "mean": {e: chart.numbers(buckets.mean[:, i]) for i, e in enumerate(EMOTIONS)},
        "low": {e: chart.numbers(buckets.low[:, i]) for i, e in enumerate(EMOTIONS)},
        "high": {e: chart.numbers(buckets.high[:, i]) for i, e in enumerate(EMOTIONS)},
        "each": buckets.steps_each,
    }


def _levels(levels: Sequence[LevelPart], *, canonical: bool, label_set: str) -> list[dict[str, Any]]:
    descriptions = LABEL_SETS[label_set].descriptions
    return [
        {
            "label": level.label,
            "colour": f"var(--e-{level.label})" if canonical else f"var(--{label_set}-{slug(level.label)})",
            "mean": level.mean_percent,
            "highest": level.highest_percent,
            "highest_at": level.highest_at,
            "about": descriptions.get(level.label, ""),
        }
        for level in sorted(levels, key=lambda level: -level.mean_percent)
    ]


def _moments(moments: Sequence[MomentPart], series: Series) -> list[dict[str, Any]]:
    top = max((m.value_percent for m in moments), default=100.0)
    return [{"moment": moment, "spark": _spark(moment, series, top)} for moment in moments]


def _spark(moment: MomentPart, series: Series, top: float) -> dict[str, Any]:
    """The emotion around its moment, all moments to one scale; empty for an emotion that is not canonical."""
    if moment.subject not in EMOTIONS:
        return {}
    around = max(6.0, moment.end_seconds - moment.start_seconds)
    first = int(np.searchsorted(series.start, moment.start_seconds - around))
    last = int(np.searchsorted(series.start, moment.end_seconds + around))
    part = _slice(series, first, last)
    buckets = chart.reduce(part, _SPARK_POINTS)
    scale = chart.Scale.of(buckets)
    scale = chart.Scale(scale.begin, scale.end, top * 1.08)
    values = buckets.most[:, EMOTIONS.index(moment.subject)]
    inside = (buckets.end > moment.start_seconds + 1e-6) & (buckets.start < moment.end_seconds - 1e-6)
    nearest = int(np.searchsorted(buckets.start, moment.peak_seconds + 1e-6, "right")) - 1
    middle = float(buckets.start[nearest] + buckets.end[nearest]) / 2
    return {
        "line": chart.line_path(buckets, values, scale),
        "area": chart.band_path(buckets, values * 0, np.where(inside, values, np.nan), scale),
        "level": f"{scale.y(max(0.0, moment.value_percent - moment.rise_points)):.1f}",
        "dot": f"{scale.x(middle):.1f},{scale.y(moment.value_percent):.1f}",
        "from": clock(scale.begin),
        "to": clock(scale.end),
    }


def _slice(series: Series, first: int, last: int) -> Series:
    part = slice(first, last)
    return Series(
        start=series.start[part],
        end=series.end[part],
        state=series.state[part],
        frames=series.frames[part],
        present=series.present[part],
        readable=series.readable[part],
        coverage=series.coverage[part],
        emotions=series.emotions[part],
        low=series.low[part],
        high=series.high[part],
        view=series.view[part],
        view_labels=series.view_labels,
        unread=series.unread,
    )


def _facts(findings: Findings, series: Series) -> list[tuple[str, str, str]]:
    """The figures at the top: what, how much, and a few words about it."""
    extent = findings.coverage
    length = float(series.end[-1] - series.start[0]) if len(series) else 0.0
    declared = findings.provenance.input.duration_seconds
    if declared:
        # The last step of a timeline is whole even where the media ends inside it.
        length = min(length, declared)
    facts = [("Measured", clock(length), _frames(findings.provenance.frames_read))]
    if extent.coverage_share is not None:
        single = (extent.present_most or 0) <= 1
        share = extent.coverage_share if single else (extent.coverage_while_read_share or 0.0)
        about = "of frames hold a face that was read" if single else "of the faces seen could be read"
        facts.append(("Coverage", percent(share), about))
    if extent.present_most:
        about = f"median; at most {extent.present_most}"
        facts.append(("Faces at once", str(extent.present_median), about))
    if findings.distribution.canonical:
        best = max(findings.distribution.canonical, key=lambda level: level.mean_percent)
        about = f"{best.label}, mean over what was read"
        facts.append(("Strongest on average", f"{best.mean_percent:.0f} %", about))
    return facts


def _frames(read: int | None) -> str:
    if read is None:
        return "from an unknown number of frames"
    return "1 frame" if read == 1 else f"{count(read)} frames read"


def _make_up(findings: Findings) -> list[dict[str, Any]]:
    """What the timeline's steps hold, as shares."""
    extent = findings.coverage
    counts = {state: getattr(extent, f"steps_{state.value}") for state in StepState}
    return [
        {"state": state.value, "words": STATE_WORDS[state], "count": n, "share": n / extent.steps}
        for state, n in counts.items()
        if n
    ]


def _unread(findings: Findings) -> list[dict[str, Any]]:
    counts = {reason: getattr(findings.unread, reason, 0) for reason in UNREAD_REASONS}
    most = max(counts.values())
    told = sorted(((n, r) for r, n in counts.items() if n), reverse=True)
    return [{"words": REASON_WORDS[reason], "count": n, "share": n / most} for n, reason in told]


def _table(series: Series) -> dict[str, Any]:
    buckets = chart.reduce(series, _TABLE_ROWS)
    rows = []
    for i in range(len(buckets)):
        read = bool(buckets.is_read[i])
        state = STATES[int(buckets.state[i])]
        rows.append(
            {
                "time": clock(float(buckets.start[i])),
                "state": "" if read else STATE_WORDS[state],
                "coverage": percent(float(buckets.coverage[i])) if read else "",
                "values": [f"{v:.0f}" for v in buckets.mean[i].tolist()] if read else [],
            }
        )
    return {"rows": rows, "steps_each": buckets.steps_each, "emotions": EMOTIONS}


def _flat(settings: Any, prefix: str = "") -> Any:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            yield f"{prefix}{name}", "–" if text is None or text == "" else str(text)


def _declared(findings: Findings) -> list[tuple[str, str]]:
    policy = findings.policy
    told = [
        ("Purpose", policy.purpose.value.replace("_", " ")),
        ("Basis", policy.basis.value.replace("_", " ") if policy.basis else "none declared"),
        ("Jurisdiction", policy.jurisdiction or "none declared"),
        ("Profile", policy.profile),
        ("Smallest group told about", str(policy.min_group)),
    ]
    if policy.exception:
        told.append(("Recorded exception", policy.exception))
    return told
