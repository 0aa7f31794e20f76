"""``comparison.json`` and ``comparison.csv``: what a comparison of versions tells, versioned. The JSON Schema of the
former is ``comparison.schema.json`` beside this; :mod:`mien.report.comparison_page` makes ``comparison.html``.

The same inputs, options and seed give the same document but for ``created``.
"""

from __future__ import annotations

import csv
import json
import math
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mien import __version__
from mien.analysis.compare import Comparison, Curve, Finding, Point
from mien.analysis.scenes import SceneComparison, SceneFigure, ScenePair
from mien.analysis.sessions import SessionSet
from mien.core.audience import Count, Seconds, Share
from mien.core.privacy import assert_no_personal_keys
from mien.report.files import all_or_none, whole_text_file
from mien.report.wording import clock

SCHEMA_VERSION: Final = 1
SCHEMA_ID: Final = "urn:mien:comparison:1"
FILES: Final = ("comparison.html", "comparison.json", "comparison.csv")
"""What :func:`write_comparison` writes."""
DIGITS: Final = 4
_TIME_DIGITS: Final = 6

NOTES: Final = (
    "Sessions are what is resampled: people in one hall are one observation, not many.",
    "A family-wise p-value is of the whole timeline and its mean at once. Where several comparisons are reported "
    "together, each is tested at the level divided by their number.",
    "A simultaneous band holds the true difference at all steps at once with the stated probability, a pointwise band "
    "at each step by itself.",
    "A q-value is the least false-discovery rate along the timeline at which a step counts as a discovery.",
    "What is not shown may still be there: the detectable difference says how large it would have had to be.",
    "Labels are taken to be exchangeable: who saw which version must have been left to chance. Where evenings, halls "
    "or audiences differed with the version, so may the difference.",
)
"""What the figures mean and what they rest on."""

DOES_NOT_MEAN: Final = (
    "Not shown is not absent. What could not have been found with so few sessions is not ruled out.",
    "A difference between versions is not one between films: it is of these audiences, in these halls, on these "
    "evenings.",
    "Suggestions, not truths. Every figure rests on a classifier that judged pictures of faces; it can be wrong.",
    "Expressions are not feelings, and more of one is not a better film.",
    "No diagnosis, and no ground for a decision about a single person.",
)
"""What nobody should take them for."""

CURVE_COLUMNS: Final = tuple(Curve.__dataclass_fields__)


