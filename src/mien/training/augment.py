"""What a face can look like before it reaches a classifier: framing, light, sharpness, occlusion.

Everything works on a batch at once and takes a seeded generator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class AugmentOptions:
    """Strengths of each change; a probability of 0 turns one off.

    Attributes:
        rotation_degrees: rotation, uniform in ±.
        scale_log: deviation of the log of the crop's size.
        shift: deviation of the crop's position, as a share of its side.
        flip: probability of mirroring.
        contrast_log, brightness: deviation of the log of contrast, and of an offset on 0–1 pixels.
        gamma_log: deviation of the log of the exponent of a tone curve.
        low_resolution: probability that the face was seen at a size of ``smallest_px`` to the full size.
        smallest_px: least size, pixels.
        dark: probability of low exposure with sensor noise.
        noise: largest deviation of plain sensor noise, on 0–1 pixels.
        occlusion: probability of a blank rectangle of up to 40 % of the side.
    """

    rotation_degrees: float = 12.0
    scale_log: float = 0.10
    shift: float = 0.05
    flip: float = 0.5
    contrast_log: float = 0.2
    brightness: float = 0.1
    gamma_log: float = 0.2
    low_resolution: float = 0.2
    smallest_px: int = 14
    dark: float = 0.1
    noise: float = 0.03
    occlusion: float = 0.25


def augment(pixels: Tensor, frames: Tensor, options: AugmentOptions, generator: torch.Generator) -> Tensor:
    """A batch of training crops.

    Args:
        pixels: uint8 N×S×S grey pictures.
        frames: float32 N×2×3, each the map from crop to picture in units of half a side (-1 to 1), the identity
            for the picture as it is.
        options: strengths.
        generator: seeded source of every random draw.

    Returns:
        float32 N×1×S×S on 0–1, not yet normalised.
    """
    n, side = pixels.shape[0], pixels.shape[-1]

    def normal(scale: float) -> Tensor:
        return torch.randn(n, generator=generator) * scale

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    def chance(probability: float) -> Tensor:
        return torch.rand(n, generator=generator) < probability

    angle = uniform(-1, 1) * math.radians(options.rotation_degrees)
    scale = torch.exp(normal(options.scale_log))
    mirror = torch.where(chance(options.flip), -1.0, 1.0)
    jitter = torch.zeros(n, 3, 3)
    jitter[:, 0, 0] = mirror * scale * torch.cos(angle)
    jitter[:, 0, 1] = -scale * torch.sin(angle)
    jitter[:, 1, 0] = mirror * scale * torch.sin(angle)
    jitter[:, 1, 1] = scale * torch.cos(angle)
    jitter[:, 0, 2] = normal(2 * options.shift)
    jitter[:, 1, 2] = normal(2 * options.shift)
    jitter[:, 2, 2] = 1.0
    maps = torch.bmm(frames, jitter)
    x = pixels[:, None].float() / 255.0
    grid = functional.affine_grid(maps, [n, 1, side, side], align_corners=False)
    border = "border" if float(torch.rand(1, generator=generator)) < 0.5 else "reflection"
    x = functional.grid_sample(x, grid, mode="bilinear", padding_mode=border, align_corners=False)

    for size in (14, 18, 24, 32):
        if size < options.smallest_px:
            continue
        chosen = chance(options.low_resolution / 4)
        if bool(chosen.any()):
            small = functional.interpolate(x[chosen], size=(size, size), mode="area")
            x[chosen] = functional.interpolate(small, size=(side, side), mode="bilinear", align_corners=False)

    def column(values: Tensor) -> Tensor:
        return values.view(n, 1, 1, 1)

    x = x.clamp(1e-4, 1.0) ** column(torch.exp(normal(options.gamma_log)))
    mean = x.mean(dim=(2, 3), keepdim=True)
    x = (x - mean) * column(torch.exp(normal(options.contrast_log))) + mean + column(normal(options.brightness))
    noise = uniform(0, options.noise)
    dark = chance(options.dark)
    exposure = torch.where(dark, uniform(0.05, 0.4), torch.ones(n))
    noise = torch.where(dark, uniform(0.003, 0.02), noise)
    x = x * column(exposure) + torch.randn(x.shape, generator=generator) * column(noise)
    x = x.clamp(0.0, 1.0)

    covered = chance(options.occlusion)
    height, width = uniform(0.1, 0.4) * side, uniform(0.1, 0.4) * side
    top, left = uniform(0, 1) * (side - height), uniform(0, 1) * (side - width)
    ruler = torch.arange(side).view(1, side).float()
    rows = (ruler >= top[:, None]) & (ruler < (top + height)[:, None])
    columns = (ruler >= left[:, None]) & (ruler < (left + width)[:, None])
    mask = rows[:, None, :, None] & columns[:, None, None, :] & covered.view(n, 1, 1, 1)
    shade = column(uniform(0, 1)) * column(exposure)
    return torch.where(mask, shade.expand_as(x), x)
