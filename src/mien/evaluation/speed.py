"""Processor time a face by batch size: what a box pays, whatever else runs on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from mien.core.faces import EmotionClassifier, FaceCrops

BATCHES = (1, 8, 32)


def cpu_ms_per_face(
    classifier: EmotionClassifier,
    batches: Sequence[int] = BATCHES,
    *,
    rounds: int = 9,
    progress: Callable[[str], None] = lambda told: None,
) -> dict[str, float]:
    """Processor milliseconds (user and system, all threads) to read a crop: normalising, network, calibration.

    Cutting the crop out of a frame is not in it. Rounds of all batch sizes are interleaved and each lasts at least
    30 ms; the least is told, since whatever else runs on the machine can only add to it.

    Args:
        classifier: on one thread, if figures are to compare.
        batches: batch sizes.
        rounds: repetitions.
        progress: told after each round of a batch size.

    Returns:
        Milliseconds by batch size, as JSON names it: ``{"8": 0.95}``.
    """
    side, channels = classifier.geometry.size, (3,) if classifier.colour == "rgb" else ()
    generator = np.random.default_rng(0)
    crops = {
        batch: FaceCrops(
            generator.integers(0, 256, (batch, side, side, *channels), dtype=np.uint8), np.ones(batch, np.float32)
        )
        for batch in batches
    }
    measured: dict[int, list[float]] = {batch: [] for batch in batches}
    for number in range(rounds + 1):
        for batch in batches:
            with _batches_of(classifier, batch):
                spent = cpu_ms(partial(classifier.classify, crops[batch])) / batch
            # The first round warms up caches and memory arenas.
            if number:
                measured[batch].append(spent)
                progress("speed")
    return {str(batch): min(times) for batch, times in measured.items()}


def cpu_ms(work: Callable[[], object], least_ms: float = 30.0) -> float:
    """Mean processor time of a call, over as many calls as the clock needs to tell it."""
    calls, started = 0, time.process_time()
    while True:
        work()
        calls += 1
        spent = (time.process_time() - started) * 1e3
        if spent >= least_ms:
            return spent / calls


@contextmanager
def _batches_of(classifier: EmotionClassifier, size: int) -> Iterator[None]:
    usual = classifier.batch_size
    classifier.batch_size = size
    try:
        yield
    finally:
        classifier.batch_size = usual