class Part(BaseModel):
    """Base of every part of a comparison."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class VersionPart(Part):
    """A version: its name, its sessions, and whether any was composed rather than filmed.

    ``coverage_share`` is the mean over sessions and the time that any of them covers; what was not read counts as 0.
    """

    version: str
    sessions: Annotated[int, Field(ge=1)]
    coverage_share: Share
    demo: bool


class OptionsPart(Part):
    """How versions were compared; see ``analysis.compare.CompareOptions``. ``level`` is of all comparisons together."""

    level: Share
    comparisons: Annotated[int, Field(ge=1)]
    power: Share
    control: Literal["max_t", "cluster"]
    shuffles: Count
    min_sessions: float
    min_share: Share
    min_group: Annotated[int, Field(ge=1)]
    seed: int


class PointPart(Part):
    """Two versions side by side: at a step, over a scene or over the whole; the difference is B minus A."""

    mean_a: float | None
    mean_b: float | None
    difference: float | None
    low: float | None
    high: float | None
    family_low: float | None
    family_high: float | None
    p: Share | None
    family_p: Share | None
    effect_hedges_g: float | None
    detectable: float | None

    @classmethod
    def of(cls, point: Point) -> Self:
        """From an analysed point, rounded; p-values are not."""
        told = {name: getattr(point, name) for name in Point.__dataclass_fields__}
        effect = told.pop("effect")
        rounded = {k: v if v is None or k in ("p", "family_p") else round(v, DIGITS) for k, v in told.items()}
        return cls(**rounded, effect_hedges_g=None if effect is None else round(effect, DIGITS))


class FindingPart(Part):
    """A stretch in which a difference is shown, and its strongest step."""

    start_seconds: Seconds
    end_seconds: Seconds
    peak_seconds: Seconds
    peak: str
    family_p: Share
    at_peak: PointPart

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """From an analysed finding."""
        return cls(
            start_seconds=round(finding.start_seconds, _TIME_DIGITS),
            end_seconds=round(finding.end_seconds, _TIME_DIGITS),
            peak_seconds=round(finding.peak_seconds, _TIME_DIGITS),
            peak=clock(finding.peak_seconds),
            family_p=finding.p,
            at_peak=PointPart.of(finding.point),
        )


class VerdictPart(Part):
    """What is concluded, in words; ``shown`` is None where nothing is inferred, and ``withheld`` says why."""

    shown: bool | None
    text: str
    withheld: str | None


class ScenePart(Part):
    """A scene of the reference, the one it is compared with, and what was found."""

    name_a: str
    name_b: str
    start_a_seconds: Seconds
    end_a_seconds: Seconds
    shown: bool
    q: Share | None
    figures: PointPart

    @classmethod
    def of(cls, pair: ScenePair) -> Self:
        """From an analysed pair."""
        return cls(
            name_a=pair.a.name,
            name_b=pair.b.name,
            start_a_seconds=round(pair.a.start_seconds, _TIME_DIGITS),
            end_a_seconds=round(pair.a.end_seconds, _TIME_DIGITS),
            shown=pair.shown,
            q=pair.q,
            figures=PointPart.of(pair.point),
        )


class ScenesPart(Part):
    """Scene by scene, all of them one family."""

    scenes: tuple[ScenePart, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    verdict: VerdictPart

    @classmethod
    def of(cls, found: SceneComparison) -> Self:
        """From an analysed comparison of scenes."""
        verdict = found.verdict
        return cls(
            scenes=tuple(ScenePart.of(pair) for pair in found.pairs),
            only_a=found.only_a,
            only_b=found.only_b,
            verdict=VerdictPart(shown=verdict.shown, text=verdict.text, withheld=verdict.withheld),
        )


class SceneFigurePart(Part):
    """One scene of one version: the mean over its sessions with a 95 % interval over them, and its rank by the mean."""

    name: str
    start_seconds: Seconds
    end_seconds: Seconds
    mean: float | None
    low: float | None
    high: float | None
    rank: Annotated[int, Field(ge=1)] | None
    sessions: Count
    coverage_share: Share
    withheld: str | None

    @classmethod
    def of(cls, figure: SceneFigure) -> Self:
        """From a row of a table of scenes."""
        rounded = {
            k: None if v is None else round(v, DIGITS) for k in ("mean", "low", "high") for v in [getattr(figure, k)]
        }
        return cls(
            name=figure.scene.name,
            start_seconds=round(figure.scene.start_seconds, _TIME_DIGITS),
            end_seconds=round(figure.scene.end_seconds, _TIME_DIGITS),
            rank=figure.rank,
            sessions=figure.sessions,
            coverage_share=round(figure.coverage, DIGITS),
            withheld=figure.withheld,
            **rounded,
        )


class SceneTablePart(Part):
    """What one version's audiences felt in each scene, in its own media time."""

    version: str
    series: str
    scenes: tuple[SceneFigurePart, ...]


