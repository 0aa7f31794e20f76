"""The text classifier's figures: F1 and calibration on GoEmotions' dev split, speed, size, and what choices cost.

python -m benchmarks.text [--data ../shared/data/goemotions] [--model mien-text] [--write]
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from pathlib import Path

import numpy as np

from mien import models
from mien.core.labels import TEXT_EKMAN, TEXT_ORIGINAL
from mien.core.settings import InferenceSettings
from mien.evaluation.text import TextEvaluation, evaluate_texts, read_labelled
from mien.language.emotion import TextClassifier, TextScores
from mien.language.opening import open_text_classifier

DEFAULT_DATA = Path("../shared/data/goemotions")
PAGE = Path("docs/model-cards/mien-text.md")
BLOCK = re.compile(r"(?<=<!-- figures: begin -->\n).*?(?=<!-- figures: end -->)", re.DOTALL)
NEGATED = {
    "joy": (
        "I am not happy with this",
        "I don't love this",
        "It is not funny",
        "I can't say I enjoyed it",
        "That wasn't great",
        "I never liked him",
        "There is nothing good about it",
    ),
    "sadness": (
        "She is not sad anymore",
        "I'm not sad about leaving",
        "It was not a sad ending",
        "I don't miss him",
        "Nobody cried at the funeral",
        "I am not disappointed",
    ),
    "anger": (
        "I am not angry with you",
        "She isn't mad at anybody",
        "I don't hate it",
        "He was never annoyed by us",
        "It doesn't bother me at all",
        "I'm not furious about it",
    ),
    "fear": (
        "I am not scared of anything",
        "I'm not afraid of the dark",
        "There is nothing to be afraid of",
        "It wasn't scary at all",
        "He never felt any fear",
        "I am not worried about it",
    ),
    "surprise": ("I wasn't surprised at all", "That is no surprise", "It didn't shock me"),
    "disgust": ("That isn't disgusting", "I was not disgusted"),
}
"""Sentences of ours that deny an emotion."""
WORDS = 20
TIMED_TEXTS = 200
ROUNDS = 9


def measured(classifier: TextClassifier, data: Path) -> list[tuple[TextEvaluation, TextScores]]:
    """Both label sets on the dev split."""
    found = []
    for labels in (TEXT_EKMAN, TEXT_ORIGINAL):
        dev = read_labelled(data / labels.name / "dev.tsv", labels)
        scores = classifier.classify(dev.texts, labels)
        found.append((evaluate_texts(scores.probabilities, scores.thresholds, dev.truth, labels), scores))
    return found


def taken_at_their_word(classifier: TextClassifier) -> dict[str, int]:
    """Of each emotion's :data:`NEGATED` sentences, how many are told as the emotion that they deny."""
    return {
        emotion: sum(classifier.classify(texts, TEXT_EKMAN).top(row)[0] == emotion for row in range(len(texts)))
        for emotion, texts in NEGATED.items()
    }


def negations(classifier: TextClassifier) -> list[str]:
    """The same as a table in Markdown."""
    told = taken_at_their_word(classifier)
    lines = ["| denied | told all the same |", "|---|---|"]
    return lines + [f"| {emotion} | {number} of {len(NEGATED[emotion])} |" for emotion, number in told.items()]


def milliseconds(classifier: TextClassifier, data: Path) -> tuple[float, float]:
    """Processor time of one comment of twenty words, batch 1, one thread.

    Returns:
        The mean over comments of each one's least time, which other programs on the machine inflate least, and the
        median over rounds of the mean time, as it was while they ran.
    """
    texts = [t for t in read_labelled(data / "ekman" / "dev.tsv", TEXT_EKMAN).texts if len(t.split()) == WORDS]
    texts = texts[:TIMED_TEXTS]
    times = np.zeros((ROUNDS + 1, len(texts)))
    for row in times:
        for i, text in enumerate(texts):
            started = time.process_time()
            classifier.classify([text], TEXT_EKMAN)
            row[i] = 1e3 * (time.process_time() - started)
    # The first round warms caches up.
    return float(times[1:].min(axis=0).mean()), statistics.median(times[1:].mean(axis=1).tolist())


def block(classifier: TextClassifier, results: list[tuple[TextEvaluation, TextScores]], cost: list[str]) -> str:
    """The figures as Markdown; ``cost`` are sentences about time and size."""
    lines = [
        "",
        f"`{classifier.name}`, model `{classifier.sha256[:12]}`, {results[0][0].texts:,} comments of GoEmotions' dev.",
        "",
        "| labels | macro F1 | micro F1 | one label: macro F1 | one label: accuracy | ECE, strongest "
        "| ECE, mean of labels | uncertain |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result, scores in results:
        single = result.single_label
        top = scores.probabilities.max(axis=1)
        lines.append(
            f"| {result.labels} | {result.macro_f1:.3f} | {result.micro_f1:.3f} | {single.macro_f1:.3f} | "
            f"{100 * single.accuracy:.1f} % of {single.texts:,} | {100 * result.ece:.1f} % | "
            f"{100 * result.mean_ece:.1f} % | {100 * float((top < scores.settings.uncertain_below).mean()):.1f} % |"
        )
    lines += ["", *cost]
    for result, scores in results:
        lines += ["", f"By label, `{result.labels}`:", "", "| label | F1 | precision | recall | threshold | texts |"]
        lines.append("|---|---|---|---|---|---|")
        for label, threshold in zip(scores.labels.labels, scores.thresholds, strict=True):
            score = result.classes[label]
            lines.append(
                f"| {label} | {score.f1:.2f} | {score.precision:.2f} | {score.recall:.2f} | {threshold:.2f} | "
                f"{score.texts:,} |"
            )
    return "\n".join([*lines, "", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--model", default=models.DEFAULT_TEXT_CLASSIFIER)
    parser.add_argument("--write", action="store_true", help=f"put the figures into {PAGE}")
    arguments = parser.parse_args()
    classifier = open_text_classifier(arguments.model, InferenceSettings(threads=1))
    least, middle = milliseconds(classifier, arguments.data)
    cost = [
        f"Processor time of a comment of {WORDS} words, batch 1, one thread, word pieces included: {least:.1f} ms "
        f"(mean over comments of the least of {ROUNDS} rounds; median round {middle:.1f} ms, others at work)."
    ]
    folder = models.bundled_text().get(arguments.model, Path(arguments.model))
    if folder.is_dir():
        sizes = {path.name: path.stat().st_size / 1e6 for path in sorted(folder.iterdir())}
        cost.append("Size: " + ", ".join(f"`{name}` {size:.2f} MB" for name, size in sizes.items()) + ".")
    text = block(classifier, measured(classifier, arguments.data), cost)
    print(text)
    print("\n".join(negations(classifier)))
    if arguments.write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(BLOCK.sub(lambda _: text, page), encoding="utf-8")


if __name__ == "__main__":
    main()
