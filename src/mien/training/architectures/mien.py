"""Mien's own family: small dense residual networks on grey faces, made for eight-bit CPUs.

Dense 3×3 convolutions do about twice the work per millisecond of depthwise ones in int8 on CPUs, so the family is a
plain pre-normalised residual network (He et al., 2016) with few, wide stages.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

STEM_LAYERS = 3


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut.

    Args:
        inputs: channels in.
        outputs: channels out.
        stride: 2 halves the picture's sides.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        last_norm = nn.BatchNorm2d(outputs)
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            last_norm,
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
        self.blocks = blocks
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, classes)
        )

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Take over the weights of a network of the same widths with one block a stage, or of the same shape.

        A deeper network's further blocks begin as the identity (their last normalisation scales by zero), so that it
        starts where the shallow one ended (Chen et al., 2016, *Net2Net*).
        """
        if set(weights) == set(self.state_dict()):
            self.load_state_dict(weights)
            return
        moved = dict(self.state_dict())
        for name, value in weights.items():
            moved[self._deepened(name)] = value
        self.load_state_dict(moved)
        for position, layer in enumerate(self.features):
            if isinstance(layer, ResidualBlock) and (position - STEM_LAYERS) % self.blocks:
                nn.init.zeros_(layer.body.get_submodule("4").get_parameter("weight"))

    def _deepened(self, name: str) -> str:
        """Where a one-block network's parameter stands in this one: in the first block of its stage."""
        part, place, *rest = name.split(".")
        if part != "features" or int(place) < STEM_LAYERS:
            return name
        stage = int(place) - STEM_LAYERS
        return ".".join([part, str(STEM_LAYERS + stage * self.blocks), *rest])

    def forward(self, x: Tensor) -> Tensor:
        """float32 N×1×S×S (normalised as ``preprocess.json`` says) → N×classes logits."""
        result: Tensor = self.head(self.features(x))
        return result


def build(classes: int, **options: object) -> nn.Module:
    """The network a recipe names; ``options`` are :class:`MienNet`'s arguments."""
    return MienNet(classes, **options)  # type: ignore[arg-type]
