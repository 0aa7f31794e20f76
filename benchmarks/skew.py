"""Train–serve skew: what the whole pipeline loses against the same faces fed directly to the classifier.

Seeded faces of FER+'s validation split (majority protocol) are pasted into 640×480 scenes at several sizes and read by
the pipeline with its quality gate and smoothing off. A face that is not found counts as wrong. The same faces, as
pictures, go straight into the classifier.

    python -m benchmarks.skew [--data valid.npz] [--faces 1000] [--json]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from benchmarks.pipeline import build
from mien.assembly import Assembled
from mien.core.faces import Frame, UInt8Array
from mien.core.settings import PROFILES, Profile
from mien.evaluation.faces import classify_pictures, load_voted_faces
from mien.evaluation.protocols import majority_truth

SIZES = (64, 96, 128, 160, 200)
WIDTH, HEIGHT = 640, 480
DEFAULT_DATA = Path("../shared/data/ferplus/valid.npz")
SEED = 7


def open_gate() -> Profile:
    """The interview profile with every face read as it is found."""
    profile = PROFILES["interview"]
    return profile.model_copy(
        update={
            "quality": profile.quality.model_copy(
                update={
                    "min_face_px": 0.0,
                    "min_sharpness": 0.0,
                    "max_yaw_degrees": 180.0,
                    "max_pitch_degrees": 180.0,
                    "max_cut_off": 1.0,
                }
            ),
            "smoothing": profile.smoothing.model_copy(update={"seconds": 0.0}),
        }
    )


def scene(picture: UInt8Array, size: int, generator: np.random.Generator) -> tuple[UInt8Array, tuple[int, int]]:
    """A face picture pasted at a random place into a blurred, noisy scene.

    Returns:
        uint8 480×640×3, and the left and top of the pasted square.
    """
    coarse = generator.integers(30, 200, (6, 8, 3), dtype=np.uint8)
    background = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    background += generator.normal(0, 4, background.shape)
    canvas = np.clip(background, 0, 255).astype(np.uint8)
    left = int(generator.integers(0, WIDTH - size + 1))
    top = int(generator.integers(0, HEIGHT - size + 1))
    face = cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC)
    canvas[top : top + size, left : left + size] = face[..., None]
    return canvas, (left, top)


def measure(made: Assembled, data: Path, faces: int, sizes: tuple[int, ...] = SIZES) -> dict[str, object]:
    """Accuracy of both ways by size of the pasted square."""
    voted = load_voted_faces(data)
    truth = majority_truth(voted.votes)
    generator = np.random.default_rng(SEED)
    chosen = generator.choice(len(truth.keep), min(faces, len(truth.keep)), replace=False)
    rows, labels = truth.keep[chosen], truth.label[chosen]
    direct = classify_pictures(made.pipeline.classifier, voted.images[rows]).argmax(axis=1)
    table: dict[str, dict[str, float]] = {}
    for size in sizes:
        right = found = 0
        for number, (row, label) in enumerate(zip(rows, labels, strict=True)):
            image, (left, top) = scene(voted.images[row], size, generator)
            # A minute between scenes: no track outlives one.
            reading = made.pipeline.process([Frame(image, number, 60.0 * number)])[0]
            middle = np.array([left + size / 2, top + size / 2])
            here = [f for f in reading.faces if np.abs((f.box[:2] + f.box[2:]) / 2 - middle).max() < size / 2]
            if here and here[0].probabilities is not None:
                found += 1
                right += int(here[0].probabilities.argmax()) == label
        table[str(size)] = {
            "crop_accuracy": round(100 * float((direct == labels).mean()), 2),
            "pipeline_accuracy": round(100 * right / len(rows), 2),
            "found": round(100 * found / len(rows), 2),
        }
    return {
        "faces": len(rows),
        "detector": made.pipeline.detector.name,
        "classifier": made.pipeline.classifier.name,
        "crop_accuracy": {size: row["crop_accuracy"] for size, row in table.items()},
        "pipeline_accuracy": {size: row["pipeline_accuracy"] for size, row in table.items()},
        "found": {size: row["found"] for size, row in table.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--faces", type=int, default=1000)
    parser.add_argument("--detector")
    parser.add_argument("--classifier", default="mien-m")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    made = build(open_gate(), arguments.detector, arguments.classifier)
    result = measure(made, arguments.data, arguments.faces)
    if arguments.json:
        print(json.dumps(result, indent=1))
        return
    for key in ("crop_accuracy", "pipeline_accuracy", "found"):
        print(f"{key:18s} {result[key]}")


if __name__ == "__main__":
    main()
