"""Several models as one graph: it answers what they answer in the mean, and only what fits is joined."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mien.classifiers.model_folder import ModelFolder, create
from mien.cli import main
from mien.conversion.joining import join
from mien.core.errors import OutputError, SettingsError, UnsupportedMediaError
from mien.core.faces import FloatArray, UInt8Array
from mien.core.settings import InferenceSettings
from mien.models import bundled
from tests.evaluation.votes import cast, pictures

MEMBERS = [bundled()["mien-m"], bundled()["mien-s"]]


def model(folder: Path) -> ModelFolder:
    opened = create(folder, InferenceSettings(threads=1))
    assert isinstance(opened, ModelFolder)
    return opened


def softmax(x: FloatArray) -> FloatArray:
    raised = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def shares(one: ModelFolder, faces: UInt8Array) -> FloatArray:
    """Calibrated shares of one look at each face."""
    return softmax(one._session.run(None, {one._input: one.inputs(faces)})[0] / one._temperature)


def changed(folder: Path, file: str, **changes: object) -> Path:
    """A copy of a member that says something else of itself."""
    shutil.copytree(MEMBERS[1], folder)
    told = json.loads((folder / file).read_text(encoding="utf-8"))
    (folder / file).write_text(json.dumps(told | changes), encoding="utf-8")
    return folder


def test_it_answers_the_mean_of_its_members(tmp_path: Path) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 3), np.uint8)
    joined = model(join(MEMBERS, tmp_path / "both"))
    members = [model(folder) for folder in MEMBERS]
    looks = [faces, faces[:, :, ::-1]]
    mean = [np.mean([shares(one, look) for one in members], axis=0) for look in looks]
    assert joined.mirror, "one of them looks twice"
    assert np.allclose(softmax(joined.logits(faces)), softmax(np.mean(np.log(mean), 0)), atol=1e-5)
    assert joined.labels == members[0].labels
    assert joined.operating_points == {}, "a point that was chosen for a member is none of the ensemble"


def test_the_temperature_is_fitted_to_votes(tmp_path: Path) -> None:
    some = pictures(cast(60))
    np.savez(tmp_path / "some.npz", images=some.images, votes=some.votes)
    arguments = ["models", "join", "mien-m", "mien-s", "--out", tmp_path / "both", "--data", tmp_path / "some.npz"]
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "both" / "preprocess.json").read_text(encoding="utf-8"))
    assert told["temperature"] != 1.0
    assert model(tmp_path / "both").mirror


def test_what_does_not_fit_is_not_joined(tmp_path: Path) -> None:
    preprocess = json.loads((MEMBERS[1] / "preprocess.json").read_text(encoding="utf-8"))
    labels = json.loads((MEMBERS[1] / "label_map.json").read_text(encoding="utf-8"))["labels"]
    others = {
        "crop": changed(tmp_path / "c", "preprocess.json", crop=preprocess["crop"] | {"side": 2.0}),
        "input": changed(tmp_path / "i", "preprocess.json", input={"colour": "grey", "equalise": False}),
        "labels": changed(tmp_path / "l", "label_map.json", labels=labels[::-1]),
    }
    for what, other in others.items():
        with pytest.raises(SettingsError, match=f"cannot be joined: their {what} differ"):
            join([MEMBERS[0], other], tmp_path / "both")
    with pytest.raises(SettingsError, match="two members or more"):
        join(MEMBERS[:1], tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_votes_for_other_classes_fit_no_temperature(tmp_path: Path) -> None:
    some = pictures(cast(20))
    other = replace(some, labels=("moved", "bored"), votes=some.votes[:, :4])
    with pytest.raises(UnsupportedMediaError, match="its classes are moved, bored"):
        join(MEMBERS, tmp_path / "both", other)
    assert not (tmp_path / "both").exists()


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="is not empty"):
        join(MEMBERS, tmp_path)
    assert (tmp_path / "model.onnx").read_text(encoding="utf-8") == "mine"
