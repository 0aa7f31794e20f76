"""A live session in a terminal: what the audience shows now, and how the machine keeps up."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mien.analysis.series import state_of
from mien.core.audience import AudienceSnapshot, Timeline
from mien.core.labels import EMOTIONS
from mien.core.status import Status
from mien.report.live_figures import MEASURES, STATE_WORDS, heat_words, last_scare, latest, measure_words, pace_words
from mien.report.palette import COLOURS, css
from mien.report.wording import clock, percent

_BAR = 14
_STRIP_STEPS = 32
_WIDEST_VALUE = 30
_LEAST_VALUE = 12
_NAME = 24
_WIDE = 98
"""Characters across, from which emotions and measures stand side by side."""
_BLOCKS = " ▁▂▃▄▅▆▇█"


def view(
    status: Status, timeline: Timeline, notes: Sequence[str], address: str | None = None, *, width: int = 100
) -> RenderableType:
    """The whole screen.

    Args:
        status: how the run stands.
        timeline: so far.
        notes: what happened lately, oldest first.
        address: of the page that shows it too, where there is one.
        width: of the terminal, characters.
    """
    parts: list[RenderableType] = [_head(status, timeline), _audience(timeline, width), _machine(status)]
    if address is not None:
        parts.append(Text.assemble(("also at ", "dim"), (address, f"link {address}"), overflow="fold"))
    if notes:
        parts.append(
            Panel(Group(*(Text(note, style="yellow") for note in notes)), title="what happened", box=box.ROUNDED)
        )
    return Group(*parts)


def line(status: Status, timeline: Timeline) -> str:
    """One line, for logs and pipes."""
    words = [clock(status.media_time)]
    last = timeline.snapshots[-1] if len(timeline.snapshots) else None
    if last is not None and last.emotions is not None:
        told = last.emotions.model_dump()
        strongest = max(told, key=lambda emotion: told[emotion])
        words.append(f"{strongest} {told[strongest]:.0f} %, {last.readable} of {last.present} faces read")
    elif last is not None:
        words.append(STATE_WORDS[state_of(last)])
    shock = latest(timeline, "shock")
    if shock is not None and shock.value is not None:
        words.append(f"shock {shock.value:.0f}")
    rate = sum(camera.frames_per_second for camera in status.cameras)
    words.append(f"{rate:.0f} frames/s, p95 {status.latency_p95_ms:.0f} ms")
    dropped = sum(camera.dropped for camera in status.cameras)
    if dropped:
        words.append(f"{dropped} dropped")
    return " · ".join(words)


def _head(status: Status, timeline: Timeline) -> Text:
    head = Text.assemble((clock(status.media_time), "bold"), "  ")
    if len(timeline.snapshots) and timeline.snapshots[-1].demo:
        head.append("DEMO  ", style="bold yellow")
    rate = sum(camera.frames_per_second for camera in status.cameras)
    head.append(f"{rate:.0f} frames a second · told within {status.latency_p95_ms:.0f} ms (95 %)", style="dim")
    return head


def _audience(timeline: Timeline, width: int) -> RenderableType:
    last = timeline.snapshots[-1] if len(timeline.snapshots) else None
    if last is None:
        return Text("waiting for the first step", style="dim")
    if width < _WIDE:
        return Group(_emotions(last, timeline), _measures(timeline, 2, max(_LEAST_VALUE, width // 2 - _NAME)))
    columns = Table.grid(padding=(0, 3))
    columns.add_row(_emotions(last, timeline), _measures(timeline, 1, _WIDEST_VALUE))
    return columns


def _emotions(last: AudienceSnapshot, timeline: Timeline) -> RenderableType:
    if last.emotions is None:
        return Text(STATE_WORDS[state_of(last)], style="yellow")
    table = Table(box=None, padding=(0, 1), show_header=False)
    table.add_column(no_wrap=True, min_width=max(map(len, EMOTIONS)))
    table.add_column(no_wrap=True, min_width=_BAR)
    table.add_column(no_wrap=True, justify="right", min_width=len("100 %"))
    table.add_column(no_wrap=True, min_width=_STRIP_STEPS)
    recent = timeline.snapshots[-_STRIP_STEPS:]
    told = last.emotions.model_dump()
    steps = [snapshot.emotions.model_dump() if snapshot.emotions else None for snapshot in recent]
    for emotion in EMOTIONS:
        style = css(COLOURS[emotion])
        strip = "".join(_block(step[emotion]) if step else " " for step in steps)
        table.add_row(
            emotion,
            Text("█" * round(told[emotion] / 100 * _BAR), style=style),
            f"{told[emotion]:.0f} %",
            Text(strip, style=style),
        )
    return table


def _measures(timeline: Timeline, columns: int, widest: int) -> RenderableType:
    """Names and values, so many pairs beside each other."""
    told: list[tuple[str, Text]] = []
    last = timeline.snapshots[-1]
    if last.present is not None:
        told.append(("Faces", Text(f"{last.readable} read of {last.present} seen")))
    if last.coverage is not None:
        told.append(("Coverage", Text(percent(last.coverage))))
    for slug, name, form in MEASURES:
        sample = latest(timeline, slug)
        if sample is not None:
            told.append((name, Text(measure_words(sample, form), style="" if sample.value is not None else "dim")))
    scare = last_scare(timeline.moments)
    told.append(("Last scare", Text("none yet" if scare is None else f"{clock(scare.start)}, shock {scare.value:.0f}")))
    table = Table(box=None, padding=(0, 1), show_header=False)
    for _ in range(columns):
        table.add_column(no_wrap=True)
        table.add_column(max_width=widest)
    for start in range(0, len(told), columns):
        table.add_row(*(cell for pair in told[start : start + columns] for cell in pair))
    return table


def _machine(status: Status) -> RenderableType:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for name in ("camera", "frames/s", "faces", "dropped", "restarts"):
        table.add_column(name, justify="left" if name == "camera" else "right")
    for camera in status.cameras:
        named = Text(camera.name, style="red" if camera.lost else "")
        faces = f"{camera.faces_read}/{camera.faces}"
        table.add_row(named, f"{camera.frames_per_second:.1f}", faces, f"{camera.dropped}", f"{camera.restarts}")
    words = (
        f"detector {status.detector_ms:.0f} ms, classifier {status.classifier_ms:.0f} ms a call, "
        f"engine {status.engine_ms:.1f} ms a frame, median {status.latency_median_ms:.0f} ms in all"
    )
    lines = [Text(words, style="dim"), Text(pace_words(status), style="dim")]
    heat = heat_words(status)
    if heat is not None:
        lines.append(Text(heat, style="dim"))
    if status.relief is not None:
        lines.append(Text(f"spared for its heat: {status.relief}", style="yellow"))
    return Group(table, *lines)


def _block(points: float) -> str:
    return _BLOCKS[min(len(_BLOCKS) - 1, round(points / 100 * (len(_BLOCKS) - 1)))]
