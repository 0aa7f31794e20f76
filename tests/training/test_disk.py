"""A full disk, or a kill while files are written, costs no file that was whole and is told in a sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

import yaml  # noqa: E402
from click.testing import CliRunner, Result  # noqa: E402

from mien.classifiers.model_folder import create  # noqa: E402
from mien.cli import main  # noqa: E402
from mien.core.errors import OutputError  # noqa: E402
from mien.core.settings import InferenceSettings  # noqa: E402
from mien.training.framing import framings  # noqa: E402
from mien.training.state import CHECKPOINT, STATE  # noqa: E402
from mien.training.train import train  # noqa: E402
from tests.training.test_starts import Counting  # noqa: E402
from tests.training.toy import recipe  # noqa: E402

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(recipe(tmp_path, schedule={"epochs": 1}).model_dump(mode="json")))
    return path


def run(plan: Path) -> Result:
    arguments = ["train", str(plan), "--out", str(plan.parent / "run"), "--device", "cpu", "--resume"]
    return CliRunner().invoke(main, arguments)


def refuse(monkeypatch: pytest.MonkeyPatch, method: str, name: str, error: BaseException) -> None:
    """Let a way to write fail for files of a name."""
    write = getattr(Path, method)

    def refused(path: Path, *arguments: object, **options: object) -> object:
        if path.name == name:
            raise error
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, method, refused)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_disk_that_is_full_at_the_end_leaves_no_half_of_a_model(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = plan.parent / "run" / "toy"
    with monkeypatch.context() as full:
        refuse(full, "write_bytes", "model.onnx", FULL)
        result = run(plan)
    assert result.exit_code == OutputError.exit_code
    assert f"cannot write {folder}: the disk is full" in result.output
    assert not folder.exists()
    assert run(plan).exit_code == 0, "what was trained is there"
    create(folder, InferenceSettings())


@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()], ids=["full", "broken off"])
def test_a_model_that_cannot_be_replaced_stays_whole(
    error: BaseException, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(plan).exit_code == 0
    before = files(plan.parent / "run" / "toy")
    checkpoint = plan.parent / "run" / CHECKPOINT
    saved = torch.load(checkpoint, weights_only=True)
    saved["weights"] = {n: v * 2 if n.startswith("head.") else v for n, v in saved["weights"].items()}
    torch.save(saved, checkpoint)
    with monkeypatch.context() as broken:
        refuse(broken, "write_text", "preprocess.json", error)
        assert run(plan).exit_code != 0
    assert files(plan.parent / "run" / "toy") == before
    assert run(plan).exit_code == 0
    assert files(plan.parent / "run" / "toy")["model.onnx"] != before["model.onnx"]


def test_landmarks_and_states_that_do_not_fit_on_the_disk_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise FULL

    monkeypatch.setattr(np, "save", full)
    monkeypatch.setattr(torch, "save", full)
    aligned = recipe(tmp_path, data={"aligned_share": 0.5})
    (tmp_path / "landmarks").mkdir()
    with pytest.raises(OutputError, match=r"landmarks-yunet-2\.5-\w+\.npy: the disk is full"):
        framings(aligned, np.zeros((2, 48, 48), np.uint8), Counting(), tmp_path / "landmarks", print)
    assert files(tmp_path / "landmarks") == {}
    with pytest.raises(OutputError, match=r"state\.pt: the disk is full"):
        train(recipe(tmp_path), tmp_path / "run", None, device="cpu")
    assert set(files(tmp_path / "run")) == {"label_map.json"}


def test_what_a_killed_run_left_half_written_is_cleared_when_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / f".{STATE}.x7.partial").write_bytes(b"cut off while it was written")
    train(recipe(tmp_path, schedule={"epochs": 1}), tmp_path / "run", None, resume=True, device="cpu")
    assert not [name for name in files(tmp_path / "run") if name.startswith(".")]
