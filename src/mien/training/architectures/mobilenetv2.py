"""MobileNetV2 (Sandler et al., 2018): inverted residuals with depthwise convolutions, for starts from ImageNet.

Parameters are named as in the weights that are published for ImageNet (registry entry ``mobilenetv2-imagenet``), so
those load as they are. Made for 224, 128, 112 or 64 pixels; below 112 a stem stride of 1 keeps enough of the face.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.training.architectures._options import POSITIVE, SHARE, whole
from mien.training.architectures._start import take_over

HEAD = "head."
"""Prefix of the parameters that answer; the rest is the body that ``freeze`` holds still."""
OPTIONS = {
    "width": POSITIVE,
    "stem_stride": whole(1, 2),
    "head_width": whole(0),
    "dropout": SHARE,
    "enlarge": whole(1),
}

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks and stride of each stage (table 2 of the paper)."""
FEATURES = 1280


def _rounded(channels: float) -> int:
    """The nearest multiple of 8 that is not over a tenth below, as the authors' widths are rounded."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


class DepthwiseConvolution(nn.Conv2d):
    """A kernel for each channel, in float32 on a CPU even where the rest is in bfloat16: oneDNN's gradient of bfloat16
    depthwise kernels takes longer than all other layers together."""

    def forward(self, x: Tensor) -> Tensor:
        """N×channels×H×W → N×channels×H/stride×W/stride, of the same type."""
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(x.dtype)


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    kind = DepthwiseConvolution if groups == inputs else nn.Conv2d
    return nn.Sequential(
        kind(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Widen, look at each channel, narrow; with a shortcut where the shape stays.

    Args:
        inputs: channels in.
        outputs: channels out.
        stride: 2 halves the sides.
        expansion: how much wider the middle is.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = inputs * expansion
        widen = [] if expansion == 1 else [_convolution(inputs, middle, 1)]
        self.conv = nn.Sequential(
            *widen,
            _convolution(middle, middle, 3, stride, groups=middle),
            nn.Conv2d(middle, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """float32 N×inputs×H×W → N×outputs×H/stride×W/stride."""
        y: Tensor = self.conv(x)
        return x + y if self.shortcut else y


class MobileNetV2(nn.Module):
    """Faces to emotion logits.

    Args:
        classes: number of logits.
        channels: 3 for colour, 1 for grey (ImageNet's kernels are then summed over the colours).
        width: factor on every stage's channels; ImageNet's weights are for 1.
        stem_stride: 2 as published; 1 keeps the full sides, for small faces.
        head_width: units of a hidden layer with batch normalisation and ReLU; 0 answers from the pooled features.
        dropout: share dropped before the answer in training, 0–1.
        enlarge: factor on the picture's sides before the first layer: ImageNet's kernels are made for larger detail
            than that of faces in 48 pixels.
    """

    def __init__(
        self,
        classes: int,
        channels: int = 3,
        width: float = 1.0,
        stem_stride: int = 2,
        head_width: int = 512,
        dropout: float = 0.2,
        enlarge: int = 1,
    ) -> None:
        super().__init__()
        self.enlarge = enlarge
        inputs = _rounded(32 * width)
        layers: list[nn.Module] = [_convolution(channels, inputs, 3, stem_stride)]
        for expansion, plain, blocks, stride in STAGES:
            outputs = _rounded(plain * width)
            for block in range(blocks):
                layers.append(InvertedResidual(inputs, outputs, stride if block == 0 else 1, expansion))
                inputs = outputs
        last = _rounded(FEATURES * max(1.0, width))
        layers.append(_convolution(inputs, last, 1))
        self.features = nn.Sequential(*layers)
        hidden: list[nn.Module] = []
        if head_width:
            hidden = [nn.Linear(last, head_width, bias=False), nn.BatchNorm1d(head_width), nn.ReLU(inplace=True)]
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), *hidden, nn.Dropout(dropout), nn.Linear(head_width or last, classes)
        )

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Take over the body of a network of the same width, ImageNet's or ours, and its head where it fits."""
        take_over(self, weights, HEAD, "features.0.0.weight")

    def forward(self, x: Tensor) -> Tensor:
        """float32 N×channels×S×S (normalised as ``preprocess.json`` says), S × ``enlarge`` at least 32 → N×classes
        logits."""
        if self.enlarge > 1:
            x = functional.interpolate(x, scale_factor=self.enlarge, mode="bilinear", align_corners=False)
        result: Tensor = self.head(self.features(x))
        return result


def build(classes: int, **options: object) -> nn.Module:
    """The network a recipe names; ``options`` are :class:`MobileNetV2`'s arguments."""
    return MobileNetV2(classes, **options)  # type: ignore[arg-type]
