"""Reading ``report.json`` back, and what others make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from mien.analysis.film_time import FilmTime, film_time_of
from mien.analysis.series import StepState
from mien.core.errors import InputError
from mien.core.findings import Moment, MomentKind
from mien.report.document import Report
from mien.report.markers import Stretch
from mien.report.parts import EventPart, MomentPart, TimelineRow


def read_report(path: Path) -> Report:
    """The report in a file.

    Raises:
        InputError: it does not exist, cannot be read, or is no report of this version.
    """
    text = read_bytes(path)
    try:
        return Report.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(
            f"{path} is no report.json of this version: {where}: {first['msg'].lower()}. "
            "Give the report.json that 'mien analyze' wrote."
        ) from error


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        InputError: it does not exist or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or str(error)).lower()}.") from error


def moments_of(report: Report) -> tuple[Moment, ...]:
    """What a report tells of strong moments and of what metrics found, in order of media time.

    Raises:
        InputError: it holds a kind of moment that this version does not know, or one that ends before it begins.
    """
    parts: list[MomentPart | EventPart] = [*report.moments, *report.events]
    found = [_moment(part) for part in parts]
    return tuple(sorted(found, key=lambda moment: (moment.start, moment.kind, moment.subject)))


def _moment(part: MomentPart | EventPart) -> Moment:
    if part.kind not in {kind.value for kind in MomentKind}:
        raise InputError(f"the report holds a moment of kind {part.kind!r}, which this version does not know.")
    if not part.start_seconds <= part.peak_seconds <= part.end_seconds:
        raise InputError(f"the report holds a moment at {part.peak} whose times are out of order.")
    if isinstance(part, EventPart):
        value, low, high = part.value_points, part.low_points, part.high_points
    else:
        interval = part.interval_percent
        value = part.value_percent
        low, high = (None, None) if interval is None else (interval.low, interval.high)
    return Moment(
        kind=MomentKind(part.kind),
        subject=part.subject,
        start=part.start_seconds,
        peak=part.peak_seconds,
        end=part.end_seconds,
        value=value,
        rise=part.rise_points,
        coverage=part.coverage_share,
        readable=part.readable_faces,
        low=low,
        high=high,
    )


def stretches_of(report: Report) -> tuple[Stretch, ...]:
    """Where which label of the session's label set was the strongest; steps in which nothing was read are in none.

    Of equally strong labels the first of the label set counts. A step without duration (a single frame) lasts until
    the next.
    """
    stretches: list[Stretch] = []
    rows = report.timeline
    for i, row in enumerate(rows):
        end = row.media_time_seconds + row.duration_seconds
        if not row.duration_seconds and i + 1 < len(rows):
            end = rows[i + 1].media_time_seconds
        label = _strongest(row)
        if label is None or end <= row.media_time_seconds:
            continue
        last = stretches[-1] if stretches else None
        if last is not None and last.label == label and abs(last.end - row.media_time_seconds) < 1e-5:
            stretches[-1] = Stretch(label, last.start, end)
        else:
            stretches.append(Stretch(label, row.media_time_seconds, end))
    return tuple(stretches)


def on_film(report: Report, moments: Sequence[Moment]) -> list[Moment]:
    """Moments in the time of the film that was shown; where the report knows of none, the recording's time is taken
    for it. A moment whose peak lies where the film did not run is left out."""
    if report.film is None:
        return list(moments)
    time = _film_time(report)
    found = []
    for moment in moments:
        at = time.shown(moment.start, moment.peak, moment.end)
        if at is not None:
            found.append(replace(moment, start=at[0], peak=at[1], end=at[2]))
    return found


def film_stretches(report: Report, stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Stretches of labels in the time of the film, as :func:`on_film`."""
    if report.film is None:
        return tuple(stretches)
    time = _film_time(report)
    found = []
    for stretch in stretches:
        at = time.shown(stretch.start, (stretch.start + stretch.end) / 2, stretch.end)
        if at is not None and at[2] > at[0]:
            found.append(Stretch(stretch.label, at[0], at[2]))
    return tuple(found)


def _film_time(report: Report) -> FilmTime:
    assert report.film is not None
    return film_time_of([part.model_dump() for part in report.film.stretches])


def _strongest(row: TimelineRow) -> str | None:
    if row.state is not StepState.READ:
        return None
    percents = row.view_percent or (row.emotions_percent.model_dump() if row.emotions_percent else None)
    return max(percents, key=lambda label: percents[label]) if percents else None


def duration_of(report: Report) -> float:
    """How long its media (the film, where one was shown) lasts, seconds: as declared, or as far as its timeline goes
    when that is farther.

    Raises:
        InputError: it tells of no stretch of time, as of a single picture.
    """
    if report.film is not None:
        shown = max(part.film_end_seconds for part in report.film.stretches)
        return max(shown, report.film.duration_seconds or 0.0)
    declared = report.provenance.input.duration_seconds or 0.0
    reached = max((row.media_time_seconds + row.duration_seconds for row in report.timeline), default=0.0)
    if max(declared, reached) <= 0:
        raise InputError("the report is of a single picture or of nothing: there is no time to put markers on.")
    return max(declared, reached)
