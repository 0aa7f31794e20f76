"""Heads of known pose, drawn: the meshes of ``heads.npz`` with real face pictures on them, seen by a camera.

A picture is laid onto the front of a mesh so that its eyes, nose and mouth corners lie on the mesh's own; from there on
the mesh alone decides what a turned head looks like. What such a picture cannot tell: the sides of a head (they
repeat what the picture shows at its outline), light that stays with the room while the head turns, hair that hangs
free, eyes that look elsewhere than the head, and a face that moves. The pictures are taken to be frontal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.faces import FloatArray, UInt8Array

MESHES: Final = Path(__file__).parent / "heads.npz"
PIVOT: Final = (0.0, 0.6, -1.5)
"""What a head turns about, in distances between its eyes from the middle between them: between the ears."""
CAMERA_DISTANCE: Final = 48.0
"""From the pivot, in distances between the eyes: 3 m."""
FACE_WIDTH: Final = 2.05
"""Width of the box that a detector draws around a frontal face, in distances between its eyes."""
_OVERSAMPLING: Final = 2
Points = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pose:
    """How a head is turned, degrees: as :class:`mien.core.faces.HeadPoses`."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def rotation(self) -> Points:
        """3×3, for x to the picture's right, y down and z to the camera: turned, then nodded, then tilted."""
        yaw, pitch, roll = np.deg2rad([self.yaw, self.pitch, self.roll])
        turn = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
        nod = [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
        tilt = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
        return np.asarray(np.array(tilt) @ np.array(nod) @ np.array(turn), np.float64)


@dataclass(frozen=True, slots=True)
class Mesh:
    """One person's head, in distances between the eyes from the middle between them.

    Attributes:
        vertices: float64 V×3; x to the picture's right, y down, z to the camera.
        triangles: int T×3.
        landmarks: float64 5×3, in the order of ``core.faces.LANDMARK_NAMES``.
    """

    vertices: Points
    triangles: npt.NDArray[np.intp]
    landmarks: Points


@cache
def meshes() -> tuple[Mesh, ...]:
    """The heads of ``heads.npz``."""
    with np.load(MESHES) as stored:
        triangles = stored["triangles"].astype(np.intp)
        pairs = zip(stored["vertices"].astype(np.float64), stored["landmarks"].astype(np.float64), strict=True)
        return tuple(Mesh(vertices, triangles, landmarks) for vertices, landmarks in pairs)


class Head:
    """A mesh with a face on it. It takes the face's proportion of height to width from the picture.

    Args:
        mesh: the shape.
        picture: uint8 H×W×3, with a frontal face in it.
        landmarks: float32 5×2, its landmarks in the picture, pixels.
        finest_px: largest face width that will be drawn, pixels.
    """

    def __init__(self, mesh: Mesh, picture: UInt8Array, landmarks: FloatArray, finest_px: float = 96.0) -> None:
        mesh = self.mesh = _proportioned(mesh, landmarks.astype(np.float64))
        step = FACE_WIDTH / (finest_px * _OVERSAMPLING) * 0.9
        self._points, self._normals = _sown(mesh, step)
        places = _onto_picture(self._points[:, :2], mesh.landmarks[:, :2], landmarks.astype(np.float64))
        self._colours = _colours(picture, places)

    def landmarks(self, pose: Pose, face_px: float, centre: tuple[float, float]) -> FloatArray:
        """Where the five landmarks lie in a picture that :meth:`draw` makes: float32 5×2, pixels."""
        return _seen(self.mesh.landmarks, pose, face_px, centre)[0].astype(np.float32)

    def draw(self, pose: Pose, face_px: float, background: UInt8Array) -> UInt8Array:
        """The head in the middle of a picture.

        Args:
            pose: how it is turned.
            face_px: width of its face, were it frontal, pixels.
            background: uint8 H×W×3, what lies behind.

        Returns:
            uint8 H×W×3.
        """
        height, width = background.shape[:2]
        fine = np.asarray(
            cv2.resize(background, None, fx=_OVERSAMPLING, fy=_OVERSAMPLING, interpolation=cv2.INTER_LINEAR), np.uint8
        )
        front = self._normals @ pose.rotation()[2] > -0.05
        places, depth = _seen(
            self._points[front],
            pose,
            face_px * _OVERSAMPLING,
            ((width * _OVERSAMPLING - 1) / 2, (height * _OVERSAMPLING - 1) / 2),
        )
        pixels = np.rint(places).astype(np.intp)
        inside = ((pixels >= 0) & (pixels < (fine.shape[1], fine.shape[0]))).all(axis=1)
        # What lies nearest is laid down last. Whole numbers are sorted by radix, which is what makes this fast.
        near = depth[inside]
        order = np.argsort(((near - near.min()) * (65535 / max(np.ptp(near), 1e-6))).astype(np.uint16), kind="stable")
        columns, rows = pixels[inside][order].T
        cover = np.zeros(fine.shape[:2], np.uint8)
        layer = np.zeros_like(fine)
        layer[rows, columns] = self._colours[front][inside][order]
        cover[rows, columns] = 255
        closed = np.asarray(cv2.morphologyEx(cover, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)))
        gaps = (closed > 0) & (cover == 0)
        if gaps.any():
            layer[gaps] = cv2.medianBlur(cv2.dilate(layer, np.ones((3, 3), np.uint8)), 3)[gaps]
        fine = np.where(closed[..., None] > 0, layer, fine)
        return np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def room(side: int, generator: np.random.Generator) -> UInt8Array:
    """A blurred background, uint8 side×side×3."""
    coarse = generator.integers(30, 150, (4, 4, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def _seen(points: Points, pose: Pose, face_px: float, centre: tuple[float, float]) -> tuple[Points, Points]:
    """Where points lie in the picture (pixels), and how near they are; the pivot lies in the centre."""
    turned = (points - PIVOT) @ pose.rotation().T
    scale = face_px / FACE_WIDTH * (CAMERA_DISTANCE + PIVOT[2]) / (CAMERA_DISTANCE - turned[:, 2])
    return turned[:, :2] * scale[:, None] + centre, turned[:, 2]


def _proportioned(mesh: Mesh, picture: Points) -> Mesh:
    """The mesh made as long, for its width, as the face of a picture."""
    down = np.linalg.norm(picture[3:].mean(axis=0) - picture[:2].mean(axis=0))
    across = np.linalg.norm(picture[1] - picture[0])
    stretch = np.array([1.0, down / across / mesh.landmarks[3:, 1].mean(), 1.0])
    return Mesh(mesh.vertices * stretch, mesh.triangles, mesh.landmarks * stretch)


def _sown(mesh: Mesh, step: float) -> tuple[Points, Points]:
    """Points all over a mesh, at most ``step`` apart, and the direction in which the surface faces at each."""
    corners = mesh.vertices[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    corners, normals = corners[lengths > 0], -normals[lengths > 0] / lengths[lengths > 0, None]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    parts = np.ceil(np.stack([np.linalg.norm(edge, axis=1) for edge in (first, second)], axis=1) / step).astype(int)
    points, facing = [], []
    for across, along in np.unique(np.maximum(parts, 1), axis=0):
        rows = (parts == (across, along)).all(axis=1)
        u, v = (grid.ravel() for grid in np.meshgrid(np.arange(across + 1) / across, np.arange(along + 1) / along))
        inside = u + v <= 1 + 1e-9
        weights = np.stack([u[inside], v[inside]], axis=1)
        edges = np.stack([first[rows], second[rows]], axis=1)
        points.append((corners[rows, None, 0] + weights @ edges).reshape(-1, 3))
        facing.append(np.repeat(normals[rows], len(weights), axis=0))
    return np.concatenate(points), np.concatenate(facing)


def _onto_picture(points: Points, landmarks: Points, picture: Points) -> Points:
    """Points of a mesh's front as places of its picture: an affine map that, near the landmarks, bends to meet them."""
    design = np.column_stack([landmarks, np.ones(len(landmarks))])
    affine = np.linalg.lstsq(design, picture, rcond=None)[0]
    missing = picture - design @ affine
    reach = 0.6
    near = np.exp(-(((landmarks[:, None] - landmarks[None]) / reach) ** 2).sum(axis=2))
    weights = np.linalg.solve(near, missing)
    found = np.column_stack([points, np.ones(len(points))]) @ affine
    for landmark, weight in zip(landmarks, weights, strict=True):
        found += np.exp(-(((points - landmark) / reach) ** 2).sum(axis=1))[:, None] * weight
    return np.asarray(found, np.float64)


def _colours(picture: UInt8Array, places: Points) -> UInt8Array:
    """The picture's colours at places between its pixels, uint8 N×3; past its edge, those of the edge."""
    wide = 1024
    spare = -len(places) % wide
    grid = np.concatenate([places, np.zeros((spare, 2))]).astype(np.float32).reshape(-1, wide, 2)
    found = cv2.remap(picture, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(found.reshape(-1, 3)[: len(places)], np.uint8)
