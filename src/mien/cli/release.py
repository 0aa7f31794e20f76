"""``mien release``: a differentially private final report over many sessions (needs the extra ``[dp]``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mien.cli._options import scenes_of, segments_of
from mien.core.errors import SettingsError

if TYPE_CHECKING:
    from mien.analysis.contributions import Bounds, Figure, Stretch
    from mien.analysis.release import Plan, ReleaseOptions
    from mien.analysis.sessions import SessionSet

DEFAULT_DELTA = 1e-6


@click.command()
@click.argument("version", type=click.Path(path_type=Path), metavar="SESSIONS")
@click.option("--series", multiple=True, required=True, help="Emotion or metric to tell of; may be repeated.")
@click.option("--epsilon", type=click.FloatRange(0, min_open=True), required=True,
              help="Of this release, for all of its figures together; 1 is usual.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Folder for release.json and release.csv.")
@click.option("--plan", "only_plan", is_flag=True, help="Only tell what error to expect: nothing is drawn or spent.")
@click.option("--mechanism", type=click.Choice(["laplace", "gaussian"]), default="laplace", show_default=True,
              help="Noise: Laplace for pure ε; Gaussian is better from about ten figures on.")  # fmt: skip
@click.option("--delta", type=click.FloatRange(0, 1, max_open=True),
              help=f"Of this release, for Gaussian noise [default: {DEFAULT_DELTA:g}].")  # fmt: skip
@click.option("--scenes", "scene_list", type=click.Path(path_type=Path), metavar="LIST",
              help="A figure for each scene: .edl, .vtt or .csv.")  # fmt: skip
@click.option("--window", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
              help="A figure for each stretch so long, up to --to.")  # fmt: skip
@click.option("--from", "from_seconds", type=click.FloatRange(0), default=0.0, help="Second to begin at.")
@click.option("--to", "to_seconds", type=click.FloatRange(0), help="Second to end at [default: each session's end].")
@click.option("--overall", is_flag=True, help="Beside scenes or windows, a figure for the whole.")
@click.option("--above", multiple=True, metavar="SERIES=VALUE",
              help="Beside its mean, the share of sessions whose mean of a series lies above this.")  # fmt: skip
@click.option("--bounds", multiple=True, metavar="SERIES=LOW:HIGH",
              help="Clamp a session's mean; narrower means less noise. Choose without looking at these sessions "
              "[default: what the series can be].")  # fmt: skip
@click.option("--segment", "segments", multiple=True, metavar="ATTRIBUTE=VALUE[,VALUE]",
              help="Only respondents who declared this of themselves count.")  # fmt: skip
@click.option("--least-read", type=click.FloatRange(0, 1), default=0.25, show_default=True,
              help="Share of each stretch that a session must have read, or it does not count.")  # fmt: skip
@click.option("--max-error", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True,
              help="Largest error of a figure, in its unit (95 %); worse is refused.")  # fmt: skip
@click.option("--ledger", type=click.Path(path_type=Path),
              help="Where what was spent is kept [default: beside the sessions].")  # fmt: skip
@click.option("--budget", type=click.FloatRange(0, min_open=True),
              help="ε that all releases of these sessions may spend, told with the first "
              "[default: its own].")  # fmt: skip
@click.option("--budget-delta", type=click.FloatRange(0, 1, max_open=True), help="… and δ [default: the first one's].")
@click.option("--title", default="untitled", help="Of what was shown.")
@click.option("--name", help="What to call the version [default: its file or folder].")
@click.option("--frame-rate", metavar="RATE", help="Of an EDL: 23.976, 24, 25, 29.97, 30, 50, 59.94 or 60.")
@click.option("--start-timecode", default="01:00:00:00", show_default=True, help="Of the film's first frame in an EDL.")
@click.option("--quiet", is_flag=True, help="Print nothing.")
def command(version: Path, out: Path | None, only_plan: bool, quiet: bool, **told: Any) -> None:
    """Release a few figures over many sessions with differential privacy for each session.

    The figures carry noise of OpenDP's, so that nobody can tell from them what any one session held. What it costs (ε)
    is entered in a ledger beside the sessions, and refused once the budget is spent.
    """
    from mien.analysis.release import plan

    if (out is None) is not only_plan:
        raise SettingsError("give '--out', or '--plan' to see first what error to expect.")
    if out is not None and version.is_dir() and out.resolve().is_relative_to(version.resolve()):
        raise SettingsError(f"{out} lies among the sessions, and would be read as one of them: choose another '--out'.")
    figures = _figures(told)
    sessions = _sessions(version, told)
    made = plan(len(sessions), figures, _options(told, sessions))
    if out is None:
        _tell_plan(made)
        return
    lines = _release(version, out, sessions, made, told)
    if not quiet:
        click.echo("\n".join(lines))


def _release(version: Path, out: Path, sessions: tuple[SessionSet, ...], made: Plan, told: dict[str, Any]) -> list[str]:
    from datetime import UTC, datetime
    from importlib.metadata import version as version_of

    from mien.analysis.contributions import CountingRule, contributions
    from mien.analysis.release import release
    from mien.report.files import results_folder
    from mien.report.ledger import Entry, Loss, charge, ledger_path
    from mien.report.release import build_release, lines, write_release

    rule = CountingRule(told["least_read"], segments_of(told["segments"]))
    parts = contributions(sessions, made.figures, rule)
    created = datetime.now(UTC).replace(microsecond=0)
    first = sessions[0]
    entry = Entry(
        created=created,
        title=first.title,
        version=first.version,
        mechanism=made.noise.mechanism,
        figures=len(made.figures),
        sessions=len(sessions),
        loss=Loss.of(made.noise.loss),
    )
    path = told["ledger"] or ledger_path(version)
    with results_folder(out):
        ledger = charge(path, entry, told["budget"], told["budget_delta"])
        document = build_release(
            release(made, parts),
            ledger,
            rule,
            created,
            title=first.title,
            version=first.version,
            demo=any(s.demo for s in sessions),
            software=f"OpenDP {version_of('opendp')}",
        )
        write_release(document, out)
    count = document.sessions
    return [
        *(["DEMO: composed sessions, not filmed ones."] if document.demo else []),
        document.headline,
        f"Sessions that count: about {count.counted:.0f} ({count.low:.0f} to {count.high:.0f}).",
        *lines(document.figures),
        f"Spent: {ledger.spent} of {ledger.budget} ({path}).",
        f"{out / 'release.json'}, {out / 'release.csv'}",
    ]


def _options(told: dict[str, Any], sessions: tuple[SessionSet, ...]) -> ReleaseOptions:
    from mien.analysis.filters import LEAST_SLICE
    from mien.analysis.noise import PrivacyLoss
    from mien.analysis.release import ReleaseOptions

    delta = told["delta"]
    if delta is None:
        delta = DEFAULT_DELTA if told["mechanism"] == "gaussian" else 0.0
    return ReleaseOptions(
        PrivacyLoss(told["epsilon"], delta),
        told["mechanism"],
        largest_error=told["max_error"],
        min_sessions=max(LEAST_SLICE, *(s.min_group for s in sessions)),
    )


def _sessions(version: Path, told: dict[str, Any]) -> tuple[SessionSet, ...]:
    from mien.analysis.session_files import ReadOptions, read_sessions

    series = tuple(dict.fromkeys(told["series"]))
    return read_sessions(version, ReadOptions(series, version=told["name"], title=told["title"]))


def _figures(told: dict[str, Any]) -> tuple[Figure, ...]:
    from mien.analysis.contributions import Figure

    series = told["series"]
    if len(set(series)) < len(series):
        raise SettingsError("--series names one series twice.")
    above = _by_series("--above", told["above"], series)
    bounds = {one: _bounds(one, text) for one, text in _by_series("--bounds", told["bounds"], series).items()}
    stretches = _stretches(told)
    figures = []
    for one in series:
        known = bounds.get(one) or _bounds(one, None)
        figures += [Figure(one, stretch, known) for stretch in stretches]
        if one in above:
            threshold = _number("--above", above[one])
            figures += [Figure(one, stretch, known, above=threshold) for stretch in stretches]
    return tuple(figures)


def _stretches(told: dict[str, Any]) -> tuple[Stretch, ...]:
    from mien.analysis.contributions import Stretch
    from mien.analysis.scenes import in_order

    start, end, window = told["from_seconds"], told["to_seconds"], told["window"]
    whole = Stretch("whole", start, end)
    found: list[Stretch] = []
    if told["scene_list"] is not None:
        if window is not None:
            raise SettingsError("give '--scenes' or '--window', not both.")
        scenes = in_order(scenes_of(told["scene_list"], told["frame_rate"], told["start_timecode"]))
        found = [
            Stretch(s.name, s.start_seconds, s.end_seconds)
            for s in scenes
            if s.start_seconds >= start and (end is None or s.end_seconds <= end)
        ]
        if not found:
            raise SettingsError("no scene lies between '--from' and '--to'.")
    elif window is not None:
        if end is None:
            raise SettingsError("'--window' needs '--to', the second to end at: it must not depend on the sessions.")
        number = int((end - start) / window + 1e-9)
        if number < 1:
            raise SettingsError(f"no window of {window:g} seconds lies between {start:g} and {end:g}.")
        found = [Stretch(f"{k + 1}", start + k * window, start + (k + 1) * window) for k in range(number)]
    return (*found, whole) if told["overall"] or not found else tuple(found)


def _by_series(option: str, given: tuple[str, ...], series: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        one, equals, value = text.partition("=")
        if not (equals and value) or one in found:
            raise SettingsError(f"{option} {text}: write each series once, as SERIES=….")
        if one not in series:
            raise SettingsError(f"{option} {text}: '{one}' is not among the '--series'.")
        found[one] = value
    return found


def _bounds(series: str, text: str | None) -> Bounds:
    from mien.analysis.contributions import SERIES_BOUNDS, Bounds

    if text is None:
        if series not in SERIES_BOUNDS:
            raise SettingsError(f"what '{series}' can be is not known: give '--bounds {series}=LOW:HIGH'.")
        return SERIES_BOUNDS[series]
    low, colon, high = text.partition(":")
    if not colon:
        raise SettingsError(f"--bounds {series}={text}: write LOW:HIGH.")
    return Bounds(_number("--bounds", low), _number("--bounds", high))


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise SettingsError(f"{option}: '{text}' is no number.") from error


def _tell_plan(made: Plan) -> None:
    click.echo(
        f"{made.sessions} sessions, ε = {made.noise.loss.epsilon:g}; the number that count would be off by "
        f"±{made.count_error:.1f}. Expected error (95 %), at most about:"
    )
    for figure, error, share in zip(made.figures, made.errors, made.budget_shares, strict=True):
        above = "" if figure.above is None else f" above {figure.above:g}"
        click.echo(f"{figure.series}{above}, {figure.stretch.name}: ±{error:.1f} for {share:.1%} of the budget")
