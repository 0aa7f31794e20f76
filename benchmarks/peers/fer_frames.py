"""CPU milliseconds a frame of fer, with the detector it uses unless told otherwise, on one thread.

    python fer_frames.py FRAMES.raw WIDTH HEIGHT COUNT

Runs in the peers' own environment (``make peers``). FRAMES.raw holds uint8 RGB frames; prints one JSON object.
"""

from __future__ import annotations

import json
import os
import resource
import sys

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}

import cv2
import numpy as np
from fer.fer import FER


def cpu_seconds() -> float:
    """User and system time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    path, width, height, count = sys.argv[1], *map(int, sys.argv[2:5])
    frames = np.memmap(path, np.uint8, "r", shape=(count, height, width, 3))
    cv2.setNumThreads(1)
    detector = FER()
    pictures = [np.ascontiguousarray(frame[:, :, ::-1]) for frame in frames]
    for picture in pictures[:3]:
        detector.detect_emotions(picture)
    before = cpu_seconds()
    faces = sum(len(detector.detect_emotions(picture)) for picture in pictures)
    print(json.dumps({"cpu_ms": 1e3 * (cpu_seconds() - before) / count, "faces": faces / count}))


if __name__ == "__main__":
    main()
