"""``release.json`` and ``release.csv``: a differentially private report, and everything its guarantee rests on.

Nothing in it but the noisy figures and the noisy count depends on what was read in a session.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mien.analysis.contributions import CountingRule, Figure, Kind
from mien.analysis.noise import Mechanism
from mien.analysis.release import Estimate, Plan, Release
from mien.core.audience import Seconds, Share
from mien.core.privacy import assert_no_personal_keys
from mien.report.files import whole_text_file
from mien.report.ledger import Ledger, Loss
from mien.report.wording import clock

SCHEMA_VERSION: Final = 1
SCHEMA_ID: Final = "urn:mien:release:1"
_DIGITS: Final = 2

UNIT: Final = (
    "One session: a whole recording, of one viewer or of a hall. Whoever is in one session only is protected as the "
    "session is; whoever is in k of them, k times less (k·ε)."
)
NEIGHBOURS: Final = (
    "Change one: two sets of the same number of sessions, of which one session differs in any way, being unread "
    "included. The number of sessions is public."
)
COMPOSITION: Final = {
    "laplace": "All figures and the count are one vector with one noise: its L1 sensitivity bounds them together. "
    "Releases from the same sessions add up in the ledger.",
    "gaussian": "All figures and the count are one vector with one noise: its L2 sensitivity bounds them together, as "
    "ρ of zero-concentrated differential privacy, converted to (ε, δ) by OpenDP. Releases from the same sessions add "
    "up in the ledger.",
}
NOTES: Final = (
    "Every figure carries noise on purpose. Its interval holds the figure of the sessions that count with 95 %; it is "
    "over the noise, not over other audiences: what other viewers would feel is less certain still.",
    "A figure is over sessions, each of equal weight: the mean of a session's own mean, by coverage, clamped to the "
    "bounds. A session counts in all figures or in none.",
    "An ε is a bound on how much surer anybody can become about what one session held, by a factor of e^ε, whatever "
    "else they know. It is no proof of anonymity.",
    "The guarantee holds if figures, bounds, scenes and segments were chosen without looking at these sessions.",
    "Means, differences and ranks of these figures cost nothing more.",
)


class Part(BaseModel):
    """Base of every part of a release."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class GuaranteePart(Part):
    """What is promised, and by what means.

    Attributes:
        unit, neighbours, composition: in words.
        epsilon, delta: of this release.
        rho: of zero-concentrated differential privacy, where noise is Gaussian.
        mechanism: discrete Laplace or discrete Gaussian noise on whole numbers.
        sensitivity: the most one session moves the vector, in ``norm``, in units of which half the ranges of all
            figures together have 2³².
        scale: of the noise, in the same units.
        randomness: where the noise comes from; there is no seed.
        software: that drew it.
    """

    unit: str = UNIT
    neighbours: str = NEIGHBOURS
    composition: str
    epsilon: Annotated[float, Field(gt=0)]
    delta: Share
    rho: Annotated[float, Field(gt=0)] | None
    mechanism: Mechanism
    norm: Literal["L1", "L2"]
    sensitivity: Annotated[int, Field(gt=0)]
    scale: Annotated[float, Field(gt=0)]
    randomness: Literal["operating system"] = "operating system"
    software: str


class BudgetPart(Part):
    """The ledger after this release; amounts are decimals as texts.

    Attributes:
        total: all that may be spent on these sessions.
        spent: so far, this release included.
        releases: how many, this one included.
    """

    total: Loss
    spent: Loss
    releases: Annotated[int, Field(ge=1)]


class CountPart(Part):
    """Sessions.

    Attributes:
        given: handed in; public, exact.
        counted: that count, with noise; ``low`` to ``high`` holds the true number in 95 of 100 releases.
        least: below this many, no figure is told.
        least_read_share: of each figure's stretch that a session has to have read to count.
        filtered: which segment counts, in words; None for everybody.
    """

    given: Annotated[int, Field(ge=1)]
    counted: Annotated[float, Field(ge=0)]
    low: Annotated[float, Field(ge=0)]
    high: Annotated[float, Field(ge=0)]
    least: Annotated[int, Field(ge=1)]
    least_read_share: Share
    filtered: str | None


