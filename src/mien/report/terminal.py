"""A finished run in a terminal: the same findings in a few lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mien.report.document import Findings
from mien.report.palette import COLOURS, css
from mien.report.parts import DistributionPart, MomentPart
from mien.report.wording import percent, why_stopped

_BAR = 28
_MOST_MOMENTS = 6
_MOST_TERMS = 4


def summary(findings: Findings, folder: Path | None = None) -> RenderableType:
    """What to print after a run.

    Args:
        findings: a report, with or without its timeline.
        folder: where the files are; None leaves that line out.
    """
    parts: list[RenderableType] = []
    if findings.demo:
        parts.append(Text("DEMO  the pictures were composed, not filmed", style="bold yellow"))
    if not findings.complete:
        parts.append(Text(f"INCOMPLETE  {why_stopped(findings.stopped_because)}", style="bold red"))
    parts += [Text(findings.headline, style="bold"), Text("")]
    if findings.distribution.canonical:
        parts += [_distribution(findings.distribution)]
        if findings.session.left_out:
            parts += [Text(f"Not told, and given to the others: {', '.join(findings.session.left_out)}", "dim")]
        parts += [Text("")]
    if findings.moments:
        parts += [_moments(findings.moments[:_MOST_MOMENTS]), Text("")]
    parts += list(_measures(findings))
    parts += list(_coverage(findings))
    parts += list(_said(findings))
    if folder is not None:
        parts.append(Text.assemble("Report: ", (str(folder / "report.html"), "underline")))
    return Group(*parts)


def _distribution(distribution: DistributionPart) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False)
    table.add_column()
    table.add_column(width=_BAR, no_wrap=True)
    table.add_column(justify="right")
    table.add_column(style="dim")
    for level in sorted(distribution.canonical, key=lambda level: -level.mean_percent):
        highest = f"highest {level.highest_percent:.0f} % at {level.highest_at}" if level.highest_percent >= 0.5 else ""
        table.add_row(
            level.label,
            Text(_bar(level.mean_percent / 100), style=css(COLOURS[level.label])),
            f"{level.mean_percent:.0f} %",
            highest,
        )
    return table


def _bar(share: float) -> str:
    eighths = round(share * _BAR * 8)
    rest = eighths % 8
    return "█" * (eighths // 8) + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")


def _moments(moments: Iterable[MomentPart]) -> Table:
    table = Table(box=None, padding=(0, 1), title="Strongest moments", title_justify="left", title_style="bold")
    table.add_column("at")
    table.add_column("emotion")
    for name in ("value", "rise", "95 % over tracks", "coverage"):
        table.add_column(name, justify="right")
    for moment in moments:
        interval = moment.interval_percent
        table.add_row(
            moment.peak,
            moment.subject,
            f"{moment.value_percent:.0f} %",
            f"+{moment.rise_points:.0f}",
            f"{interval.low:.0f}–{interval.high:.0f} %" if interval else "–",
            percent(moment.coverage_share),
        )
    return table


def _measures(findings: Findings) -> Iterable[RenderableType]:
    """Shock and what is made of it, in one line, where a baseline was established."""
    known = {figure.slug: figure for figure in findings.figures if figure.value is not None}
    if "shock_average" not in known:
        return
    words = []
    for slug, told in (
        ("shock_average", "Shock {:.0f} on average"),
        ("shock_peak", "{:.0f} at its peak"),
        ("scares_total", "scares: {:.0f}"),
        ("epm", "EPM {:.1f}"),
    ):
        if slug in known:
            words.append(told.format(known[slug].value))
    yield Text(", ".join(words))


def _said(findings: Findings) -> Iterable[RenderableType]:
    """What was said, in one line; nothing where nobody asked or nothing was said."""
    content = findings.content
    if content is None or not content.segments:
        return
    told = content.transcript
    terms = ", ".join(term.term for term in content.terms[:_MOST_TERMS])
    words = f"Said: {told.words} word{'' if told.words == 1 else 's'}, by {told.transcriber} {told.model}"
    yield Text(words + (f"; about {terms}" if terms else ""), style="dim")


def _coverage(findings: Findings) -> Iterable[RenderableType]:
    extent = findings.coverage
    if extent.coverage_share is None:
        return
    parts = [f"Coverage {percent(extent.coverage_share)} over {extent.frames} frame{'s' if extent.frames != 1 else ''}"]
    if extent.steps_suppressed:
        parts.append(f"{extent.steps_suppressed} of {extent.steps} steps withheld (group too small)")
    counts = findings.unread.model_dump() if findings.unread is not None else {}
    unread = {name: count for name, count in counts.items() if count}
    if unread:
        reasons = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in unread.items())
        parts.append(f"left unread: {reasons}")
    yield Text("; ".join(parts), style="dim")
