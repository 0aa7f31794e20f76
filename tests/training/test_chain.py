"""The whole chain: a recipe is trained, killed and resumed; its model is evaluated and exported in every format."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

import yaml  # noqa: E402
from click.testing import CliRunner  # noqa: E402

from mien.cli import main  # noqa: E402
from mien.conversion import tools  # noqa: E402
from mien.conversion.convert import FORMATS  # noqa: E402
from mien.core.errors import SettingsError  # noqa: E402
from mien.training.recipe import load_recipe  # noqa: E402
from tests.training.test_resume import killed  # noqa: E402
from tests.training.toy import recipe  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: object) -> str:
    """What a command that ended well wrote to standard output."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two epochs that was killed in the second and gone on with by the command."""
    folder = tmp_path_factory.mktemp("chain")
    changes = {"epochs": 2, "batch_size": 8, "average_decay": 0.8}
    plain = recipe(folder, schedule=changes).model_dump(mode="json")
    (folder / "toy.yaml").write_text(yaml.safe_dump(plain))
    killed(load_recipe(folder / "toy.yaml"), folder / "run", 2)
    assert not (folder / "run" / "toy").exists(), "the model folder comes after the last epoch"
    told = run("train", folder / "toy.yaml", "--out", folder / "run", "--resume", "--device", "cpu")
    assert "going on after epoch 1 of 2" in told
    assert f"model folder: {folder / 'run' / 'toy'}" in told
    return folder


def test_the_resumed_model_is_evaluated(resumed: Path) -> None:
    model, data = resumed / "run" / "toy", resumed / "valid.npz"
    told = json.loads(run("evaluate", model, data, "--json", "--no-speed", "--quiet"))
    assert told["data"]["faces"] == 80
    assert told["model"]["name"] == "toy"
    assert told["majority8"]["accuracy"] > 0.8


@pytest.mark.parametrize(
    "to", [f if f.startswith("onnx") else pytest.param(f, marks=pytest.mark.slow) for f in FORMATS]
)
def test_the_resumed_model_is_exported(to: str, resumed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not to.startswith("onnx"):
        with_tools(monkeypatch.setenv)
    model, faces = resumed / "run" / "toy", ("--data", resumed / "valid.npz", "--calibrate", resumed / "train.npz")
    told = json.loads(run("export", model, "--to", to, "--out", tmp_path / to, *faces, "--json"))
    assert told == json.loads((tmp_path / to / "export.json").read_text())
    assert told["comparison"]["labelled"] == 80
    assert told["comparison"]["label_agreement"] >= 0.97
    assert told["files"]


def with_tools(setenv: Callable[[str, str], None]) -> None:
    """Let TensorFlow's tools of the checkout be found; the test is skipped where they are not installed."""
    if tools.VARIABLE not in os.environ and (ROOT / tools.FOLDER / ".stamp").is_file():
        setenv(tools.VARIABLE, str(ROOT / tools.FOLDER))
    try:
        tools.find()
    except SettingsError as error:
        pytest.skip(str(error))
