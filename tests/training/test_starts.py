"""What training starts from: read before anything takes long, and told in a sentence where it is no start."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

import yaml  # noqa: E402
from click.testing import CliRunner, Result  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from mien.cli import main  # noqa: E402
from mien.core.errors import InputError, MienError, SettingsError  # noqa: E402
from mien.core.faces import FaceDetector, Faces, UInt8Array  # noqa: E402
from mien.core.labels import CINEMA7, EMOTIONS, INDEXED7  # noqa: E402
from mien.training.architectures import build_network  # noqa: E402
from mien.training.start import Start, begin, read_start  # noqa: E402
from mien.training.state import write_checkpoint, write_label_map  # noqa: E402
from mien.training.train import Listener, train  # noqa: E402
from tests.training.toy import recipe  # noqa: E402


class Counting(FaceDetector):
    """Finds nobody, and counts where it was looked."""

    name = "counting"
    sha256 = "0" * 64
    looked = 0

    def _detect(self, image: UInt8Array) -> Faces:
        self.looked += 1
        return Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))


def graph(path: Path) -> Path:
    """An ONNX file, which is not what training starts from."""
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", [value], [value])), path)
    return path


def mien_train(plan: Path, out: Path) -> Result:
    return CliRunner().invoke(main, ["train", str(plan), "--out", str(out), "--device", "cpu"])


@pytest.mark.parametrize(
    ("start", "error", "said"),
    [
        ("absent", InputError, r"cannot read weights .*absent\.pt \(No such file"),
        ("graph", InputError, r"graph\.onnx cannot be read as weights: give a checkpoint of 'mien train'"),
        ("other", SettingsError, "of another network"),
    ],
)
def test_a_start_that_is_none_is_told_before_anything_is_read_or_made(
    start: str, error: type[MienError], said: str, tmp_path: Path
) -> None:
    path = graph(tmp_path / "graph.onnx") if start == "graph" else tmp_path / f"{start}.pt"
    if start == "other":
        torch.save(small(8, (4, 8)).state_dict(), path)
    for changes, pretrained in (({"start_from": path}, None), ({"pretrained": "named"}, path)):
        plan = recipe(tmp_path, **changes)
        plan.data.train.unlink()
        with pytest.raises(error, match=said) as told:
            train(plan, tmp_path / "run", None, pretrained=pretrained, device="cpu")
        assert "weights_only" not in str(told.value), "torch's advice to read files without its protection"
        assert not (tmp_path / "run").exists()


def test_a_start_and_its_name_are_given_together(tmp_path: Path) -> None:
    for changes, pretrained in (({}, tmp_path / "start.pt"), ({"pretrained": "named"}, None)):
        with pytest.raises(ValueError, match="both are given, or neither"):
            train(recipe(tmp_path, **changes), tmp_path / "run", None, pretrained=pretrained, device="cpu")


def test_wrong_class_weights_are_told_before_any_face_is_looked_for(tmp_path: Path) -> None:
    plan = recipe(tmp_path, data={"aligned_share": 0.5}, loss={"class_weights": {"joy": 2.0}})
    detector = Counting()
    with pytest.raises(SettingsError, match=r"loss\.class_weights"):
        train(plan, tmp_path / "run", detector, device="cpu")
    assert detector.looked == 0


@pytest.mark.parametrize("name", ["yunet-s", "minilm", "nothing"])
def test_registered_files_that_are_no_start_are_refused_by_name(name: str, tmp_path: Path) -> None:
    plan: dict[str, Any] = recipe(tmp_path).model_dump(mode="json") | {"pretrained": name}
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(plan))
    result = mien_train(tmp_path / "toy.yaml", tmp_path / "run")
    assert result.exit_code == SettingsError.exit_code
    assert f"'{name}' names no registered weights that training starts from" in result.output
    assert "mobilenetv2-imagenet" in result.output
    assert not (tmp_path / "run").exists()


ORDERS = ("neutral", "happiness", "sadness"), ("sadness", "neutral", "happiness")


def answers(network: nn.Module) -> Tensor:
    """What the last layer answers, a row a class: its weights and its offset."""
    last = network.get_submodule("head.3")
    rows: Tensor = torch.cat([last.get_parameter("weight"), last.get_parameter("bias")[:, None]], dim=1)
    return rows


def small(classes: int, widths: tuple[int, ...] = (8, 16), blocks: int = 1) -> nn.Module:
    return build_network("mien", classes, 1, {"widths": list(widths), "blocks": blocks})


@pytest.mark.parametrize(
    ("known", "own", "rows"),
    [
        (ORDERS[0], ORDERS[0], [0, 1, 2]),
        (ORDERS[0], ORDERS[1], [2, 0, 1]),
        (ORDERS[0], ("happiness", "neutral"), [1, 0]),
        (INDEXED7.labels, CINEMA7.labels, [3, 4, 5, 0, 2, 1, 6]),
        (("bored", "moved", "joy", "happy"), ("moved", "bored", "joy", "happy"), [1, 0, 2, 3]),
    ],
    ids=["the same", "another order", "some of them", "other words", "two words for one emotion"],
)
@pytest.mark.parametrize("blocks", [1, 2])
def test_answers_are_taken_over_by_the_names_of_their_classes(
    known: tuple[str, ...], own: tuple[str, ...], rows: list[int], blocks: int
) -> None:
    first, second = small(len(known)), small(len(own), blocks=blocks)
    assert begin(second, Start(Path("a.pt"), first.state_dict(), known), "head.", own) is None
    assert torch.equal(answers(second), answers(first)[rows])


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (("neutral", "happiness", "contempt"), "a.pt does not answer sadness"),
        (None, r"a.pt does not say its classes \(a label_map.json beside it can\)"),
        (("neutral", "happiness"), "does not say its classes"),
    ],
)
@pytest.mark.parametrize("widths", [(8, 16), (10, 20)], ids=["as wide", "pruned"])
def test_answers_begin_anew_where_classes_are_missing_or_unknown(
    known: tuple[str, ...] | None, why: str, widths: tuple[int, ...]
) -> None:
    first, second = small(3, widths), small(3)
    new = answers(second)
    told = begin(second, Start(Path("a.pt"), first.state_dict(), known), "head.", ORDERS[0])
    assert re.search(f"answers begin anew: .*{why}", told or "")
    assert torch.equal(answers(second), new)
    if widths == (8, 16):
        assert torch.equal(second.state_dict()["features.0.weight"], first.state_dict()["features.0.weight"])


@pytest.mark.parametrize(("given", "why"), [(64, "has answers of another shape"), (0, "has none of this network")])
def test_a_head_is_not_taken_over_by_halves(given: int, why: str) -> None:
    """An offset fits whatever the layer before it is like."""
    first, second = (build_network("mobilenetv2", 3, 1, {"width": 0.25, "head_width": w}) for w in (given, 32))
    new = {name: value.clone() for name, value in second.state_dict().items() if name.startswith("head.6.")}
    told = begin(second, Start(Path("a.pt"), first.state_dict(), ORDERS[0]), "head.", ORDERS[0])
    assert told == f"the head's answers begin anew: a.pt {why}"
    assert all(torch.equal(second.state_dict()[name], value) for name, value in new.items())


def test_a_start_s_classes_are_read_with_it(tmp_path: Path) -> None:
    plan, weights = recipe(tmp_path), small(3).state_dict()
    write_checkpoint(tmp_path / "ours.pt", plan, weights, ORDERS[1], 1)
    assert read_start(tmp_path / "ours.pt").labels == ORDERS[1]
    (tmp_path / "label_map.json").unlink()
    torch.save(weights, tmp_path / "alone.pt")
    assert read_start(tmp_path / "alone.pt").labels is None
    write_label_map(tmp_path, ORDERS[0])
    assert read_start(tmp_path / "alone.pt").labels == ORDERS[0]
    assert read_start(tmp_path / "ours.pt").labels == ORDERS[1], "its own come first"
    torch.save({"recipe": plan.model_dump(mode="json"), "weights": weights}, tmp_path / "old.pt")
    assert read_start(tmp_path / "old.pt").labels == EMOTIONS


def test_a_run_says_that_its_answers_begin_anew_once(tmp_path: Path) -> None:
    torch.save(build_network("mien", 8, 1, {"widths": [8, 16]}).state_dict(), tmp_path / "alone.pt")
    plan = recipe(tmp_path, start_from=tmp_path / "alone.pt", schedule={"epochs": 1})
    for times in (1, 0):
        told: list[str] = []
        train(plan, tmp_path / "run", None, Listener(note=told.append), resume=True, device="cpu")
        assert len([note for note in told if "answers begin anew" in note]) == times
