"""``mien compare``: versions of a title against each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mien.cli._options import pdf_options, scenes_of, segments_of
from mien.core.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np

    from mien.analysis.compare import CompareOptions
    from mien.analysis.scenes import SceneComparison, SceneFigure
    from mien.analysis.sessions import SessionSet
    from mien.report.comparison import ComparisonDocument, Gaps

NO_OFFSETS = "none"
"""In place of a table, for a version that has the reference's scenes."""


@click.command()
@click.argument("versions", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="A B…")
@click.option("--series", multiple=True, required=True,
              help="Emotion or metric to compare, such as fear or shock; may be repeated.")  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder for comparison.html, .json and .csv."
)
@click.option("--name", "names", multiple=True,
              help="What to call each version, in order [default: its file or folder].")  # fmt: skip
@click.option("--title", default="untitled", help="Of what was shown.")
@click.option("--offsets", multiple=True, metavar="TABLE.csv",
              help="Maps a version's media time to A's: columns from_seconds, to_seconds, shift_seconds. Once for each "
              "version after A, in order; 'none' where it has A's scenes.")  # fmt: skip
@click.option("--segment", "segments", multiple=True, metavar="ATTRIBUTE=VALUE[,VALUE]",
              help="Only respondents who declared this of themselves; ten people at least.")  # fmt: skip
@click.option("--from", "from_seconds", type=click.FloatRange(0), help="Compare from this second of A on.")
@click.option("--to", "to_seconds", type=click.FloatRange(0), help="… up to this one.")
@click.option("--scenes", "scene_lists", multiple=True, type=click.Path(path_type=Path), metavar="LIST",
              help="Scenes as .edl, .vtt or .csv: one list for all versions, or one for each in its time.")  # fmt: skip
@click.option("--pair-scenes", type=click.Choice(["name", "order"]), default="name", show_default=True,
              help="Which scenes belong together.")  # fmt: skip
@click.option("--frame-rate", metavar="RATE", help="Of an EDL: 23.976, 24, 25, 29.97, 30, 50, 59.94 or 60.")
@click.option("--start-timecode", default="01:00:00:00", show_default=True, help="Of the film's first frame in an EDL.")
@click.option("--control", type=click.Choice(["max_t", "cluster"]), default="max_t", show_default=True,
              help="What a finding is: single steps, or stretches (better for long faint differences).")  # fmt: skip
@click.option("--level", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.05, show_default=True,
              help="Chance of any false finding, over everything compared.")  # fmt: skip
@click.option("--power", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.8, show_default=True,
              help="For the least difference that would have been found.")  # fmt: skip
@click.option("--shuffles", type=click.IntRange(19), default=1999, show_default=True, help="Of the sessions' labels.")
@click.option("--step-seconds", type=click.FloatRange(0, min_open=True),
              help="Of the timeline [default: the longest of any session].")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed, the same result.")
@pdf_options
@click.option("--quiet", is_flag=True, help="Print nothing.")
def command(versions: tuple[Path, ...], out: Path, quiet: bool, **told: Any) -> None:
    """Compare versions of a title: A with each of the others.

    Each is a folder of report.json, one a session, or a NumPy, CSV or Parquet file of many sessions. Sessions are what
    is resampled: give several of each version.
    """
    from mien.report.comparison import FILES, write_comparison
    from mien.report.files import results_folder

    _check(versions, told)
    browser = _browser() if told["pdf"] else None
    page = out / FILES[0]
    with results_folder(out):
        document = _compare(versions, told)
        write_comparison(document, out)
        # An earlier one would be of other figures.
        page.with_suffix(".pdf").unlink(missing_ok=True)
        if browser is not None:
            from mien.report.pdf import print_pdf

            print_pdf(page, page.with_suffix(".pdf"), browser=browser, paper=told["paper"])
    if quiet:
        return
    if document.filtered:
        click.echo(f"Only a part was compared: {document.filtered}.")
    if document.demo:
        click.echo("DEMO: composed sessions, not filmed ones.")
    for comparison in document.comparisons:
        click.echo(comparison.verdict.text)
        if comparison.scenes is not None:
            click.echo(comparison.scenes.verdict.text)
    files = [out / name for name in FILES] + ([page.with_suffix(".pdf")] if browser is not None else [])
    click.echo(", ".join(map(str, files)))


def _browser() -> Path:
    from mien.report.pdf import find_browser

    return find_browser()


def _check(versions: tuple[Path, ...], told: dict[str, Any]) -> None:
    others = len(versions) - 1
    if others < 1:
        raise SettingsError("a comparison needs two versions at least: give A and B.")
    if told["names"] and len(told["names"]) != len(versions):
        raise SettingsError(f"--name is given {len(told['names'])} times for {len(versions)} versions.")
    if told["offsets"] and len(told["offsets"]) != others:
        raise SettingsError(
            f"--offsets is given {len(told['offsets'])} times for {others} version{'' if others == 1 else 's'} after "
            f"A; give '{NO_OFFSETS}' for one that has A's scenes."
        )
    if told["scene_lists"] and len(told["scene_lists"]) not in (1, len(versions)):
        raise SettingsError("--scenes is given once for all versions, or once for each.")
    if len(set(told["series"])) < len(told["series"]):
        raise SettingsError("--series names one series twice.")


