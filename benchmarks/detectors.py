"""Faces found and invented by each detector on a folder of photos with a ``faces.json`` of hand-checked boxes.

``faces.json`` maps a file name to ``faces`` and ``ignore``, lists of ``[x, y, width, height]`` in pixels. A box finds
the face it overlaps most, at an intersection over union of 0.3 or more; what overlaps an ignored region counts neither
way.

    python -m benchmarks.detectors DIR [--json] [--detector NAME ...]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from mien.assembly import load_detector
from mien.core import plugins
from mien.core.faces import FaceDetector, FloatArray
from mien.core.settings import DetectionSettings, InferenceSettings, SamplingSettings
from mien.sources import open_source
from mien.tracking import box_iou

MATCH_IOU = 0.3


def corners(boxes: list[list[float]]) -> FloatArray:
    """``[x, y, width, height]`` rows as float32 N×4 corners."""
    array = np.asarray(boxes, np.float32).reshape(-1, 4)
    return np.concatenate([array[:, :2], array[:, :2] + array[:, 2:]], axis=1)


def match(found: FloatArray, truth: FloatArray, ignore: FloatArray) -> tuple[int, int]:
    """Faces found, and boxes that are no face, of one photo; ``found`` is strongest first."""
    free = set(range(len(truth)))
    false = 0
    overlap = box_iou(found, truth) if len(truth) else np.zeros((len(found), 0))
    neutral = box_iou(found, ignore) if len(ignore) else np.zeros((len(found), 0))
    for row in range(len(found)):
        best = max(free, key=lambda column: float(overlap[row, column]), default=None)
        if best is not None and overlap[row, best] >= MATCH_IOU:
            free.discard(best)
        elif not (neutral[row] >= MATCH_IOU).any():
            false += 1
    return len(truth) - len(free), false


def measure(folder: Path, detector: FaceDetector) -> dict[str, float]:
    """One detector over every photo of the folder."""
    truth = json.loads((folder / "faces.json").read_text(encoding="utf-8"))
    found = false = faces = 0
    spent = 0.0
    for name, boxes in sorted(truth.items()):
        for frame in open_source(str(folder / name), SamplingSettings()):
            started = time.process_time()
            seen = detector.detect([frame])[0]
            spent += time.process_time() - started
            hit, invented = match(seen.boxes, corners(boxes["faces"]), corners(boxes.get("ignore", [])))
            found, false, faces = found + hit, false + invented, faces + len(boxes["faces"])
    return {"faces": faces, "found": found, "false": false, "cpu_ms_per_photo": round(1e3 * spent / len(truth), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--detector", action="append", help="default: every one")
    parser.add_argument("--threshold", type=float, default=DetectionSettings().threshold)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    names = arguments.detector or plugins.available("detectors")
    rows = {}
    for name in names:
        detector, _ = load_detector(name, DetectionSettings(threshold=arguments.threshold), InferenceSettings())
        rows[name] = measure(arguments.folder, detector)
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    for name, row in rows.items():
        print(f"{name:12s} {row['found']} of {row['faces']}, {row['false']} false, {row['cpu_ms_per_photo']} ms each")


if __name__ == "__main__":
    main()
