"""What a run keeps of its steps."""

from __future__ import annotations

from mien.core.audience import AudienceStep, Session, Timeline
from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.settings import PROFILES, AudienceSettings
from mien.metrics import create_all
from mien.runtime.recording import Recording
from tests.report.factory import STEP, gap_step, percents, read_step, suppressed_step


def timeline(*steps: AudienceStep) -> Timeline:
    recording = Recording(create_all(AudienceSettings(replicates=0)))
    recording.take(steps)
    grant = authorise(Declaration(Purpose.AUDIENCE_RESEARCH, Basis.NOTICE), PROFILES["cinema"])
    return recording.timeline(Session("test", grant, "cinema7", STEP), complete=True)


def test_a_hall_that_was_withheld_throughout_says_so_of_every_figure() -> None:
    """A metric sees an empty step and would say that nobody was there, or nobody looked."""
    steps = [AudienceStep(suppressed_step(i * STEP), None) for i in range(100)]
    figures = timeline(*steps, AudienceStep(gap_step(50.0), None)).figures
    assert figures
    assert {(f.value, f.withheld) for f in figures} == {(None, "fewer than 5 faces were readable at once")}


def test_where_something_was_told_each_figure_has_its_own_reason() -> None:
    few = [AudienceStep(read_step(i * STEP, percents(fear=5.0)), None) for i in range(20)]
    told = {f.slug: f for f in timeline(*few, AudienceStep(suppressed_step(10.0), None)).figures}
    assert told["shock_average"].withheld == "the baseline is not established yet"
    assert told["sentiment_mean"].value is not None