def _compare(paths: tuple[Path, ...], told: dict[str, Any]) -> ComparisonDocument:
    from datetime import UTC, datetime

    import numpy as np

    from mien.analysis.compare import CompareOptions, compare
    from mien.analysis.copies import refuse_copies
    from mien.analysis.session_files import ReadOptions, read_version
    from mien.report.comparison import build_comparison

    series: tuple[str, ...] = told["series"]
    names = told["names"] or (None,) * len(paths)
    sets = tuple(
        read_version(path, ReadOptions(series, version=name, title=told["title"]))
        for path, name in zip(paths, names, strict=True)
    )
    called = [s.version for s in sets]
    if len(set(called)) < len(called):
        raise SettingsError(f"versions are called {', '.join(called)}: name them apart with --name.")
    refuse_copies(sets)
    options = CompareOptions(
        shuffles=told["shuffles"],
        level=told["level"],
        power=told["power"],
        control=told["control"],
        family=(len(sets) - 1) * len(series) * (2 if told["scene_lists"] else 1),
    )
    rng = np.random.default_rng(told["seed"])
    found = []
    for one in series:
        # Parts of an audience are answered on its own steps, before anything is moved between steps.
        picked = tuple(_of_segments(audience, one, told) for audience in sets)
        aligned, gaps = _aligned(picked, told["offsets"], told["step_seconds"])
        reference, *others = (_between(audience, told) for audience in aligned)
        found += [compare(reference, other, one, rng, options, unit=_unit(one)) for other in others]
    tables, scenes = _scenes(sets, told, options, rng)
    counted = tuple(_of_segments(audience, series[0], told) for audience in sets) if told["segments"] else sets
    return build_comparison(
        counted,
        found,
        datetime.now(UTC).replace(microsecond=0),
        seed=told["seed"],
        scenes=scenes,
        scene_tables=tables,
        gaps=gaps,
        filtered=_filter_words(told),
        units={one: _unit(one) for one in series},
    )


def _aligned(
    sets: tuple[SessionSet, ...], offsets: tuple[str, ...], step_seconds: float | None
) -> tuple[tuple[SessionSet, ...], dict[str, Gaps]]:
    """All versions on steps of the first one's time, and what only one of two has."""
    from mien.analysis.alignment import OffsetTable, align
    from mien.analysis.session_files import moved, on_common_steps
    from mien.analysis.sessions import TimeBase

    reference, *others = sets
    tables = [None if told == NO_OFFSETS else OffsetTable.parse(_text(Path(told)), told) for told in offsets]
    if not any(tables):
        return on_common_steps(sets, step_seconds), {}
    pairs = list(zip(others, tables, strict=True))
    alike = [reference, *(s for s, table in pairs if table is None)]
    base = TimeBase.covering(
        min(s.base.start_seconds for s in alike),
        max(s.base.end_seconds for s in alike),
        step_seconds or max(s.base.step_seconds for s in sets),
    )
    placed = [moved(s, base) if table is None else align(s.told(), table, base) for s, table in pairs]
    gaps = {
        s.version: (table.only_in_reference(reference.base.end_seconds), table.only_in_other(s.base.end_seconds))
        for s, table in pairs
        if table is not None
    }
    return (moved(reference, base), *placed), gaps


def _of_segments(audience: SessionSet, series: str, told: dict[str, Any]) -> SessionSet:
    """Those who were asked for, through the query gate where people are picked by what they declared."""
    from mien.analysis.filters import Filter, QueryGate

    if not told["segments"]:
        return audience
    return QueryGate.standing(audience, series).ask(Filter(series, segments_of(told["segments"]))).audience


def _between(audience: SessionSet, told: dict[str, Any]) -> SessionSet:
    """The stretch that was asked for."""
    import math

    if told["from_seconds"] is None and told["to_seconds"] is None:
        return audience
    end = math.inf if told["to_seconds"] is None else told["to_seconds"]
    return audience.between(told["from_seconds"] or 0.0, end)


def _scenes(
    sets: tuple[SessionSet, ...], told: dict[str, Any], options: CompareOptions, rng: np.random.Generator
) -> tuple[dict[tuple[str, str], tuple[SceneFigure, ...]], dict[tuple[str, str], SceneComparison]]:
    """Tables by version and series, and comparisons by the other version and the series, each in its own time."""
    from mien.analysis.scenes import compare_scenes, scene_table

    lists = [scenes_of(path, told["frame_rate"], told["start_timecode"]) for path in told["scene_lists"]]
    if not lists:
        return {}, {}
    lists = lists * len(sets) if len(lists) == 1 else lists
    tables: dict[tuple[str, str], tuple[SceneFigure, ...]] = {}
    found: dict[tuple[str, str], SceneComparison] = {}
    for one in told["series"]:
        picked = [_of_segments(audience, one, told) for audience in sets]
        tables |= {(s.version, one): scene_table(s, one, own, rng) for s, own in zip(picked, lists, strict=True)}
        reference, *others = picked
        for other, scenes in zip(others, lists[1:], strict=True):
            found[other.version, one] = compare_scenes(
                reference, other, lists[0], scenes, one, rng, options, pairing=told["pair_scenes"], unit=_unit(one)
            )
    return tables, found


def _filter_words(told: dict[str, Any]) -> str | None:
    words = [
        f"{attribute} is {' or '.join(sorted(values))}" for attribute, values in segments_of(told["segments"]).items()
    ]
    times = [
        f"{word} {told[name]:g} s"
        for word, name in (("from", "from_seconds"), ("up to", "to_seconds"))
        if told[name] is not None
    ]
    if times and told["scene_lists"]:
        times.append("along the timeline only: scenes are compared whole, wherever they lie")
    return ", ".join(words + times) or None


def _unit(series: str) -> str:
    from mien.core.labels import EMOTIONS

    in_points = (*EMOTIONS, "shock", "reaction", "attention", "expressiveness", "sentiment")
    return "points" if series in in_points else ""


def _text(path: Path) -> str:
    from mien.core.errors import InputError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}.") from error
