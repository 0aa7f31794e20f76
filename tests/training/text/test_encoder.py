"""The encoder: what it starts from, how it is narrowed, and that its graph says the same."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from mien.core.errors import WeightsError  # noqa: E402
from mien.training.text.data import pad  # noqa: E402
from mien.training.text.encoder import EncoderShape, TextEncoder, read_tensors, start_from_minilm  # noqa: E402
from mien.training.text.export import graph_logits, graphs  # noqa: E402
from mien.training.text.shrink import shrink  # noqa: E402
from mien.training.text.train import predict  # noqa: E402
from tests.training.text.toy import encoder  # noqa: E402

ROWS = [[2, *np.random.default_rng(n).integers(4, 40, 3 + n % 9).tolist(), 3] for n in range(40)]


def test_padding_changes_no_answer() -> None:
    network = encoder(40)
    ids, mask = pad([ROWS[0], ROWS[8]])
    together = network(ids, mask)[0]
    alone = network(*pad([ROWS[0]]))[0]
    torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-5)


def test_answers_come_in_the_order_of_the_texts() -> None:
    network = encoder(40)
    original, _ = predict(network, ROWS, size=7)
    np.testing.assert_allclose(original[11:12], predict(network, [ROWS[11]])[0], rtol=1e-4, atol=1e-5)


def test_the_graph_answers_as_the_network_does_and_eight_bits_nearly() -> None:
    network = encoder(40)
    made = graphs(network, ("original", "ekman"))
    expected = predict(network, ROWS)
    for head, logits in enumerate(graph_logits(made.plain, ROWS, ("original", "ekman"))):
        # Embeddings are in eight bits in both graphs.
        np.testing.assert_allclose(logits, expected[head], atol=0.1)
    small = graph_logits(made.small, ROWS, ("original", "ekman"))[0]
    assert np.corrcoef(small.ravel(), expected[0].ravel())[0, 1] > 0.99
    assert made.plain != made.small


def test_nothing_is_lost_by_taking_out_units_that_say_nothing() -> None:
    network = encoder(40)
    with torch.no_grad():
        for layer in network.layers:
            layer.get_parameter("widen.weight")[::2] = 0.0  # a constant activation
    small = shrink(network, ROWS, 16)
    assert small.shape.inner == 16
    np.testing.assert_allclose(predict(small, ROWS)[0], predict(network, ROWS)[0], atol=1e-4)


def safetensors(tensors: dict[str, np.ndarray]) -> bytes:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, values in tensors.items():
        raw = values.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def bert(layers: int = 1, width: int = 16, inner: int = 32) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(1).normal
    out = {
        "embeddings.word_embeddings.weight": draw(size=(40, width)),
        "embeddings.position_embeddings.weight": draw(size=(30, width)),
        "embeddings.token_type_embeddings.weight": draw(size=(2, width)),
        "embeddings.LayerNorm.weight": draw(size=width),
        "embeddings.LayerNorm.bias": draw(size=width),
    }
    for i in range(layers):
        for name, shape in (
            ("attention.self.query", (width, width)),
            ("attention.self.key", (width, width)),
            ("attention.self.value", (width, width)),
            ("attention.output.dense", (width, width)),
            ("attention.output.LayerNorm", (width,)),
            ("intermediate.dense", (inner, width)),
            ("output.dense", (width, inner)),
            ("output.LayerNorm", (width,)),
        ):
            out[f"encoder.layer.{i}.{name}.weight"] = draw(size=shape)
            out[f"encoder.layer.{i}.{name}.bias"] = draw(size=shape[0])
    return {name: values.astype(np.float32) for name, values in out.items()}


def test_the_published_weights_are_taken_over() -> None:
    source = bert()
    network = TextEncoder(EncoderShape(40, positions=24, width=16, layers=1, heads=2, inner=32), (28, 7))
    tensors = read_tensors(safetensors(source))
    start_from_minilm(network, tensors, tensors["embeddings.word_embeddings.weight"])
    kept = network.state_dict()
    np.testing.assert_array_equal(
        kept["layers.0.mix.weight"][16:32], source["encoder.layer.0.attention.self.key.weight"]
    )
    np.testing.assert_allclose(
        kept["positions.weight"][3],
        source["embeddings.position_embeddings.weight"][3] + source["embeddings.token_type_embeddings.weight"][0],
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    "content", [b"", b"\x05\0\0\0\0\0\0\0{}", struct.pack("<Q", 1 << 60) + b"{", b"PK\x03\x04" * 9]
)
def test_what_is_no_safetensors_file_is_told(content: bytes) -> None:
    with pytest.raises(WeightsError, match="not a safetensors file"):
        read_tensors(content)


def test_weights_that_lack_a_tensor_or_do_not_fit_are_told() -> None:
    network = TextEncoder(EncoderShape(40, positions=24, width=16, layers=1, heads=2, inner=32), (28, 7))
    tensors = {name: torch.from_numpy(values) for name, values in bert().items()}
    pieces = tensors["embeddings.word_embeddings.weight"]
    with pytest.raises(WeightsError, match="do not fit"):
        start_from_minilm(network, tensors, pieces[:, :8])
    del tensors["encoder.layer.0.output.dense.bias"]
    with pytest.raises(WeightsError, match=r"lack 'encoder\.layer\.0\.output\.dense\.bias'"):
        start_from_minilm(network, tensors, pieces)
