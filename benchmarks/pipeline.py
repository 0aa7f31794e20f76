"""CPU milliseconds a frame of the whole pipeline on a clip, by stage, beside a reference on the same frames.

The reference is what cannot be avoided: decoding, one detector call and one classifier call a frame. Both are run in
turns on one thread, start-up excluded, and medians of the rounds are printed.

    python -m benchmarks.pipeline CLIP [--json] [--detector yunet] [--rounds 3]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
from dataclasses import asdict

import numpy as np

from mien.assembly import Assembled, Choices, assemble
from mien.core.faces import FaceCrops, Frame
from mien.core.policy import Basis, Declaration, Purpose
from mien.core.settings import PROFILES, InferenceSettings, Profile
from mien.preprocess import crop_faces
from mien.runtime.analyze import RunOptions, analyze
from mien.sources import open_source

IN_LINE = RunOptions(decode_ahead=0)


def build(profile: Profile, detector: str | None, classifier: str = "mien-m") -> Assembled:
    """A fresh single-threaded pipeline."""
    told = Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING)
    return assemble(profile, told, Choices(detector, classifier), InferenceSettings(threads=1))


def whole(clip: str, made: Assembled) -> dict[str, float]:
    """One run of everything that ``mien analyze`` does between opening the clip and its last snapshot."""
    source = open_source(clip, made.pipeline.profile.sampling)
    started = time.process_time()
    analysis = analyze(source, made.pipeline, options=IN_LINE)
    total = time.process_time() - started
    frames = analysis.provenance.frames_read or 0
    stages = asdict(made.pipeline.stages)
    spent = {name: 1e3 * seconds / frames for name, seconds in stages.items()}
    spent["decode_and_rest"] = 1e3 * (total - sum(stages.values())) / frames
    return {"cpu_ms_per_frame": 1e3 * total / frames, "frames": frames, **spent}


def reference(clip: str, made: Assembled) -> dict[str, float]:
    """Decode, one detector call and one classifier call a frame, and nothing else."""
    pipeline = made.pipeline
    geometry, colour = pipeline.classifier.geometry, pipeline.classifier.colour
    crop = crop_faces(np.zeros((8, 8, 3), np.uint8), np.zeros((1, 5, 2), np.float32), geometry, colour)
    quality = np.ones(1, np.float32)
    source = open_source(clip, pipeline.profile.sampling)
    frames = 0
    started = time.process_time()
    with contextlib.closing(source):
        for frame in source:
            found = pipeline.detector.detect([frame])[0]
            if frames == 0 and len(found):
                crop = crop_faces(frame.image, found.landmarks[:1], geometry, colour)
            pipeline.classifier.classify(FaceCrops(crop, quality))
            frames += 1
    return {"reference_ms": 1e3 * (time.process_time() - started) / max(frames, 1)}


def measure(clip: str, detector: str | None, rounds: int) -> dict[str, object]:
    """Medians over rounds that alternate the pipeline and the reference."""
    warm = build(PROFILES["interview"], detector)
    warm.pipeline.process([Frame(np.zeros((360, 640, 3), np.uint8), 0, 0.0)])
    runs: list[dict[str, float]] = []
    references: list[float] = []
    for _ in range(rounds):
        runs.append(whole(clip, build(PROFILES["interview"], detector)))
        references.append(reference(clip, warm)["reference_ms"])
    middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    total, frames = middle.pop("cpu_ms_per_frame"), int(middle.pop("frames"))
    base = statistics.median(references)
    return {
        "clip": clip,
        "frames": frames,
        "detector": warm.pipeline.detector.name,
        "cpu_ms_per_frame": round(total, 3),
        "stages": {key: round(value, 3) for key, value in middle.items()},
        "reference_ms": round(base, 3),
        "ratio": round(total / base, 3),
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("--detector")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.clip, arguments.detector, arguments.rounds)
    if arguments.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{result['cpu_ms_per_frame']} CPU ms a frame, {result['ratio']} × the reference {result['reference_ms']}")
    print(result["stages"])


if __name__ == "__main__":
    main()
