"""Faces found and invented in composed halls whose truth is known, and how long a frame takes to compose.

A box finds the face it overlaps most, at an intersection over union of 0.3 or more, as in ``benchmarks.detectors``.

    python -m benchmarks.halls PICTURES [--detector NAME] [--seeds N]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.detectors import corners, match
from mien.assembly import load_detector
from mien.core.faces import FaceDetector, Frame
from mien.core.settings import DetectionSettings, InferenceSettings
from mien.sources.synthetic import Hall, HallSpec, PicturePool, load_pictures

MIXED: Final = {"neutral": 3, "happiness": 2, "fear": 2, "surprise": 1, "sadness": 1, "anger": 1}
CROWD: Final = {"rows": 8, "columns": 16, "width": 1920, "height": 1080, "face_px": (26, 34)}
DARK: Final = {"exposure": 0.15, "grey": True}
HALLS: Final[dict[str, dict[str, Any]]] = {
    "50 of 48-64 px": {},
    "128 of 26-34 px": CROWD,
    "blur 1.5 px": {"blur_px": 1.5},
    "blur 3 px": {"blur_px": 3},
    "noise 8": {"noise": 8},
    "dark, noise 2": {**DARK, "noise": 2},
    "dark, noise 4": {**DARK, "noise": 4},
    "dark, noise 6": {**DARK, "noise": 6},
    "sway 4 px": {"sway_px": 4},
    "128, sway 4 px": {**CROWD, "sway_px": 4},
    "128, sway, noise, blur": {**CROWD, "sway_px": 4, "noise": 4, "grey": True, "blur_px": 1},
}
TIMED_FRAMES: Final = 150


def measure(changes: dict[str, Any], pictures: PicturePool, detector: FaceDetector, seeds: int) -> dict[str, float]:
    """One kind of hall, over several seeds; times in milliseconds."""
    found = false = faces = 0
    first, later = [], []
    for seed in range(seeds):
        hall = Hall(HallSpec.model_validate({"moods": [{"weights": MIXED}], **changes, "seed": seed}), pictures)
        started = time.perf_counter()
        image = hall.render(0)
        first.append(1e3 * (time.perf_counter() - started))
        truth = hall.truth(0.0).boxes
        hit, invented = match(detector.detect([Frame(image, 0, 0.0)])[0].boxes, truth, corners([]))
        found, false, faces = found + hit, false + invented, faces + len(truth)
        for index in range(1, TIMED_FRAMES + 1 if seed == 0 else 0):
            started = time.perf_counter()
            hall.render(index)
            later.append(1e3 * (time.perf_counter() - started))
    return {
        "found": found,
        "faces": faces,
        "false": false,
        "first_ms": float(np.median(first)),
        "frame_ms": float(np.mean(later)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="an npz or a folder, as for 'faces' of a specification")
    parser.add_argument("--detector", default="yunet")
    parser.add_argument("--seeds", type=int, default=4)
    arguments = parser.parse_args()
    pictures = load_pictures(arguments.pictures)
    detector, _ = load_detector(arguments.detector, DetectionSettings(), InferenceSettings())
    for name, changes in HALLS.items():
        row = measure(changes, pictures, detector, arguments.seeds)
        print(
            f"{name:24s} {row['found'] / row['faces']:6.1%} of {row['faces']} found, {row['false']} false; "
            f"first frame {row['first_ms']:.0f} ms, others {row['frame_ms']:.1f} ms"
        )


if __name__ == "__main__":
    main()
