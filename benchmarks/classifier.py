"""The classifier's figures in ``docs/claims.md``, measured on FER+'s validation split.

python -m benchmarks.classifier [--data valid.npz] [--write]
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from mien import models
from mien.assembly import load_classifier
from mien.core.settings import InferenceSettings
from mien.evaluation.accuracy import Evaluation, ProtocolScore, evaluate_probabilities
from mien.evaluation.faces import classify_pictures, load_voted_faces

DEFAULT_DATA = Path("../shared/data/ferplus/valid.npz")
PAGE = Path("docs/claims.md")
BLOCK = re.compile(r"(?<=<!-- figures: begin -->\n).*?(?=<!-- figures: end -->)", re.DOTALL)


def block(name: str, sha256: str, result: Evaluation) -> str:
    """The figures as Markdown."""
    rows = "\n".join(
        f"| {emotion} | {_percent(result.argmax8.recall[emotion])} | {_percent(result.argmax8.precision[emotion])} "
        f"| {correlation:.2f} |"
        for emotion, correlation in result.correlation.items()
    )
    return f"""
`{name}`, model `{sha256[:12]}`, on FER+'s validation split, eight classes. That split chose the model, so it flatters.

| protocol | accuracy | 95 % | faces | macro recall |
|---|---|---|---|---|
| majority | {_score(result.majority8)} |
| argmax | {_score(result.argmax8)} |

Calibration error (ECE) {100 * result.ece:.1f} %. By emotion, argmax protocol:

| emotion | recall | precision | correlation with the share of votes |
|---|---|---|---|
{rows}

"""


def _score(score: ProtocolScore) -> str:
    interval = f"{100 * score.low:.1f} to {100 * score.high:.1f}"
    return f"{100 * score.accuracy:.1f} % | {interval} | {score.faces:,} | {100 * score.macro_recall:.1f} %"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--classifier", default=models.DEFAULT_CLASSIFIER)
    parser.add_argument("--write", action="store_true", help=f"put them into {PAGE}")
    arguments = parser.parse_args()
    classifier = load_classifier(arguments.classifier, InferenceSettings(threads=1))
    faces = load_voted_faces(arguments.data)
    result = evaluate_probabilities(classify_pictures(classifier, faces.images), faces.votes)
    text = block(arguments.classifier, classifier.sha256, result)
    print(text)
    if arguments.write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(BLOCK.sub(lambda _: text, page), encoding="utf-8")


if __name__ == "__main__":
    main()
