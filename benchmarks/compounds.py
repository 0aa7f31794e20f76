"""Whether a head trained for ``compound12`` tells compounds better than the view that is derived from eight shares.

python -m benchmarks.compounds [--data ../shared/data/ferplus] [--model mien-m] [--faces 9000] [--json]

The head is a softmax regression of the votes' view on the shares' logarithms and the derived view, fitted to faces of
the training split; both are measured on the validation split.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mien.assembly import load_classifier
from mien.core.labels import LABEL_SETS
from mien.core.settings import InferenceSettings
from mien.evaluation.agreement import area_under_curve, correlations, divergence
from mien.evaluation.faces import classify_pictures, load_voted_faces
from mien.evaluation.protocols import vote_distribution

FloatArray = npt.NDArray[np.float64]

VIEW: Final = LABEL_SETS["compound12"]
RIDGE: Final = 1e-4
STEPS: Final = 3000
SEED: Final = 0


def shares(model: str, file: Path, faces: int | None) -> tuple[FloatArray, FloatArray]:
    """What the model says of a split's faces, N×8, and the votes' shares, N×8; ``faces`` of them, drawn."""
    data = load_voted_faces(file)
    images, votes = data.images, data.votes
    if faces is not None:
        drawn = np.random.default_rng(SEED).permutation(len(images))[:faces]
        images, votes = images[drawn], votes[drawn]
    said = classify_pictures(load_classifier(model, InferenceSettings(threads=1)), images)
    truth = vote_distribution(votes)
    told = truth.sum(axis=1) > 0
    return said[told].astype(np.float64), truth[told].astype(np.float64)


def view(eight: FloatArray) -> FloatArray:
    """``compound12`` of shares."""
    return np.asarray(VIEW.view(eight.astype(np.float32)), np.float64)


def features(said: FloatArray) -> FloatArray:
    """What the head reads, N×20."""
    return np.concatenate([np.log(np.maximum(said, 1e-6)), view(said)], axis=1)


def softmax(logits: FloatArray) -> FloatArray:
    """Shares, row by row."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def fit(inputs: FloatArray, targets: FloatArray) -> FloatArray:
    """Weights of a softmax regression, by accelerated gradient descent (Nesterov, 1983); the last row is the offset."""
    rows = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
    ridge = np.full((rows.shape[1], 1), RIDGE)
    ridge[-1] = 0
    # The softmax's Hessian is at most half of the inputs' second moments.
    step = 1 / (0.5 * np.linalg.eigvalsh(rows.T @ rows / len(rows))[-1] + RIDGE)
    weights = ahead = np.zeros((rows.shape[1], targets.shape[1]))
    for number in range(STEPS):
        slope = rows.T @ (softmax(rows @ ahead) - targets) / len(rows) + ridge * ahead
        following = ahead - step * slope
        ahead = following + number / (number + 3) * (following - weights)
        weights = following
    return np.asarray(weights)


def measured(said: FloatArray, truth: FloatArray) -> dict[str, Any]:
    """Divergence, share right, and by class correlation, area under the curve, recall and precision."""
    strongest, right = said.argmax(axis=1), truth.argmax(axis=1)
    every = np.ones((1, len(said)))
    correlation = correlations(said, truth, every)[0]
    classes = {}
    for k, label in enumerate(VIEW.labels):
        found, there = strongest == k, right == k
        hits = int((found & there).sum())
        classes[label] = {
            "faces": int(there.sum()),
            "correlation": round(float(correlation[k]), 3),
            "auc": round(float(area_under_curve(said[:, k], there, every)[0]), 3),
            "recall": round(hits / max(int(there.sum()), 1), 3),
            "precision": round(hits / max(int(found.sum()), 1), 3),
        }
    return {
        "divergence": round(float(divergence(truth, said).mean()), 4),
        "accuracy": round(float((strongest == right).mean()), 4),
        "classes": classes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/ferplus"))
    parser.add_argument("--model", default="mien-m")
    parser.add_argument("--faces", type=int, default=9000, help="of the training split, for the head")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    said, truth = shares(arguments.model, arguments.data / "train.npz", arguments.faces)
    inputs = features(said)
    middle, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-6
    weights = fit((inputs - middle) / spread, view(truth))
    said, truth = shares(arguments.model, arguments.data / "valid.npz", None)
    rows = np.concatenate([(features(said) - middle) / spread, np.ones((len(said), 1))], axis=1)
    found = {"derived": measured(view(said), view(truth)), "head": measured(softmax(rows @ weights), view(truth))}
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    print("| class | faces | correlation: derived, head | AUC | recall | precision |\n|---|---|---|---|---|---|")
    for label in VIEW.labels:
        one, other = (found[name]["classes"][label] for name in ("derived", "head"))
        pairs = " | ".join(f"{one[key]:.2f}, {other[key]:.2f}" for key in ("correlation", "auc", "recall", "precision"))
        print(f"| {label} | {one['faces']} | {pairs} |")
    for key in ("accuracy", "divergence"):
        print(f"\n{key}: derived {found['derived'][key]}, head {found['head'][key]}")


if __name__ == "__main__":
    main()
