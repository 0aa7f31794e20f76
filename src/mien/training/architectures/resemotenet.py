"""ResEmoteNet (Roy et al., 2024): convolutions, squeeze and excitation, three widening residual blocks.

64×64×3 → three 3×3 convolutions of 64, 128 and 256 channels, each with batch normalisation, ReLU, 2×2 max-pooling and
dropout → squeeze-and-excitation (Hu et al., 2018) → residual blocks of 512, 1024 and 2048 channels, each halving the
sides → global average pooling → fully connected 1024, 512, 256, classes. 80 million parameters: a teacher, no server.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mien.training.architectures._options import SHARE
from mien.training.architectures._start import take_over
from mien.training.architectures.mien import ResidualBlock

HEAD = "head."
"""Prefix of the parameters that answer; the rest is the body that ``freeze`` holds still."""
OPTIONS = {"dropout": SHARE, "head_dropout": SHARE}
REDUCTION = 16


class SqueezeExcitation(nn.Module):
    """Weighs each channel by what all of them see.

    Args:
        channels: of the picture; a multiple of 16.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Linear(channels, channels // REDUCTION, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels // REDUCTION, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """float32 N×channels×H×W, scaled channel by channel."""
        weight: Tensor = self.gate(torch.mean(x, dim=(2, 3)))
        return x * weight[:, :, None, None]


class ResEmoteNet(nn.Module):
    """Faces to emotion logits; the softmax belongs to whoever reads them.

    Args:
        classes: number of logits.
        channels: 3 for colour, as published, or 1 for grey.
        dropout: share dropped after each convolution in training, 0–1.
        head_dropout: share dropped between fully connected layers in training, 0–1.
    """

    def __init__(self, classes: int = 7, channels: int = 3, dropout: float = 0.2, head_dropout: float = 0.5) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = channels
        for width in (64, 128, 256):
            layers += [
                nn.Conv2d(inputs, width, 3, padding=1),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
                nn.Dropout(dropout),
            ]
            inputs = width
        layers.append(SqueezeExcitation(inputs))
        for width in (512, 1024, 2048):
            layers.append(ResidualBlock(inputs, width, stride=2))
            inputs = width
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            *(
                layer
                for before, after in ((2048, 1024), (1024, 512), (512, 256))
                for layer in (nn.Linear(before, after), nn.ReLU(inplace=True), nn.Dropout(head_dropout))
            ),
            nn.Linear(256, classes),
        )

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Take over the weights of the same network, for these classes or others."""
        take_over(self, weights, HEAD, "features.0.weight")

    def forward(self, x: Tensor) -> Tensor:
        """float32 N×channels×S×S, S at least 64 → N×classes logits."""
        result: Tensor = self.head(self.features(x))
        return result


def build(classes: int, **options: object) -> nn.Module:
    """The network a recipe names; ``options`` are :class:`ResEmoteNet`'s arguments."""
    return ResEmoteNet(classes, **options)  # type: ignore[arg-type]
