"""What a face can look like before it reaches a classifier: framing, light, sharpness, occlusion, colour.

Everything works on a batch at once. Every random number is drawn on the CPU from a seeded generator, so that a run on a
GPU sees the same faces. A change whose strength is 0 draws none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mien.training import appearance
from mien.training.draws import Draws

SMALL_SIZES = (12, 14, 18, 24, 32)
PROBABILITIES = ("flip", "low_resolution", "dark", "occlusion", "blur", "jpeg", "infrared", "grey")
"""The options that are one."""


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
        low_resolution: probability that the face was seen at a size of ``smallest_px`` to 32 pixels, in equal parts for
            each size below the crop's. Sizes are drawn apart and may fall on one face: 0.2 reaches 18 to 20 in 100.
        smallest_px: least size, pixels: 12, 14, 18, 24 or 32.
        dark: probability of low exposure with sensor noise.
        noise: largest deviation of plain sensor noise, on 0–1 pixels.
        occlusion: probability of a blank rectangle of up to 40 % of the side.
        blur: probability of being out of focus or moving.
        jpeg: probability of JPEG compression at a quality of 15 to 80.
        infrared: probability of the look of an infrared camera: grey, a lamp from the front, pale skin, grain.
        grey: probability that a colour face loses its colour.
        saturation_log, colour_cast: deviation of the log of the saturation, and of the log of each channel's gain.
        shot_noise: largest share of a pixel's range that photon noise takes at full light.
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
    blur: float = 0.0
    jpeg: float = 0.0
    infrared: float = 0.0
    grey: float = 0.0
    saturation_log: float = 0.0
    colour_cast: float = 0.0
    shot_noise: float = 0.0


def augment(
    pixels: Tensor, frames: Tensor, options: AugmentOptions, generator: torch.Generator, side: int | None = None
) -> Tensor:
    """A batch of training crops.

    Args:
        pixels: uint8 N×S×S grey or N×S×S×3 RGB pictures, on any device.
        frames: float32 N×2×3, each the map from crop to picture in units of half a side (-1 to 1), the identity
            for the picture as it is.
        options: strengths.
        generator: seeded source of every random draw, on the CPU.
        side: of the crops, pixels; the pictures' own when None.

    Returns:
        float32 N×C×side×side on 0–1, not yet normalised, on the pictures' device.
    """
    draws = Draws(len(pixels), generator, pixels.device)
    x = _framed(pixels, frames, options, draws, side or pixels.shape[1])
    x = appearance.colours(x, options.saturation_log, options.colour_cast, options.grey, draws)
    x = appearance.out_of_focus(x, options.blur, draws)
    x = _small(x, options, draws)
    if options.infrared > 0:
        x = appearance.infrared(x, options.infrared, draws)
    x, exposure = _lit(x, options, draws)
    x = _occluded(x, options.occlusion, exposure, draws)
    return appearance.compressed(x, options.jpeg, draws)


def as_planes(pixels: Tensor) -> Tensor:
    """float32 N×C×S×S on 0–1, of uint8 N×S×S grey or N×S×S×3 RGB."""
    planes = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
    return planes.float() / 255.0


def _framed(pixels: Tensor, frames: Tensor, options: AugmentOptions, draws: Draws, side: int) -> Tensor:
    n = len(pixels)
    angle = draws.uniform(-1, 1) * math.radians(options.rotation_degrees)
    scale = torch.exp(draws.normal(options.scale_log))
    mirror = torch.where(draws.chance(options.flip), -1.0, 1.0)
    jitter = torch.zeros(n, 3, 3, device=pixels.device)
    jitter[:, 0, 0] = mirror * scale * torch.cos(angle)
    jitter[:, 0, 1] = -scale * torch.sin(angle)
    jitter[:, 1, 0] = mirror * scale * torch.sin(angle)
    jitter[:, 1, 1] = scale * torch.cos(angle)
    jitter[:, 0, 2] = draws.normal(2 * options.shift)
    jitter[:, 1, 2] = draws.normal(2 * options.shift)
    jitter[:, 2, 2] = 1.0
    maps = torch.bmm(frames, jitter)
    border = "border" if draws.coin() else "reflection"
    return _sampled(as_planes(pixels), maps, side, border)


def _sampled(x: Tensor, maps: Tensor, side: int, border: str) -> Tensor:
    """What the maps show of float32 N×C×S×S pictures, N×C×side×side.

    As ``preprocess.crop_faces`` does, a picture is first averaged in blocks, where two of its pixels and more stand for
    one of the crop, and then smoothed by as much as it still shrinks: detail does not alias, and a crop of a part of it
    keeps what it has.
    """
    whole = x.shape[-1]
    if whole <= side:
        return _bilinear(x, maps, side, border)
    steps = maps[:, :, 0].norm(dim=1) * (whole / side)
    blocks = (steps / 2).floor().clamp_min(1).long()
    out = x.new_empty(*x.shape[:2], side, side)
    for block in blocks.unique().tolist():
        rows = blocks == block
        averaged = functional.interpolate(x[rows], size=(whole // block,) * 2, mode="area") if block > 1 else x[rows]
        out[rows] = _bilinear(_softened(averaged, steps[rows] / block), maps[rows], side, border)
    return out


def _softened(x: Tensor, steps: Tensor) -> Tensor:
    """float32 N×C×S×S pictures, each after a Gaussian of the variance that lies between its pixels and the crop's.

    Args:
        x: the pictures.
        steps: float32 N, pixels of each in one of its crop.
    """
    spread = ((steps**2 - 1) / 12).clamp_min(1e-6)
    places = torch.arange(-2, 3, device=x.device)
    weights = torch.exp(-(places**2) / (2 * spread[:, None]))
    weights = weights / weights.sum(dim=1, keepdim=True)
    for axis in (2, 3):
        extent = x.shape[axis]
        padded = functional.pad(x, (2, 2, 0, 0) if axis == 3 else (0, 0, 2, 2), mode="replicate")
        x = torch.stack(
            [weights[:, k].view(-1, 1, 1, 1) * padded.narrow(axis, k, extent) for k in range(len(places))]
        ).sum(dim=0)
    return x


def _bilinear(x: Tensor, maps: Tensor, side: int, border: str) -> Tensor:
    grid = functional.affine_grid(maps, [len(x), 1, side, side], align_corners=False)
    return functional.grid_sample(x, grid, mode="bilinear", padding_mode=border, align_corners=False)


def _small(x: Tensor, options: AugmentOptions, draws: Draws) -> Tensor:
    side = x.shape[-1]
    sizes = [size for size in SMALL_SIZES if options.smallest_px <= size < side]
    for size in sizes:
        chosen = draws.chance(options.low_resolution / len(sizes))
        if bool(chosen.any()):
            small = functional.interpolate(x[chosen], size=(size, size), mode="area")
            x[chosen] = functional.interpolate(small, size=(side, side), mode="bilinear", align_corners=False)
    return x


def _lit(x: Tensor, options: AugmentOptions, draws: Draws) -> tuple[Tensor, Tensor]:
    """Tone, contrast, exposure and noise; the exposure comes with it, float32 N×1×1×1."""
    x = x.clamp(1e-4, 1.0) ** draws.column(torch.exp(draws.normal(options.gamma_log)))
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = (x - mean) * draws.column(torch.exp(draws.normal(options.contrast_log))) + mean
    x = x + draws.column(draws.normal(options.brightness))
    noise = draws.uniform(0, options.noise)
    dark = draws.chance(options.dark)
    exposure = torch.where(dark, draws.uniform(0.05, 0.4), torch.ones(len(x), device=x.device))
    noise = torch.where(dark, draws.uniform(0.003, 0.02), noise)
    x = x * draws.column(exposure)
    if options.shot_noise > 0:
        x = appearance.shot_noise(x, options.shot_noise, draws)
    x = x + draws.normal_like(x) * draws.column(noise)
    return x.clamp(0.0, 1.0), draws.column(exposure)


def _occluded(x: Tensor, probability: float, exposure: Tensor, draws: Draws) -> Tensor:
    side = x.shape[-1]
    covered = draws.chance(probability)
    height, width = draws.uniform(0.1, 0.4) * side, draws.uniform(0.1, 0.4) * side
    top, left = draws.uniform(0, 1) * (side - height), draws.uniform(0, 1) * (side - width)
    ruler = torch.arange(side, device=x.device).view(1, side).float()
    rows = (ruler >= top[:, None]) & (ruler < (top + height)[:, None])
    columns = (ruler >= left[:, None]) & (ruler < (left + width)[:, None])
    mask = rows[:, None, :, None] & columns[:, None, None, :] & covered.view(-1, 1, 1, 1)
    shade = draws.column(draws.uniform(0, 1)) * exposure
    return torch.where(mask, shade.expand_as(x), x)
