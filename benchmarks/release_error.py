"""What error a differentially private release has: expected, and measured over many releases.

Synthetic viewers (fear about a level of their own that wanders, as in ``benchmarks.compare``) are released again and
again; nothing is refused, so that the table shows what a refusal spares. A row is a number of sessions; *expected* is
what ``mien release --plan`` tells (95 %, at the bounds), *measured* the error that 95 of 100 released figures keep
within, and *held* how often a figure's interval holds the true mean.

    python -m benchmarks.release_error [--epsilon 1] [--figures 10] [--high 100] [--releases 400]
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from benchmarks.compare import version
from mien.analysis.contributions import Bounds, Figure, Stretch, contributions
from mien.analysis.noise import Mechanism, PrivacyLoss
from mien.analysis.release import Plan, ReleaseOptions, estimates, exact_vector, plan

SESSIONS = (20, 50, 100, 400, 1000)
SCENE_SECONDS = 60.0
NEVER = 1e9
"""An error that no figure has: nothing is refused or withheld for it."""


def wide_open(sessions: int, figures: list[Figure], options: ReleaseOptions) -> Plan:
    """A plan that is not refused, however much noise it has: calibrated for so many sessions that none is drowned."""
    many = plan(10**6, figures, options) if options.loss.delta == 0 else plan(9_000, figures, options)
    made = replace(many, sessions=sessions)
    return replace(made, errors=tuple(made.error_at(k, sessions) for k in range(len(figures))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--delta", type=float, default=1e-6, help="of Gaussian noise")
    parser.add_argument("--figures", type=int, default=10)
    parser.add_argument("--high", type=float, default=100.0, help="upper bound of a session's mean; the lower is 0")
    parser.add_argument("--releases", type=int, default=400)
    arguments = parser.parse_args()
    figures = [
        Figure("fear", Stretch(f"{k + 1}", k * SCENE_SECONDS, (k + 1) * SCENE_SECONDS), Bounds(0, arguments.high))
        for k in range(arguments.figures)
    ]
    print("sessions | mechanism | expected | measured | held | told")
    mechanisms: tuple[Mechanism, ...] = ("laplace", "gaussian")
    for sessions in SESSIONS:
        whole = version("A", sessions, round(arguments.figures * SCENE_SECONDS / 0.5), 0.5, None)
        parts = contributions([whole.select([k]) for k in range(sessions)], figures)
        truth = arguments.high / 2 * (1 + parts.values[parts.counted].mean(axis=0))
        for mechanism in mechanisms:
            loss = PrivacyLoss(arguments.epsilon, arguments.delta if mechanism == "gaussian" else 0.0)
            made = wide_open(sessions, figures, ReleaseOptions(loss, mechanism, largest_error=NEVER))
            exact = exact_vector(made, parts)
            errors, held, total = [], 0, 0
            for _ in range(arguments.releases):
                told = estimates(made, made.noise.add(exact))
                total += len(figures)
                for figure, true in zip(told.figures, truth, strict=True):
                    if figure.value is not None and figure.low is not None and figure.high is not None:
                        errors.append(abs(figure.value - true))
                        held += figure.low <= true <= figure.high
            measured = f"{np.quantile(errors, 0.95):.1f}" if errors else "-"
            share = f"{held / len(errors):.1%}" if errors else "-"
            print(
                f"{sessions} | {mechanism} | {made.errors[0]:.1f} | {measured} | {share} | {len(errors) / total:.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
