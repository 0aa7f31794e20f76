"""ResNet-50 (He et al., 2016), with the stride in the middle convolution of a block, as its common weights have it.

Parameters are named as in the weights that are published for ImageNet; bring such a file with ``start_from``.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from mien.training.architectures._options import SHARE, whole
from mien.training.architectures._start import take_over

HEAD = "fc."
"""Prefix of the parameters that answer; the rest is the body that ``freeze`` holds still."""
OPTIONS = {"stem_stride": whole(1, 2), "dropout": SHARE}

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Inner channels, blocks and stride of each stage (table 1 of the paper)."""
EXPANSION = 4


class Bottleneck(nn.Module):
    """Narrow, look, widen, around a shortcut.

    Args:
        inputs: channels in.
        inner: channels of the 3×3 convolution; four times as many come out.
        stride: 2 halves the sides.
    """

    def __init__(self, inputs: int, inner: int, stride: int) -> None:
        super().__init__()
        outputs = inner * EXPANSION
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """float32 N×inputs×H×W → N×4·inner×H/stride×W/stride."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        result: Tensor = self.relu(self.bn3(self.conv3(y)) + self.downsample(x))
        return result


class ResNet50(nn.Module):
    """Faces to emotion logits.

    Args:
        classes: number of logits.
        channels: 3 for colour, 1 for grey (a colour start's kernels are then summed over the colours).
        stem_stride: 2 as published, followed by max-pooling; 1 leaves out both, for faces under 112 pixels.
        dropout: share dropped before the answer in training, 0–1.
    """

    def __init__(self, classes: int, channels: int = 3, stem_stride: int = 2, dropout: float = 0.2) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 7, stem_stride, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool: nn.Module = nn.MaxPool2d(3, 2, 1) if stem_stride == 2 else nn.Identity()
        inputs = 64
        for number, (inner, blocks, stride) in enumerate(STAGES, start=1):
            stage = []
            for block in range(blocks):
                stage.append(Bottleneck(inputs, inner, stride if block == 0 else 1))
                inputs = inner * EXPANSION
            self.add_module(f"layer{number}", nn.Sequential(*stage))
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
        self.fc = nn.Linear(inputs, classes)

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Take over the body of a ResNet-50, ImageNet's or ours, and its head where it fits."""
        take_over(self, weights, HEAD, "conv1.weight")

    def forward(self, x: Tensor) -> Tensor:
        """float32 N×channels×S×S (normalised as ``preprocess.json`` says), S at least 32 → N×classes logits."""
        y = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for number in range(1, len(STAGES) + 1):
            y = self.get_submodule(f"layer{number}")(y)
        result: Tensor = self.fc(self.pool(y))
        return result


def build(classes: int, **options: object) -> nn.Module:
    """The network a recipe names; ``options`` are :class:`ResNet50`'s arguments."""
    return ResNet50(classes, **options)  # type: ignore[arg-type]
