"""Mien's own family: small dense residual networks on grey faces, made for eight-bit CPUs.

Dense 3×3 convolutions do about twice the work per millisecond of depthwise ones in int8 on CPUs, so the family is a
plain pre-normalised residual network (He et al., 2016) with few, wide stages.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut.

    Args:
        inputs: channels in.
        outputs: channels out.
        stride: 2 halves the picture's sides.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """float32 N×inputs×H×W → N×outputs×H/stride×W/stride."""
        result: Tensor = self.activation(self.body(x) + self.shortcut(x))
        return result


class MienNet(nn.Module):
    """Grey faces to emotion logits.

    Args:
        classes: number of logits.
        widths: channels of each stage; every stage after the first halves the sides.
        blocks: residual blocks a stage.
        stem_stride: 2 starts at half the picture's sides.
        dropout: share of pooled features dropped in training, 0–1.
    """

    def __init__(
        self,
        classes: int,
        widths: Sequence[int] = (32, 64, 128, 256),
        blocks: int = 1,
        stem_stride: int = 2,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(1, widths[0], 3, stem_stride, 1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        channels = widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(ResidualBlock(channels, width, stride))
                channels = width
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """float32 N×1×S×S (normalised as ``preprocess.json`` says) → N×classes logits."""
        result: Tensor = self.head(self.features(x))
        return result


def build(classes: int, **options: object) -> nn.Module:
    """The network a recipe names; ``options`` are :class:`MienNet`'s arguments."""
    return MienNet(classes, **options)  # type: ignore[arg-type]