class ComparisonPart(Part):
    """Two versions in one series. ``curve`` has a list of one number a step for each column; None where not told.

    ``unit`` is of the series; empty where it has none. ``threshold_score`` is the normal score that a step had to
    exceed; ``only_a`` and ``only_b`` are stretches of either version's media time that the other does not have.
    ``sessions_not_counted_a`` and ``sessions_not_counted_b`` are sessions that had ended and are in no figure, because
    beside what was told before they would tell of too few people.
    """

    series: str
    unit: str
    version_a: str
    version_b: str
    sessions_not_counted_a: Count = 0
    sessions_not_counted_b: Count = 0
    verdict: VerdictPart
    overall: PointPart
    findings: tuple[FindingPart, ...]
    discoveries: Count
    detectable_typically: float | None
    threshold_score: float | None
    shuffles: Count
    exhaustive: bool
    steps_suppressed: Count
    only_a_seconds: tuple[tuple[float, float], ...]
    only_b_seconds: tuple[tuple[float, float], ...]
    scenes: ScenesPart | None
    start_seconds: Seconds
    step_seconds: Seconds
    curve: dict[str, tuple[float | None, ...]]

    @classmethod
    def of(
        cls,
        found: Comparison,
        scenes: SceneComparison | None,
        gaps: Gaps,
        unit: str,
        not_counted: Mapping[tuple[str, str], int],
    ) -> Self:
        """From an analysed comparison."""
        verdict = found.verdict
        return cls(
            series=found.series,
            unit=unit,
            version_a=found.version_a,
            version_b=found.version_b,
            sessions_not_counted_a=not_counted.get((found.version_a, found.series), 0),
            sessions_not_counted_b=not_counted.get((found.version_b, found.series), 0),
            verdict=VerdictPart(shown=verdict.shown, text=verdict.text, withheld=verdict.withheld),
            overall=PointPart.of(found.overall),
            findings=tuple(FindingPart.of(f) for f in found.findings),
            discoveries=found.discoveries,
            detectable_typically=None if found.detectable is None else round(found.detectable, DIGITS),
            threshold_score=None if found.threshold is None else round(found.threshold, DIGITS),
            shuffles=found.shuffles,
            exhaustive=found.exhaustive,
            steps_suppressed=found.steps_suppressed,
            only_a_seconds=gaps[0],
            only_b_seconds=gaps[1],
            scenes=None if scenes is None else ScenesPart.of(scenes),
            start_seconds=round(found.base.start_seconds, _TIME_DIGITS),
            step_seconds=round(found.base.step_seconds, _TIME_DIGITS),
            curve={name: _column(found.curve, name) for name in CURVE_COLUMNS},
        )


Gaps = tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]
"""Stretches (from, to, seconds) that only the reference has, and that only the other has."""


