"""Changes to how a face looks that leave its place alone: colour, focus, cameras, compression.

Each takes float32 N×C×S×S on 0–1, changes the faces that its probability chooses, and draws nothing at 0.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mien.training.draws import Draws

LUMA = (0.299, 0.587, 0.114)
LARGEST_BLUR = 5


def colours(x: Tensor, saturation_log: float, colour_cast: float, grey: float, draws: Draws) -> Tensor:
    """Saturation, a cast by the light, and loss of colour. A grey face stays as it is.

    Args:
        x: faces.
        saturation_log: deviation of the log of the saturation.
        colour_cast: deviation of the log of each channel's gain.
        grey: probability of losing all colour.
        draws: source of the random numbers.
    """
    if x.shape[1] == 1:
        return x
    if saturation_log > 0:
        luma = _luma(x)
        x = luma + (x - luma) * draws.column(torch.exp(draws.normal(saturation_log)))
    if colour_cast > 0:
        x = x * torch.exp(torch.stack([draws.normal(colour_cast) for _ in range(3)], dim=1))[:, :, None, None]
    if grey > 0:
        x = torch.where(draws.column(draws.chance(grey)), _luma(x).expand_as(x), x)
    return x.clamp(0.0, 1.0)


def out_of_focus(x: Tensor, probability: float, draws: Draws) -> Tensor:
    """Blur by a lens or by motion, each in half of the chosen: a disc, or a line in any direction, within 5 pixels."""
    if probability <= 0:
        return x
    chosen, moving = draws.chance(probability), draws.chance(0.5)
    reach, angle = draws.uniform(0.6, LARGEST_BLUR / 2), draws.uniform(0, torch.pi)
    if not bool(chosen.any()):
        return x
    ruler = torch.arange(LARGEST_BLUR, device=x.device).float() - LARGEST_BLUR // 2
    across, down = ruler[None, None, :], ruler[None, :, None]
    cosine, sine = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    along, beside = across * cosine + down * sine, down * cosine - across * sine
    length = reach[:, None, None]
    line = torch.exp(-0.5 * (along / length) ** 2 - 0.5 * (beside / 0.3) ** 2)
    disc = torch.exp(-0.5 * (across**2 + down**2) / (0.6 * length) ** 2)
    kernel = torch.where(moving[:, None, None], line, disc)
    kernel = kernel / kernel.sum(dim=(1, 2), keepdim=True)
    n, channels, side, _ = x.shape
    pad = LARGEST_BLUR // 2
    planes = functional.pad(x, (pad, pad, pad, pad), mode="replicate").reshape(1, n * channels, side + 2 * pad, -1)
    weights = kernel.repeat_interleave(channels, dim=0)[:, None]
    blurred = functional.conv2d(planes, weights, groups=n * channels).view(n, channels, side, side)
    return torch.where(draws.column(chosen), blurred, x)


def infrared(x: Tensor, probability: float, draws: Draws) -> Tensor:
    """The look of an infrared camera with its own lamp: no colour, pale flat skin, bright middle, dark edges, grain.

    Skin reflects near infrared strongly and evenly, so mid-tones are lifted and local contrast falls; light falls
    off from the middle as from a lamp beside the lens.
    """
    chosen = draws.chance(probability)
    lift, flat = draws.uniform(0.45, 0.8), draws.uniform(0.5, 0.9)
    falloff, grain = draws.uniform(0.2, 0.8), draws.uniform(0.01, 0.04)
    grey = _luma(x) if x.shape[1] == 3 else x
    y = grey.clamp(1e-4, 1.0) ** draws.column(lift)
    mean = y.mean(dim=(2, 3), keepdim=True)
    y = mean + (y - mean) * draws.column(flat)
    ruler = torch.linspace(-1, 1, x.shape[-1], device=x.device)
    distance = (ruler[None, :] ** 2 + ruler[:, None] ** 2)[None, None] / 2
    y = y * (1 - draws.column(falloff) * distance)
    y = (y + draws.normal_like(y) * draws.column(grain)).clamp(0.0, 1.0)
    return torch.where(draws.column(chosen), y.expand_as(x), x)


def shot_noise(x: Tensor, largest: float, draws: Draws) -> Tensor:
    """Photon noise: its variance rises with the light (Foi et al., 2008).

    Args:
        x: faces.
        largest: the greatest deviation at full light, on 0–1 pixels.
        draws: source of the random numbers.
    """
    strength = draws.column(draws.uniform(0, largest))
    return x + draws.normal_like(x) * strength * x.clamp_min(0.0).sqrt()


def compressed(x: Tensor, probability: float, draws: Draws) -> Tensor:
    """What JPEG leaves of a face, at a quality of 15 to 80. Done on the CPU, by a real encoder."""
    if probability <= 0:
        return x
    chosen, quality = draws.chance(probability), draws.uniform(15, 80)
    for row in torch.nonzero(chosen).flatten().tolist():
        pixels = (x[row].permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
        colour = cv2.IMREAD_GRAYSCALE if x.shape[1] == 1 else cv2.IMREAD_COLOR
        coded = cv2.imencode(".jpg", pixels[..., ::-1].copy(), [cv2.IMWRITE_JPEG_QUALITY, int(quality[row])])[1]
        plain = np.asarray(cv2.imdecode(coded, colour)).reshape(pixels.shape)[..., ::-1]
        x[row] = torch.from_numpy(plain.copy()).permute(2, 0, 1).to(x.device) / 255.0
    return x


def _luma(x: Tensor) -> Tensor:
    weights = torch.tensor(LUMA, device=x.device).view(1, 3, 1, 1)
    return (x * weights).sum(dim=1, keepdim=True)