class FigurePart(Part):
    """One figure.

    Attributes:
        name: of the stretch of film.
        end_seconds: None for each session's own end.
        kind: mean of the series in its unit; or share of sessions above ``above``, percent.
        bound_low, bound_high: between what a session's value is clamped.
        budget_share: part of ε (Laplace) or ρ (Gaussian).
        noise_scale: in the figure's unit if every session counts.
        expected_error: about the largest 95 % error if every session counts; known before the release.
        value: with noise, clipped to what is possible; None when withheld.
        low, high: 95 % interval over the noise.
        withheld: why nothing is told, or None.
    """

    series: str
    name: str
    start_seconds: Seconds
    end_seconds: Seconds | None
    kind: Kind
    above: float | None
    bound_low: float
    bound_high: float
    budget_share: Share
    noise_scale: Annotated[float, Field(gt=0)]
    expected_error: Annotated[float, Field(gt=0)]
    value: float | None
    low: float | None
    high: float | None
    withheld: str | None

    @classmethod
    def of(cls, made: Plan, figure: int, told: Estimate) -> Self:
        """From a released figure, rounded."""
        asked: Figure = made.figures[figure]
        value, low, high = (None if v is None else round(v, _DIGITS) for v in (told.value, told.low, told.high))
        return cls(
            series=asked.series,
            name=asked.stretch.name,
            start_seconds=asked.stretch.start_seconds,
            end_seconds=asked.stretch.end_seconds,
            kind=asked.kind,
            above=asked.above,
            bound_low=asked.bounds.low,
            bound_high=asked.bounds.high,
            budget_share=made.budget_shares[figure],
            noise_scale=made.noise_scales[figure],
            expected_error=made.errors[figure],
            value=value,
            low=low,
            high=high,
            withheld=told.withheld,
        )


class ReleaseDocument(Part):
    """A release.

    Attributes:
        created: when.
        title, version: what was shown.
        headline: what it promises, in a sentence.
        demo: True when any session was composed, not filmed.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    created: AwareDatetime
    title: str
    version: str
    headline: str
    demo: bool
    guarantee: GuaranteePart
    budget: BudgetPart
    sessions: CountPart
    figures: tuple[FigurePart, ...]
    notes: tuple[str, ...] = NOTES


def build_release(
    released: Release,
    ledger: Ledger,
    rule: CountingRule,
    created: AwareDatetime,
    *,
    title: str,
    version: str,
    demo: bool,
    software: str,
) -> ReleaseDocument:
    """The document.

    Args:
        released: what was drawn.
        ledger: with this release in it.
        rule: which sessions count.
        created: when, with a time zone.
        title, version, demo: of the sessions.
        software: that drew the noise, with its version.
    """
    made, noise = released.plan, released.plan.noise
    loss = noise.loss
    delta = f", δ = {loss.delta:g}" if loss.delta else ""
    document = ReleaseDocument(
        created=created,
        title=title,
        version=version,
        headline=(
            f"{len(made.figures)} figure{'s' if len(made.figures) > 1 else ''} of {made.sessions} sessions, "
            f"differentially private for each session with ε = {loss.epsilon:g}{delta}."
        ),
        demo=demo,
        guarantee=GuaranteePart(
            composition=COMPOSITION[noise.mechanism],
            epsilon=loss.epsilon,
            delta=loss.delta,
            rho=noise.rho,
            mechanism=noise.mechanism,
            norm="L1" if noise.mechanism == "laplace" else "L2",
            sensitivity=noise.sensitivity,
            scale=noise.scale,
            software=software,
        ),
        budget=BudgetPart(total=ledger.budget, spent=ledger.spent, releases=len(ledger.entries)),
        sessions=CountPart(
            given=made.sessions,
            counted=round(released.count.value or 0.0, 1),
            low=round(released.count.low or 0.0, 1),
            high=round(released.count.high or 0.0, 1),
            least=made.options.min_sessions,
            least_read_share=rule.least_read_share,
            filtered=in_words(rule),
        ),
        figures=tuple(FigurePart.of(made, k, told) for k, told in enumerate(released.figures)),
    )
    assert_no_personal_keys(document.model_dump(mode="json"))
    return document


def in_words(rule: CountingRule) -> str | None:
    """Which segment counts; None for everybody."""
    words = [f"{attribute} is {' or '.join(sorted(values))}" for attribute, values in rule.segments.items()]
    return ", ".join(words) or None


def write_release(document: ReleaseDocument, folder: Path) -> None:
    """Write ``release.json`` and ``release.csv``.

    Raises:
        OutputError: a file cannot be written; nothing of it is left behind.
    """
    with whole_text_file(folder / "release.json") as file:
        file.write(json.dumps(document.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")
    with whole_text_file(folder / "release.csv") as file:
        writer = csv.DictWriter(file, list(FigurePart.model_fields))
        writer.writeheader()
        writer.writerows(figure.model_dump() for figure in document.figures)


def lines(figures: Sequence[FigurePart]) -> list[str]:
    """The figures for a terminal, one a line."""
    told = []
    for figure in figures:
        above = "" if figure.above is None else f" above {figure.above:g}, % of sessions"
        end = "end" if figure.end_seconds is None else clock(figure.end_seconds)
        what = f"{figure.series}{above}, {figure.name} ({clock(figure.start_seconds)}–{end})"
        if figure.value is None:
            told.append(f"{what}: withheld: {figure.withheld}")
        else:
            told.append(f"{what}: {figure.value:.1f} ({figure.low:.1f} to {figure.high:.1f})")
    return told
