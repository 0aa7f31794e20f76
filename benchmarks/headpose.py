"""How well head pose is told, on rendered heads of exactly known pose (``benchmarks.heads`` says what a render lacks).

Twelve heads, each with the face of another person, are turned, nodded and tilted one at a time, and all three at once.
Every estimator sees them as the pipeline does: YuNet finds the face and its landmarks. ``exact`` gives the five points
where they truly are instead: what is wrong then is the formula and the difference between people, not the detector.
Bias is the mean error, MAE the mean absolute one, slope how many degrees are told for one of truth.

    python -m benchmarks.headpose [--data ../shared/data] [--people 12] [--agreement] [--estimator NAME ...]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.heads import Head, Pose, meshes, room
from mien.assembly import load_detector, load_head_pose
from mien.core import plugins
from mien.core.faces import FaceDetector, FloatArray, Frame, HeadPoseEstimator, HeadPoses, UInt8Array
from mien.core.settings import AudienceSettings, DetectionSettings, InferenceSettings, SamplingSettings
from mien.headposes.five_points import head_poses
from mien.sources import open_source

DATA: Final = Path("../shared/data")
SIZES: Final = (96, 48, 24)
SIDE: Final = 256
SEED: Final = 3
PICTURES: Final = (
    ("crowd/group-1.jpg", 0, 4), ("crowd/group-3.jpg", 0, 1), ("crowd/group-5.jpg", 0, 1),
    ("crowd/solvay1927.jpg", 0, 2), ("crowd/stock-group-1.jpg", 0, 1), ("clips/WolfgangLanger_Pexels.mp4", 60, 1),
    ("clips/single_face.mp4", 0, 1), ("clips/face_noface.mov", 0, 1),
)  # fmt: skip
"""Where faces come from: file, frame, and how many of its faces."""
CLIPS: Final = (
    "WolfgangLanger_Pexels.mp4", "single_face.mp4", "face_noface.mov", "head-pose-face-detection-female-and-male.gif",
    "face-demographics-walking-and-pause.gif",
)  # fmt: skip
FRONTAL_DEGREES: Final = 6.0
LEAST_PICTURE_PX: Final = 55
SWEEPS: Final[dict[str, tuple[Pose, ...]]] = {
    "yaw": tuple(Pose(yaw=float(a)) for a in range(-60, 61, 10)),
    "pitch": tuple(Pose(pitch=float(a)) for a in range(-40, 41, 10)),
    "roll": tuple(Pose(roll=float(a)) for a in range(-30, 31, 10)),
}
MIXED: Final = 30
RANGES: Final = {
    "yaw": ((0, 20), (30, 40), (50, 60)),
    "pitch": ((0, 10), (20, 30), (40, 40)),
    "roll": ((0, 10), (20, 30)),
}
Angles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rendered:
    """One rendered head.

    Attributes:
        sweep: which angle alone is turned, or ``mixed``.
        face_px: width of its face.
        pose: the truth.
        image: uint8, with the head in its middle.
        exact: float32 5×2, where its landmarks truly are.
        found: float32 5×2, where the detector sees them; None where it finds no face.
    """

    sweep: str
    face_px: int
    pose: Pose
    image: UInt8Array
    exact: FloatArray
    found: FloatArray | None


class BySine(HeadPoseEstimator):
    """Yaw as the arc sine of how far the nose lies off the axis, over the head's size: a formula to compare with."""

    name = "five_points, by sine"
    depth = 0.55

    def _estimate(self, images: Sequence[UInt8Array], landmarks: Sequence[FloatArray]) -> HeadPoses:
        points = np.concatenate(landmarks).astype(np.float64)
        across, eyes = points[:, 1] - points[:, 0], points[:, :2].mean(axis=1)
        down = points[:, 3:].mean(axis=1) - eyes
        height = np.linalg.norm(down, axis=1)
        unit = np.maximum(np.linalg.norm(across, axis=1), height)
        side = np.stack([down[:, 1], -down[:, 0]], axis=1) / height[:, None]
        sine = ((points[:, 2] - eyes) * side).sum(axis=1) / unit / self.depth
        other = head_poses(points.astype(np.float32))
        return other._replace(yaw=np.degrees(np.arcsin(np.clip(sine, -1, 1))).astype(np.float32))


