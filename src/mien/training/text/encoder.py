"""The text encoder: a BERT of six small layers (MiniLM, Wang et al., 2020) with one head for each label set.

Written out in plain modules, so that no transformer library is needed to train it and its ONNX graph is small.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.errors import WeightsError


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """Sizes of an encoder; the defaults are MiniLM-L6-H384's."""

    pieces: int
    positions: int = 96
    width: int = 384
    layers: int = 6
    heads: int = 12
    inner: int = 1536


class Layer(nn.Module):
    """Self-attention and a feed-forward block, each followed by its residual and norm (post-norm, as BERT)."""

    def __init__(self, shape: EncoderShape, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.heads = shape.heads
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.mix = nn.Linear(shape.width, 3 * shape.width)  # query, key, value
        self.join = nn.Linear(shape.width, shape.width)
        self.join_norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.widen = nn.Linear(shape.width, shape.inner)
        self.narrow = nn.Linear(shape.inner, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)

    def forward(self, x: Tensor, bias: Tensor | None, rows: int | None = None) -> Tensor:
        """float32 N×L×width of the same, or of the first ``rows`` places only (they still attend to all)."""
        batch, length, width = x.shape
        mixed = functional.linear(x, self.mix.weight[width:], self.mix.bias[width:])
        k, v = mixed.view(batch, length, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        x = x[:, :rows]
        q = functional.linear(x, self.mix.weight[:width], self.mix.bias[:width])
        q = q.view(batch, -1, self.heads, width // self.heads).transpose(1, 2)
        dropout = self.attention_dropout if self.training else 0.0
        seen = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout)
        joined = self.join(seen.transpose(1, 2).reshape(batch, -1, width))
        x = self.join_norm(x + functional.dropout(joined, self.dropout, self.training))
        inner = self.narrow(functional.gelu(self.widen(x)))
        return torch.as_tensor(self.norm(x + functional.dropout(inner, self.dropout, self.training)))


class TextEncoder(nn.Module):
    """Piece ids to one logit a label.

    ``forward(ids, mask)`` takes int64 N×L ids and an int64 N×L mask (1 for a piece, 0 for padding) and returns a tuple
    of float32 N×C logits, one for each head in the order given. The heads see the opening piece after the last layer
    and the mean over pieces before it: so the last layer is computed for one place only, a seventh of the work saved.
    """

    def __init__(
        self, shape: EncoderShape, heads: Sequence[int], dropout: float = 0.1, attention_dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.shape = shape
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.pieces = nn.Embedding(shape.pieces, shape.width)
        self.positions = nn.Embedding(shape.positions, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.layers = nn.ModuleList(Layer(shape, dropout, attention_dropout) for _ in range(shape.layers))
        self.heads = nn.ModuleList(nn.Linear(2 * shape.width, labels) for labels in heads)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """float32 N×C logits of each head."""
        length = ids.shape[1]
        x = self.norm(self.pieces(ids) + self.positions.weight[:length])
        x = functional.dropout(x, self.dropout, self.training)
        kept = mask.to(x.dtype)
        bias = (1.0 - kept)[:, None, None, :] * -1e4
        for layer in self.layers[:-1]:
            x = layer(x, bias)
        weight = kept[:, :, None]
        mean = (x * weight).sum(dim=1) / weight.sum(dim=1)
        first = self.layers[-1](x, bias, rows=1)[:, 0]
        pooled = functional.dropout(torch.cat([first, mean], dim=1), self.dropout, self.training)
        return tuple(head(pooled) for head in self.heads)


def read_tensors(content: bytes) -> dict[str, Tensor]:
    """The float32 tensors of a safetensors file by name.

    The format: eight bytes with the length of a JSON header, the header (dtype, shape and byte range of each tensor),
    the data.

    Raises:
        WeightsError: not such a file.
    """
    try:
        (length,) = struct.unpack_from("<Q", content)
        if 8 + length > len(content):
            raise ValueError("it ends before its header does")
        header = json.loads(content[8 : 8 + length])
        data = memoryview(content)[8 + length :]
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__" or entry["dtype"] != "F32":
                continue
            start, end = entry["data_offsets"]
            values = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"])
            tensors[name] = torch.from_numpy(values.copy())
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"the encoder's weights are not a safetensors file: {error}") from error
    return tensors


def start_from_minilm(network: TextEncoder, tensors: Mapping[str, Tensor], pieces: Tensor) -> None:
    """Copy the published encoder into ``network``; its heads keep their random start.

    Args:
        network: to be filled.
        tensors: of the published file (BERT's names).
        pieces: float32 V×width, the embeddings of the network's own vocabulary (see ``vocabulary.py``).

    Raises:
        WeightsError: a tensor is missing or has another shape.
    """
    state: dict[str, Tensor] = {"pieces.weight": pieces}
    try:
        # Every comment is one sentence of type 0: its embedding is a constant and is added to the positions.
        kind = tensors["embeddings.token_type_embeddings.weight"][0]
        state["positions.weight"] = tensors["embeddings.position_embeddings.weight"][: network.shape.positions] + kind
        for part in ("weight", "bias"):
            state[f"norm.{part}"] = tensors[f"embeddings.LayerNorm.{part}"]
            for index in range(network.shape.layers):
                source, target = f"encoder.layer.{index}", f"layers.{index}"
                mixed = [tensors[f"{source}.attention.self.{name}.{part}"] for name in ("query", "key", "value")]
                state[f"{target}.mix.{part}"] = torch.cat(mixed)
                for ours, theirs in (
                    ("join", "attention.output.dense"),
                    ("join_norm", "attention.output.LayerNorm"),
                    ("widen", "intermediate.dense"),
                    ("narrow", "output.dense"),
                    ("norm", "output.LayerNorm"),
                ):
                    state[f"{target}.{ours}.{part}"] = tensors[f"{source}.{theirs}.{part}"]
    except KeyError as error:
        raise WeightsError(f"the encoder's weights lack {error}") from error
    try:
        unused = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise WeightsError(f"the encoder's weights do not fit: {error}") from error
    if unused.unexpected_keys or any(not key.startswith("heads.") for key in unused.missing_keys):
        raise WeightsError(f"the encoder's weights do not fit: {unused}")