class ComparisonDocument(Part):
    """Everything a comparison tells.

    Attributes:
        created: when; the only field that a repetition changes.
        headline: the verdicts in one text.
        demo: True when any session was composed, not filmed.
        personal_data: True when steps may tell about single people.
        filtered: which part of the audiences was compared, and when, in words; None for all of it.
        versions: the reference first, with all of their sessions.
        comparisons: every other version with the reference, in every series.
        scene_tables: of every version in every series, where scenes were given.
        software: versions of Mien and the libraries that touch a number.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    created: AwareDatetime
    title: str
    headline: str
    demo: bool
    personal_data: bool
    filtered: str | None
    versions: tuple[VersionPart, ...]
    options: OptionsPart
    comparisons: tuple[ComparisonPart, ...]
    scene_tables: tuple[SceneTablePart, ...]
    software: dict[str, str]
    notes: tuple[str, ...] = NOTES
    does_not_mean: tuple[str, ...] = DOES_NOT_MEAN


def build_comparison(
    versions: Sequence[SessionSet],
    found: Sequence[Comparison],
    created: AwareDatetime,
    *,
    seed: int,
    scenes: Mapping[tuple[str, str], SceneComparison] | None = None,
    scene_tables: Mapping[tuple[str, str], Sequence[SceneFigure]] | None = None,
    gaps: Mapping[str, Gaps] | None = None,
    filtered: str | None = None,
    units: Mapping[str, str] | None = None,
    not_counted: Mapping[tuple[str, str], int] | None = None,
) -> ComparisonDocument:
    """The document.

    Args:
        versions: the reference first.
        found: comparisons with it, one at least.
        created: when, with a time zone.
        seed: of the generator that shuffled.
        scenes: by the other version and the series, where scenes were compared.
        scene_tables: by the version and the series.
        gaps: by the other version, where it has other scenes.
        filtered: which part of the audiences was compared, in words.
        units: of the series that are in other units than points; empty text where one has none.
        not_counted: sessions that were left out because they would tell of too few people, by version and series.
    """
    options, group = found[0].options, max(c.min_group for c in found)
    document = ComparisonDocument(
        created=created,
        title=versions[0].title,
        headline=" ".join(c.verdict.text for c in found),
        demo=any(v.demo for v in versions),
        personal_data=group == 1,
        filtered=filtered,
        versions=tuple(_version(v) for v in versions),
        options=OptionsPart(
            level=options.level,
            comparisons=options.family,
            power=options.power,
            control=options.control,
            shuffles=options.shuffles,
            min_sessions=options.min_sessions,
            min_share=options.min_share,
            min_group=group,
            seed=seed,
        ),
        comparisons=tuple(
            ComparisonPart.of(
                c,
                (scenes or {}).get((c.version_b, c.series)),
                (gaps or {}).get(c.version_b, ((), ())),
                (units or {}).get(c.series, "points"),
                not_counted or {},
            )
            for c in found
        ),
        scene_tables=tuple(
            SceneTablePart(version=version, series=series, scenes=tuple(map(SceneFigurePart.of, table)))
            for (version, series), table in (scene_tables or {}).items()
        ),
        software={"mien": __version__, "numpy": np.__version__, "python": platform.python_version()},
    )
    assert_no_personal_keys(document.model_dump(mode="json", exclude={"comparisons": {"__all__": {"curve"}}}))
    return document


def _version(told: SessionSet) -> VersionPart:
    read = np.zeros(told.weights.shape, np.bool_)
    for cells in told.series.values():
        read |= ~np.isnan(cells)
    coverage = float(np.mean(told.weights, where=read, dtype=np.float64) * read.mean()) if read.any() else 0.0
    return VersionPart(
        version=told.version, sessions=len(told), coverage_share=round(min(1.0, coverage), DIGITS), demo=told.demo
    )


def write_comparison(document: ComparisonDocument, folder: Path) -> None:
    """Write ``comparison.json``, ``comparison.csv`` and ``comparison.html``; they appear together.

    Raises:
        OutputError: a file cannot be written; none is left behind, and earlier ones stay.
    """
    from mien.report.comparison_page import render_comparison

    page = render_comparison(document)
    with all_or_none(folder) as stage:
        _write_json(document, stage / "comparison.json")
        _write_table(document, stage / "comparison.csv")
        with whole_text_file(stage / "comparison.html") as file:
            file.write(page)


def _write_json(document: ComparisonDocument, path: Path) -> None:
    told = document.model_dump(mode="json", exclude={"comparisons": {"__all__": {"curve"}}})
    with whole_text_file(path) as file:
        for part, whole in zip(told["comparisons"], document.comparisons, strict=True):
            part["curve"] = {name: _Line(column) for name, column in whole.curve.items()}
        file.write(_dump(told))


def _write_table(document: ComparisonDocument, path: Path) -> None:
    with whole_text_file(path) as file:
        writer = csv.writer(file)
        writer.writerow(("version_a", "version_b", "series", "media_time_seconds", "media_time_mmss", *CURVE_COLUMNS))
        for whole in document.comparisons:
            columns = [whole.curve[name] for name in CURVE_COLUMNS]
            for k, cells in enumerate(zip(*columns, strict=True)):
                at = round(whole.start_seconds + k * whole.step_seconds, _TIME_DIGITS)
                writer.writerow((whole.version_a, whole.version_b, whole.series, at, clock(at), *cells))


class _Line:
    """A list that is written on one line."""

    def __init__(self, values: Sequence[float | None]) -> None:
        self.values = values


def _dump(document: dict[str, Any]) -> str:
    """JSON with two spaces a level, its long lists on one line each."""
    lines: list[Sequence[float | None]] = []

    def place(node: object) -> str:
        assert isinstance(node, _Line)
        lines.append(node.values)
        return f"\x00{len(lines) - 1}\x00"

    pieces = json.dumps(document, indent=2, ensure_ascii=False, default=place).split('"\\u0000')
    out = [pieces[0]]
    for piece in pieces[1:]:
        number, rest = piece.split('\\u0000"', 1)
        out += [json.dumps(lines[int(number)], separators=(",", ":")), rest]
    return "".join(out) + "\n"


def _column(curve: Curve, name: str) -> tuple[float | None, ...]:
    digits = 6 if name in ("p", "q", "family_p") else DIGITS
    return tuple(None if math.isnan(v) else round(v, digits) for v in getattr(curve, name).tolist())
