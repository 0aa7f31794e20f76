"""From weights to a text model folder: an ONNX graph in eight bits, its tokenizer, its calibration."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.labels import TextLabelSet
from mien.core.settings import InferenceSettings
from mien.inference import open_session
from mien.language.text_classifiers.text_folder import DOCUMENT, INPUT, HeadDocument, TextDocument
from mien.report.files import all_or_none, results_folder
from mien.training.text.calibrate import Calibration
from mien.training.text.data import FloatArray
from mien.training.text.encoder import Layer, TextEncoder

OPSET: Final = 17
DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Graphs:
    """A network as two serialised ONNX graphs of the same inputs and outputs: in floats, and in eight bits."""

    plain: bytes
    small: bytes


def graphs(network: TextEncoder, heads: Sequence[str]) -> Graphs:
    """One text's piece ids in, one output a head.

    Weights are quantised channel by channel to seven bits of eight, so that CPUs without VNNI do not saturate;
    activations are quantised as they come, tensor by tensor. Embeddings are eight bits with a scale a piece.
    """
    served = _Served(network).eval()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The newer exporter needs two more packages and gives the same graph.
        warnings.simplefilter("ignore")
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "small.onnx"
        torch.onnx.export(
            served,
            (torch.zeros(1, 9, dtype=torch.int64),),
            plain,
            input_names=[INPUT],
            output_names=list(heads),
            dynamic_axes={INPUT: {1: "length"}},
            opset_version=OPSET,
            dynamo=False,
        )
        from onnxruntime.quantization import QuantType, quantize_dynamic

        # It advises, through the root logger, a preparation that changes nothing in this graph.
        logging.getLogger().addFilter(_silence)
        quantize_dynamic(
            plain,
            small,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
        logging.getLogger().removeFilter(_silence)
        return Graphs(_bare(plain), _bare(small))


def graph_logits(content: bytes, rows: Sequence[Sequence[int]], heads: Sequence[str]) -> tuple[FloatArray, ...]:
    """float32 N×C of each head, as serving runs the graph: one text at a time."""
    session = open_session(content, "the exported text model", InferenceSettings(threads=1))
    outputs = [session.run(list(heads), {INPUT: np.asarray(row, np.int64)[None]}) for row in rows]
    return tuple(np.concatenate([output[head] for output in outputs]) for head in range(len(heads)))


def write_folder(
    folder: Path,
    graph: bytes,
    tokenizer: str,
    longest: int,
    heads: Mapping[TextLabelSet, Calibration],
    language: Literal["en"] | None,
) -> Path:
    """Write ``model.onnx``, ``tokenizer.json`` and ``text.json``: all of them, or none.

    Raises:
        OutputError: the folder cannot be written.
    """
    text = tokenizer.encode("utf-8")
    document = TextDocument(
        model_sha256=hashlib.sha256(graph).hexdigest(),
        tokenizer_sha256=hashlib.sha256(text).hexdigest(),
        longest=longest,
        language=language,
        heads={
            labels.name: HeadDocument(
                labels=labels.labels,
                scale=_rounded(fitted.scale),
                offset=_rounded(fitted.offset),
                thresholds=_rounded(fitted.thresholds),
            )
            for labels, fitted in heads.items()
        },
    )
    said = json.dumps(document.model_dump(mode="json"), indent=1) + "\n"
    with results_folder(folder), all_or_none(folder) as unfinished:
        (unfinished / "model.onnx").write_bytes(graph)
        (unfinished / "tokenizer.json").write_bytes(text)
        (unfinished / DOCUMENT).write_text(said, encoding="utf-8")
    return folder


class _Served(nn.Module):
    """The network as it is served: one whole text, no padding, no dropout, embeddings in eight bits."""

    def __init__(self, network: TextEncoder) -> None:
        super().__init__()
        weight = network.pieces.weight.detach()
        scale = weight.abs().amax(dim=1).clamp_min(1e-8) / 127
        self.register_buffer("pieces", (weight / scale[:, None]).round().to(torch.int8))
        self.register_buffer("scale", scale)
        self.network = network
        *whole, last = network.layers
        self.layers = nn.ModuleList(_ServedLayer(layer) for layer in whole)  # type: ignore[arg-type]
        self.last = _ServedLayer(last, rows=1)  # type: ignore[arg-type]

    def forward(self, ids: Tensor) -> tuple[Tensor, ...]:
        x = self.pieces[ids].float() * self.scale[ids][..., None]  # type: ignore[index]
        x = self.network.norm(x + self.network.positions.weight[: ids.shape[1]])
        for layer in self.layers:
            x = layer(x)
        pooled = torch.cat([self.last(x)[:, 0], x.mean(dim=1)], dim=1)
        return tuple(head(pooled) for head in self.network.heads)


class _ServedLayer(nn.Module):
    """A layer written so that ONNX Runtime is quick with it; at this size each of these is a tenth of the time.

    Sizes are numbers of the graph, not computed in it from its input. The scale of the dot products lies in the query's
    weights. What is added before a norm is subtracted with its sign turned: an addition there is fused into
    ``SkipLayerNormalization``, which takes three times as long as the two apart. Where only some places ask, their
    query is computed apart from key and value.
    """

    def __init__(self, layer: Layer, rows: int | None = None) -> None:
        super().__init__()
        self.layer = layer
        self.rows = rows
        self.width = width = layer.join.out_features
        self.split = (layer.heads, width // layer.heads)
        scale = torch.ones(3 * width, 1)
        scale[:width] = self.split[1] ** -0.5
        weight, bias = layer.mix.weight.detach() * scale, layer.mix.bias.detach() * scale[:, 0]
        self.mix, self.query, self.rest = (_linear(weight[p], bias[p]) for p in _parts(width))
        self.join, self.narrow = (
            _linear(-part.weight.detach(), -part.bias.detach()) for part in (layer.join, layer.narrow)
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.rows is None:
            asked = x
            parts = self.mix(x).split(self.width, dim=-1)
        else:
            asked = x[:, : self.rows]
            parts = (self.query(asked), *self.rest(x).split(self.width, dim=-1))
        q, k, v = (part.view(1, -1, *self.split).transpose(1, 2) for part in parts)
        seen = (q @ k.transpose(2, 3)).softmax(dim=-1) @ v
        y = self.layer.join_norm(asked - self.join(seen.transpose(1, 2).reshape(1, -1, self.width)))
        return torch.as_tensor(self.layer.norm(y - self.narrow(functional.gelu(self.layer.widen(y)))))


def _parts(width: int) -> tuple[slice, slice, slice]:
    """Rows of all three projections, of the query, and of key and value."""
    return slice(None), slice(0, width), slice(width, None)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0])
    made.load_state_dict({"weight": weight, "bias": bias})
    return made


def _silence(_record: logging.LogRecord) -> bool:
    return False


def _bare(path: Path) -> bytes:
    model = onnx.load(path)
    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
    return bytes(model.SerializeToString())


def _rounded(values: FloatArray) -> tuple[float, ...]:
    return tuple(round(float(value), DIGITS) for value in values)
