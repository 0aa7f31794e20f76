"""Mien's own family: small dense residual networks on grey faces, made for eight-bit CPUs.

Dense 3×3 convolutions do about twice the work per millisecond of depthwise ones in int8 on CPUs, so the family is a
plain pre-normalised residual network (He et al., 2016) with few, wide stages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor, nn

from mien.training.architectures._options import SHARE, whole, wholes
from mien.training.architectures._prune import ChannelGroup, pruned
from mien.training.architectures._start import take_over

HEAD = "head."
"""Prefix of the parameters that answer; the rest is the body that ``freeze`` holds still."""
OPTIONS = {"widths": wholes(1), "blocks": whole(1), "stem_stride": whole(1, 2), "dropout": SHARE}
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
        channels: of the picture: 1 for grey, 3 for colour.
    """

    def __init__(
        self,
        classes: int,
        widths: Sequence[int] = (32, 64, 128, 256),
        blocks: int = 1,
        stem_stride: int = 2,
        dropout: float = 0.2,
        channels: int = 1,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(channels, widths[0], 3, stem_stride, 1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        channels = widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(ResidualBlock(channels, width, stride))
                channels = width
        self.blocks, self.widths = blocks, tuple(widths)
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, classes)
        )

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Take over the weights of a network of the same widths with one block a stage, of the same shape, or wider.

        The head is taken over when it fits and stays as it is otherwise. A wider network is pruned: of each stage's
        channels those stay that its normalisations scale most.

        A deeper network's further blocks begin as the identity (their last normalisation scales by zero), so that it
        starts where the shallow one ended (Chen et al., 2016, *Net2Net*).
        """
        if set(weights) == set(self.state_dict()):
            take_over(self, pruned(weights, self._channels()), HEAD, "features.0.weight")
            return
        further = {n: v for n, v in self.state_dict().items() if self._is_further(n)}
        take_over(self, further | {self._deepened(n): v for n, v in weights.items()}, HEAD, "features.0.weight")
        for position, layer in enumerate(self.features):
            if isinstance(layer, ResidualBlock) and (position - STEM_LAYERS) % self.blocks:
                nn.init.zeros_(layer.body.get_submodule("4").get_parameter("weight"))

    def _channels(self) -> Iterator[ChannelGroup]:
        """The channels that a block makes for itself, and those that a stage's blocks add to."""
        for stage, width in enumerate(self.widths):
            first = STEM_LAYERS + stage * self.blocks
            blocks = [f"features.{first + block}" for block in range(self.blocks)]
            for block in blocks:
                yield ChannelGroup((f"{block}.body.1",), (f"{block}.body.0",), (f"{block}.body.3",), width)
            norms, makers = [f"{block}.body.4" for block in blocks], [f"{block}.body.3" for block in blocks]
            start = f"{blocks[0]}.shortcut." if stage else "features."
            readers = [f"{block}.body.0" for block in (blocks if stage == 0 else blocks[1:])]
            if stage + 1 < len(self.widths):
                following = f"features.{first + self.blocks}"
                readers += [f"{following}.body.0", f"{following}.shortcut.0"]
            else:
                readers.append("head.3")
            yield ChannelGroup([f"{start}1", *norms], [f"{start}0", *makers], readers, width)

    def _deepened(self, name: str) -> str:
        """Where a one-block network's parameter stands in this one: in the first block of its stage."""
        part, _, rest = name.partition(".")
        place, _, inside = rest.partition(".")
        # Other networks name the layers of their features: ``features.conv0.weight``.
        if part != "features" or not place.isdecimal() or int(place) < STEM_LAYERS:
            return name
        return f"{part}.{STEM_LAYERS + (int(place) - STEM_LAYERS) * self.blocks}.{inside}"

    def _is_further(self, name: str) -> bool:
        """Whether a parameter of this network belongs to a block that a one-block network lacks."""
        part, _, rest = name.partition(".")
        block = int(rest.partition(".")[0]) - STEM_LAYERS if part == "features" else 0
        return block > 0 and block % self.blocks > 0

    def forward(self, x: Tensor) -> Tensor:
        """float32 N×channels×S×S (normalised as ``preprocess.json`` says) → N×classes logits."""
        result: Tensor = self.head(self.features(x))
        return result


def build(classes: int, **options: object) -> nn.Module:
    """The network a recipe names; ``options`` are :class:`MienNet`'s arguments."""
    return MienNet(classes, **options)  # type: ignore[arg-type]
