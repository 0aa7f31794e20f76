"""How long a run's reports take to be written: processor time a step, of a timeline as long as a feature film.

    python -m benchmarks.reports [CLIP] [--hours 3]

The steps of a real clip are told again and again until they fill the hours; steps are half a second.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from mien.assembly import Choices, assemble
from mien.core.audience import Analysis, AudienceStep
from mien.core.policy import Basis, Declaration, Purpose
from mien.core.settings import PROFILES, InferenceSettings, SamplingSettings
from mien.metrics import create_all
from mien.report import write_reports
from mien.runtime.analyze import analyze
from mien.runtime.recording import Recording
from mien.sources import open_source

CLIP = Path("../shared/data/clips/WolfgangLanger_Pexels.mp4")
ROUNDS = 3


def long_analysis(clip: Path, hours: float) -> Analysis:
    """The clip's steps, again and again."""
    profile = PROFILES["interview"]
    made = assemble(
        profile, Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING), Choices(), InferenceSettings(threads=1)
    )
    short = analyze(open_source(str(clip), SamplingSettings()), made.pipeline)
    steps, seconds = list(short.timeline.snapshots), profile.audience.step_seconds
    recording = Recording(create_all(profile.audience))
    recording.take(
        AudienceStep(steps[k % len(steps)].model_copy(update={"media_time": k * seconds}), None)
        for k in range(round(hours * 3600 / seconds))
    )
    return Analysis(recording.timeline(short.timeline.session, complete=True), short.provenance)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, nargs="?", default=CLIP)
    parser.add_argument("--hours", type=float, default=3.0)
    arguments = parser.parse_args()
    analysis = long_analysis(arguments.clip, arguments.hours)
    took = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            before = time.process_time()
            write_reports(analysis, Path(folder), created=datetime.now(UTC))
            took.append(time.process_time() - before)
    steps = len(analysis.timeline.snapshots)
    middle = statistics.median(took)
    print(f"{steps} steps: {middle:.2f} CPU s, {1e3 * middle / steps:.2f} ms a step (median of {ROUNDS})")


if __name__ == "__main__":
    main()
