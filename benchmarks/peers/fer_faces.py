"""CPU milliseconds a face of fer's classifier, the one it uses unless told otherwise, on one thread, by batch size.

    python fer_faces.py BATCH…

Runs in the peers' own environment (``make peers``). Cutting faces out is not in it. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import time

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}

import numpy as np
from fer.fer import FER

SIDE = 64
ROUNDS = 9
LEAST_SECONDS = 0.03


def spent_ms(detector: FER, faces: np.ndarray) -> float:
    """Mean processor time of a call, over as many calls as the clock needs to tell it."""
    calls, started = 0, time.process_time()
    while True:
        detector._classify_emotions(faces)
        calls += 1
        spent = time.process_time() - started
        if spent >= LEAST_SECONDS:
            return 1e3 * spent / calls


def main() -> None:
    detector, generator = FER(), np.random.default_rng(0)
    batches = {size: generator.uniform(-1, 1, (size, SIDE, SIDE)).astype(np.float32) for size in map(int, sys.argv[1:])}
    rounds = [{size: spent_ms(detector, faces) / size for size, faces in batches.items()} for _ in range(ROUNDS + 1)]
    # The first round warms up; whatever else runs on the machine can only add to the rest.
    print(json.dumps({str(size): min(one[size] for one in rounds[1:]) for size in batches}))


if __name__ == "__main__":
    main()
