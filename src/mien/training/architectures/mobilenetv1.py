"""MobileNet (Howard et al., 2017): depthwise convolutions, for starts from face recognition.

Without batch normalisation: the published weights that it starts from (registry entry ``faceres``) have theirs folded
into the kernels, and on two cores a step without it takes two thirds of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.training.architectures._options import SHARE, whole
from mien.training.architectures._start import take_over
from mien.training.architectures.mobilenetv2 import DepthwiseConvolution

HEAD = "head."
"""Prefix of the parameters that answer; the rest is the body that ``freeze`` holds still."""

STEM = 32
"""Channels of the first layer, whose stride is 2."""
STAGES = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)
"""Channels and stride of each pair of a depthwise and a pointwise convolution (table 1 of the paper)."""
LAYERS = 1 + 2 * len(STAGES)

OPTIONS = {"side": whole(32), "frozen": whole(0, LAYERS), "dropout": SHARE}


class MobileNetV1(nn.Module):
    """Faces to emotion logits.

    Args:
        classes: number of logits.
        channels: 3 for colour, 1 for grey (a colour start's kernels are then summed over the colours).
        side: to which the picture is enlarged before the first layer, pixels; None leaves it as it is. A multiple of 32
            plus 1 is halved five times without a border that is wider on one side.
        frozen: layers, from the first, that keep the weights they start with.
        dropout: share dropped before the answer in training, 0–1.
    """

    def __init__(
        self, classes: int, channels: int = 3, side: int | None = None, frozen: int = 0, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.side, self.frozen = side, frozen
        inputs = STEM
        layers: list[nn.Module] = [nn.Conv2d(channels, STEM, 3, 2, 1), nn.ReLU6(inplace=True)]
        for outputs, stride in STAGES:
            layers += [DepthwiseConvolution(inputs, inputs, 3, stride, 1, groups=inputs), nn.ReLU6(inplace=True)]
            layers += [nn.Conv2d(inputs, outputs, 1), nn.ReLU6(inplace=True)]
            inputs = outputs
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(inputs, classes)
        )

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Take over the body of such a network, and its head where it fits."""
        take_over(self, weights, HEAD, "features.0.weight")

    def forward(self, x: Tensor) -> Tensor:
        """float32 N×channels×S×S (normalised as ``preprocess.json`` says), S at least 32 where there is no ``side``
        → N×classes logits."""
        if self.side is not None:
            x = functional.interpolate(x, size=(self.side, self.side), mode="bilinear", align_corners=False)
        still = 2 * self.frozen
        with torch.no_grad() if still else nullcontext():
            x = self.features[:still](x)
        result: Tensor = self.head(self.features[still:](x))
        return result


def build(classes: int, **options: object) -> nn.Module:
    """The network a recipe names; ``options`` are :class:`MobileNetV1`'s arguments."""
    return MobileNetV1(classes, **options)  # type: ignore[arg-type]
