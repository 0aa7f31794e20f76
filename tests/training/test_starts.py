"""What training starts from: read before anything takes long, and told in a sentence where it is no start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

import yaml  # noqa: E402
from click.testing import CliRunner, Result  # noqa: E402

from mien.cli import main  # noqa: E402
from mien.core.errors import InputError, MienError, SettingsError  # noqa: E402
from mien.core.faces import FaceDetector, Faces, UInt8Array  # noqa: E402
from mien.training.train import build_network, train  # noqa: E402
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
        torch.save(build_network(recipe(tmp_path, options={"widths": [4, 8]}), 8).state_dict(), path)
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
