"""A comparison in plain words. What is not found is *not shown*; it is never called equal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mien.analysis.compare import Comparison, Finding

SETTLED: Final = "within each version all sessions agree to the last digit there, so no band is told"


def conclusion(comparison: Comparison, unit: str) -> tuple[bool | None, str]:
    """What is concluded of a comparison: whether a difference is shown (None where nothing is inferred), and the words.

    Args:
        comparison: whose verdict holds nothing yet but why nothing is inferred, if so.
        unit: of the series; empty where it has none.
    """
    c, options = comparison, comparison.options
    if c.verdict.withheld is not None:
        return None, f"Nothing is concluded about {c.series}. {c.verdict.withheld}"
    level = options.level / options.family
    units, digits = f" {unit}" if unit else "", digits_of(unit)
    overall_shown = c.overall.family_p is not None and c.overall.family_p <= level
    sentences = []
    if c.findings:
        strongest = max(c.findings, key=clearness)
        times = "once" if len(c.findings) == 1 else f"in {len(c.findings)} stretches"
        point = strongest.point
        band = ""
        if point.family_low is not None and point.family_high is not None:
            low, high = (f"{end:+.{digits}f}" for end in (point.family_low, point.family_high))
            band = f", simultaneous {100 * (1 - level):.4g} % band {low} to {high}"
        effect = SETTLED if point.effect is None else f"Hedges' g = {point.effect:.2f}"
        sentences.append(
            f"A difference in {c.series} is shown {times}, strongest at {_clock(strongest.peak_seconds)}: "
            f"{c.version_b} is {_apart(point.difference, units)} {c.version_a}{band} (family-wise p = "
            f"{strongest.p:.2g}; {effect})."
        )
    if overall_shown:
        sentences.append(
            f"Over the whole, {c.version_b} is {_apart(c.overall.difference, units)} {c.version_a} (family-wise p = "
            f"{c.overall.family_p:.2g})."
        )
    shown = bool(sentences)
    if not shown:
        sentences.append(
            f"No difference shown in {c.series} between {c.version_a} and {c.version_b}, at any moment or over the "
            f"whole (family-wise level {level:.2g}, {c.sessions_a} and {c.sessions_b} sessions). That does not mean "
            "there is none."
        )
    elif not overall_shown:
        sentences.append("Over the whole, no difference is shown.")
    if c.detectable is not None and options.control == "max_t":
        sentences.append(
            f"At a typical step, a true difference of {c.detectable:.{digits}f}{units} would have been found in "
            f"{100 * options.power:.0f} of 100 such comparisons; smaller ones may go unseen."
        )
    return shown, " ".join(sentences)


def clearness(finding: Finding) -> float:
    """How clear a finding is: its effect, and above all others one in which no session of a version strays."""
    return math.inf if finding.point.effect is None else abs(finding.point.effect)


def digits_of(unit: str) -> int:
    """Decimals in words: points are of a hundred, what has no unit lies on a scale of a few."""
    return 1 if "points" in unit else 3


def _apart(difference: float | None, units: str) -> str:
    value = difference or 0.0
    return f"{abs(value):.{digits_of(units)}f}{units} {'above' if value > 0 else 'below'}"


def _clock(seconds: float) -> str:
    whole = math.floor(seconds + 1e-6)
    return f"{whole // 60:02d}:{whole % 60:02d}"
