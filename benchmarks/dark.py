"""What brightening dark pictures is worth: heads found in composed halls at a share of the light, with and without.

A hall of fifty faces, a sensor's noise of 2 levels, no codec; a box finds the head it overlaps by 0.3 or more.
``benchmarks.live --only dark`` tells what a whole session makes of a dark hall's recording.

    python -m benchmarks.dark FACES.npz [--detector NAME] [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from benchmarks.detectors import match
from benchmarks.live_clips import HALL
from mien.assembly import load_detector
from mien.core.faces import FaceDetector, Frame
from mien.core.settings import DetectionSettings, InferenceSettings, LightSettings
from mien.light import LightWatch
from mien.sources.synthetic import Hall, HallSpec, PicturePool, load_pictures

EXPOSURES = (0.015, 0.03, 0.06, 0.1, 0.2, 0.4, 1.0)
SIDES_PX = ((56, 72), (28, 36))
SECONDS = (1, 5, 9, 13, 17)


def measure(pictures: PicturePool, detector: FaceDetector, exposure: float, side: tuple[int, int]) -> dict[str, float]:
    """Recall and false boxes a frame at one darkness, and the processor time of the preparation."""
    changes = {"exposure": exposure, "noise": 2.0, "frame_rate": 1, "face_px": side}
    hall = Hall(HallSpec.model_validate({**HALL, **changes}), pictures)
    row: dict[str, float] = {"exposure": exposure, "face_px": side[0]}
    for name, settings in (("as_it_is", LightSettings(prepare=False)), ("prepared", LightSettings())):
        found = false = heads = 0
        spent = 0.0
        for second in SECONDS:
            picture, truth = hall.render(second), hall.truth(float(second)).boxes
            watch = LightWatch(settings)
            watch.look(picture)
            started = time.process_time()
            seen = watch.look(picture)
            spent += time.process_time() - started
            faces = detector.detect([Frame(seen, 0, 0.0)])[0]
            hit, invented = match(faces.boxes, truth, np.zeros((0, 4), np.float32))
            found, false, heads = found + hit, false + invented, heads + len(truth)
        row[f"{name}_recall"], row[f"{name}_false"] = round(found / heads, 3), false / len(SECONDS)
        row[f"{name}_cpu_ms"] = round(1e3 * spent / len(SECONDS), 2)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--detector", default="yunet")
    parser.add_argument("--threshold", type=float, default=0.4)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    pictures = load_pictures(arguments.faces, HALL["min_agreement"])
    detection = DetectionSettings(threshold=arguments.threshold, second_look=None)
    detector, _ = load_detector(arguments.detector, detection, InferenceSettings())
    rows = []
    for side in SIDES_PX:
        for exposure in EXPOSURES:
            rows.append(measure(pictures, detector, exposure, side))
            if not arguments.json:
                print("  ".join(f"{name} {value:g}" for name, value in rows[-1].items()), flush=True)
    if arguments.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
