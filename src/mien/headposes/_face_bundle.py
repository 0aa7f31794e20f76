"""Reads a ``face_landmarker.task``: the landmark network, and the mean face that its landmarks lie on.

The bundle is a zip of files. The mean face is a Protocol Buffers message (``GeometryPipelineMetadata`` of MediaPipe's
``face_geometry`` module), of which three fields matter: the mean face's vertices, and the landmarks by which a face is
best laid onto it, each with a weight.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.core.errors import WeightsError

NETWORK: Final = "face_landmarks_detector.tflite"
GEOMETRY: Final = "geometry_pipeline_metadata_landmarks.binarypb"
_MESH, _BASIS = 1, 2
_VERTICES: Final = 3
_LANDMARK, _WEIGHT = 1, 2
_VERTEX_FLOATS: Final = 5
"""A vertex is stored as x, y, z and its place in a texture."""


@dataclass(frozen=True, slots=True)
class FaceBundle:
    """What a bundle holds.

    Attributes:
        network: the landmark network, a TensorFlow Lite graph.
        basis: intp B, landmarks by which a face is laid onto the mean face.
        places: float64 B×3, where they lie on it, centimetres; x to the picture's right, y down, z to the camera.
        weights: float64 B, how much each counts; they sum to 1.
    """

    network: bytes
    basis: npt.NDArray[np.intp]
    places: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]


def read_bundle(content: bytes) -> FaceBundle:
    """A bundle's parts.

    Raises:
        WeightsError: it is no such bundle.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            network, geometry = bundle.read(NETWORK), bundle.read(GEOMETRY)
        vertices, basis, weights = _geometry(geometry)
    except (zipfile.BadZipFile, KeyError, IndexError, ValueError, struct.error) as error:
        raise WeightsError(f"it is not a bundle with a landmark network: {error}") from error
    return FaceBundle(network, basis, vertices[basis] * (1.0, -1.0, 1.0), weights / weights.sum())


def _geometry(
    message: bytes,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    floats = b"".join(
        vertex
        for number, mesh in _fields(message)
        if number == _MESH and isinstance(mesh, bytes)
        for mesh_field, vertex in _fields(mesh)
        if mesh_field == _VERTICES and isinstance(vertex, bytes)
    )
    vertices = np.frombuffer(floats, "<f4").reshape(-1, _VERTEX_FLOATS)[:, :3].astype(np.float64)
    pairs = [dict(_fields(one)) for number, one in _fields(message) if number == _BASIS and isinstance(one, bytes)]
    basis = np.array([int(pair.get(_LANDMARK, 0)) for pair in pairs], np.intp)
    weights = np.array([struct.unpack("<f", bytes(pair[_WEIGHT]))[0] for pair in pairs], np.float64)
    return vertices, basis, weights


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Fields of a message in the Protocol Buffers wire format: numbers as they are, all else as bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == 2:
            length, at = _varint(message, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        yield key >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