def faces(data: Path, detector: FaceDetector) -> Iterator[tuple[UInt8Array, FloatArray]]:
    """Pictures with the landmarks of a frontal face in each."""
    for name, index, count in PICTURES:
        for number, frame in enumerate(open_source(str(data / name), SamplingSettings())):
            if number < index:
                continue
            seen = detector.detect([frame])[0]
            width = seen.boxes[:, 2] - seen.boxes[:, 0]
            frontal = np.abs(head_poses(seen.landmarks).yaw) < FRONTAL_DEGREES
            fit = np.flatnonzero(frontal & (width > LEAST_PICTURE_PX))
            for row in fit[np.argsort(-width[fit], kind="stable")][:count]:
                yield frame.image, seen.landmarks[row]
            break


def render(
    data: Path, detector: FaceDetector, people: int, sweeps: dict[str, tuple[Pose, ...]], sizes: Sequence[int] = SIZES
) -> Iterator[Rendered]:
    """Every head in every pose at every size, and what the detector sees of it."""
    generator = np.random.default_rng(SEED)
    pairs = list(zip(meshes(), faces(data, detector), strict=False))[:people]
    for mesh, (picture, landmarks) in pairs:
        head = Head(mesh, picture, landmarks)
        background = room(SIDE, generator)
        for sweep, poses in sweeps.items():
            for pose in poses:
                large = head.draw(pose, SIZES[0], background)
                for face_px in sizes:
                    yield _shown(sweep, face_px, pose, large, head, detector)


def _shown(sweep: str, face_px: int, pose: Pose, large: UInt8Array, head: Head, detector: FaceDetector) -> Rendered:
    share = face_px / SIZES[0]
    small = large if share == 1 else cv2.resize(large, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    side = len(small)
    corner = (SIDE - side) // 2
    image = np.full((SIDE, SIDE, 3), 60, np.uint8)
    image[corner : corner + side, corner : corner + side] = small
    exact = head.landmarks(pose, face_px, (corner + (side - 1) / 2,) * 2)
    seen = detector.detect([Frame(image, 0, 0.0)])[0]
    middle = np.abs((seen.boxes[:, :2] + seen.boxes[:, 2:]) / 2 - SIDE / 2).max(axis=1)
    near = middle < face_px / 2
    found = seen.landmarks[near][middle[near].argmin()] if near.any() else None
    return Rendered(sweep, face_px, pose, image, exact, found)


def mixed(count: int = MIXED) -> tuple[Pose, ...]:
    """Poses with all three angles at once, evenly drawn from the sweeps' ranges."""
    drawn = np.random.default_rng(SEED).uniform(-1, 1, (count, 3)) * [60, 40, 30]
    return tuple(Pose(*(float(a) for a in row)) for row in drawn)


def told(estimator: HeadPoseEstimator, heads: Sequence[Rendered], *, exact: bool = False) -> Angles:
    """N×3 angles; NaN where there is no face or no pose."""
    angles = np.full((len(heads), 3), np.nan)
    for row, head in enumerate(heads):
        landmarks = head.exact if exact else head.found
        if landmarks is not None:
            angles[row] = np.stack(estimator.estimate([head.image], [landmarks[None]])[0])[:, 0]
    return angles


def truth(heads: Sequence[Rendered]) -> Angles:
    """N×3 angles, as they are."""
    return np.array([[h.pose.yaw, h.pose.pitch, h.pose.roll] for h in heads])


def errors(found: Angles, true: Angles) -> dict[str, float]:
    """Of one angle: faces told, share of all, bias, MAE and slope."""
    known = np.isfinite(found)
    off = found[known] - true[known]
    spread = np.ptp(true[known]) if known.any() else 0.0
    return {
        "told": float(known.mean()),
        "bias": float(off.mean()),
        "mae": float(np.abs(off).mean()),
        "slope": float(np.polyfit(true[known], found[known], 1)[0]) if spread > 0 else float("nan"),
    }


def facing_errors(found: Angles, true: Angles, limit: float) -> tuple[float, float]:
    """Share of the faces turned to the screen that are not counted, and of the others that are."""
    known = np.isfinite(found)
    facing, counted = np.abs(true[known]) < limit, np.abs(found[known]) < limit
    return float(1 - counted[facing].mean()), float(counted[~facing].mean())


def tables(name: str, heads: Sequence[Rendered], found: Angles) -> Iterator[str]:
    """What one estimator tells of all heads, as rows of Markdown tables."""
    true, limit = truth(heads), AudienceSettings().facing_yaw_degrees
    sizes = sorted({h.face_px for h in heads}, reverse=True)
    for axis, sweep in enumerate(SWEEPS):
        for face_px in sizes:
            rows = np.array([h.sweep == sweep and h.face_px == face_px for h in heads])
            whole = errors(found[rows, axis], true[rows, axis])
            parts = []
            for low, high in RANGES[sweep]:
                part = rows & (np.abs(true[:, axis]) >= low) & (np.abs(true[:, axis]) <= high)
                one = errors(found[part, axis], true[part, axis])
                parts.append(f"{one['mae']:.1f} ({one['bias']:+.1f})")
            together = np.array([h.sweep == "mixed" and h.face_px == face_px for h in heads])
            all_axes = errors(found[together, axis], true[together, axis])
            yield (
                f"| {name} | {sweep} | {face_px} | {whole['told']:.0%} | {whole['slope']:.2f} | {whole['bias']:+.1f} | "
                f"{whole['mae']:.1f} | {' · '.join(parts)} | {all_axes['mae']:.1f} |"
            )
    for face_px in sizes:
        rows = np.array([h.sweep in ("yaw", "mixed") and h.face_px == face_px for h in heads])
        missed, counted = facing_errors(found[rows, 0], true[rows, 0], limit)
        yield (
            f"| {name} | {face_px} | {limit:g} | {missed:.0%} of the faces turned to the screen are not counted | "
            f"{counted:.0%} of the others are |"
        )


def milliseconds(estimator: HeadPoseEstimator, heads: Sequence[Rendered], at_once: int = 8, rounds: int = 5) -> float:
    """Processor time a face, of ``at_once`` faces in one call."""
    seen = [h for h in heads if h.found is not None][:at_once]
    images, landmarks = [h.image for h in seen], [h.found[None] for h in seen if h.found is not None]
    estimator.estimate(images, landmarks)
    started = time.process_time()
    for _ in range(rounds):
        estimator.estimate(images, landmarks)
    return 1e3 * (time.process_time() - started) / rounds / len(seen)


def agreement(data: Path, detector: FaceDetector, one: HeadPoseEstimator, other: HeadPoseEstimator) -> Iterator[str]:
    """How far two estimators lie apart on real clips."""
    for clip in CLIPS:
        pairs: list[tuple[HeadPoses, HeadPoses]] = []
        for frame in open_source(str(data / "clips" / clip), SamplingSettings(sample_hz=5)):
            landmarks = [detector.detect([frame])[0].landmarks]
            pairs.append((one.estimate([frame.image], landmarks)[0], other.estimate([frame.image], landmarks)[0]))
        first, second = (np.concatenate([np.stack(pair[side]) for pair in pairs], axis=1) for side in (0, 1))
        known = np.isfinite(second).all(axis=0) & np.isfinite(first).all(axis=0)
        a, b = first[:, known], second[:, known]
        apart = [f"{np.abs(a[k] - b[k]).mean():.1f} ({np.corrcoef(a[k], b[k])[0, 1]:+.2f})" for k in range(3)]
        yield f"| {clip} | {known.sum()} of {known.size} | {' | '.join(apart)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--people", type=int, default=len(meshes()))
    parser.add_argument("--estimator", action="append", help="default: every one")
    parser.add_argument("--agreement", action="store_true", help="also compare estimators on real clips")
    arguments = parser.parse_args()
    detector, _ = load_detector("yunet", DetectionSettings(threshold=0.4, second_look=None), InferenceSettings())
    names = arguments.estimator or plugins.available("headposes")
    estimators: dict[str, HeadPoseEstimator] = {BySine.name: BySine()}
    estimators |= {name: load_head_pose(name, InferenceSettings()) for name in names}
    heads = list(render(arguments.data, detector, arguments.people, {**SWEEPS, "mixed": mixed()}))
    print("| estimator | angle | face px | told | slope | bias | MAE | MAE (bias) by range | MAE, all angles at once |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, estimator in estimators.items():
        if name.startswith("five_points"):
            large = [h for h in heads if h.face_px == SIZES[0]]
            print("\n".join(tables(f"{name}, exact", large, told(estimator, large, exact=True))))
        print("\n".join(tables(name, heads, told(estimator, heads))))
        print(f"{name}: {milliseconds(estimator, heads):.2f} CPU ms a face, eight at once", flush=True)
    if arguments.agreement:
        first, second = load_head_pose("five_points", InferenceSettings()), estimators["facemesh"]
        print("| clip | faces | yaw apart (correlation) | pitch | roll |\n|---|---|---|---|---|")
        print("\n".join(agreement(arguments.data, detector, first, second)))


if __name__ == "__main__":
    main()
