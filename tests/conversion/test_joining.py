"""Several models as one graph: it answers what they answer in the mean, and only what fits is joined."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from onnx import helper, numpy_helper

from mien.classifiers.model_folder import ModelFolder, create
from mien.cli import main
from mien.conversion.joining import LEAST_SHARE, join
from mien.core.errors import OutputError, SettingsError, UnsupportedMediaError, WeightsError
from mien.core.faces import FloatArray, UInt8Array
from mien.core.settings import InferenceSettings
from mien.evaluation.faces import VotedFaces
from mien.models import bundled
from tests.conversion.nets import answering_nan, coloured_faces, described, graph, saved, seeing_colour
from tests.conversion.nets import folder as net
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


def answering_sigmoids(at: Path, seed: int, scale: float) -> Path:
    """A model folder whose graph answers each class for itself: rows sum to anything."""
    made = graph(seed)
    made.graph.node[-1].output[0] = "raw"
    made.graph.node.append(helper.make_node("Sigmoid", ["raw"], ["sure"]))
    made.graph.initializer.append(numpy_helper.from_array(np.array(scale, np.float32), "scale"))
    made.graph.node.append(helper.make_node("Mul", ["sure", "scale"], ["logits"]))
    return net(at, made, output="probabilities", mirror=False, temperature=1.0)


def test_members_that_answer_probabilities_weigh_alike_whatever_their_rows_sum_to(tmp_path: Path) -> None:
    folders = [answering_sigmoids(tmp_path / "one", 1, 1.0), answering_sigmoids(tmp_path / "other", 2, 0.01)]
    faces = np.random.default_rng(0).integers(0, 256, (5, 24, 24, 3), np.uint8)
    joined = model(join(folders, tmp_path / "both"))
    mean = np.mean([one.shares(one.logits(faces)) for one in map(model, folders)], axis=0)
    assert np.allclose(joined.shares(joined.logits(faces)), mean, atol=1e-5)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["models", "join", *map(str, arguments)])


def temperature(folder: Path) -> float:
    told = json.loads((folder / "preprocess.json").read_text(encoding="utf-8"))
    return float(told["temperature"])


def voted_as(one: ModelFolder, temperature: float) -> VotedFaces:
    """Faces whose votes go to the emotions in the shares that a model answers at a temperature."""
    images = pictures(cast(60)).images
    votes = np.round(200 * softmax(one.logits(images) / temperature))
    return VotedFaces(images, np.pad(votes, ((0, 0), (0, 2))).astype(np.uint8))


def test_the_temperature_is_fitted_to_votes(tmp_path: Path) -> None:
    """Votes in the shares that the ensemble answers at 1.7 are fitted by 1.7."""
    data = saved(tmp_path / "some.npz", voted_as(model(join(MEMBERS, tmp_path / "plain")), 1.7))
    done = run("mien-m", "mien-s", "--out", tmp_path / "both", "--data", data)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    assert temperature(tmp_path / "both") == pytest.approx(1.7, rel=0.03)
    assert model(tmp_path / "both").mirror


def test_pictures_in_folders_are_read_as_the_members_see_them(tmp_path: Path) -> None:
    """Members that tell red faces from blue ones are sure and right about all but the one that lies elsewhere.

    The best temperature follows: seven classes at the least share have that one's vote among 48 between them.
    """
    members = [seeing_colour(tmp_path / name) for name in ("one", "two")]
    data = coloured_faces(tmp_path / "faces")
    (data / "test" / "happy" / "test-0.png").rename(data / "test" / "sad" / "stray.png")
    done = run(*members, "--out", tmp_path / "both", "--data", data)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    assert temperature(tmp_path / "both") == pytest.approx(np.log(LEAST_SHARE) / np.log(1 / (7 * 47)), rel=0.01)


def test_a_temperature_that_ends_where_the_search_ends_is_told(tmp_path: Path) -> None:
    data = saved(tmp_path / "some.npz", voted_as(model(join(MEMBERS, tmp_path / "plain")), 9.0))
    done = run("mien-m", "mien-s", "--out", tmp_path / "both", "--data", data)
    assert done.exit_code == 0, done.output
    assert "some.npz ask for a temperature beyond 4.0" in done.stderr
    assert done.stdout == f"model folder: {tmp_path / 'both'}\n"
    assert temperature(tmp_path / "both") == pytest.approx(4.0, abs=1e-3)


def test_faces_that_nobody_named_fit_no_temperature(tmp_path: Path) -> None:
    votes = np.zeros((9, 10), np.uint8)
    votes[:, 8] = 10
    data = saved(tmp_path / "unknown.npz", VotedFaces(pictures(cast(9)).images, votes))
    done = run("mien-m", "mien-s", "--out", tmp_path / "both", "--data", data)
    assert done.exit_code == UnsupportedMediaError.exit_code
    assert "unknown.npz: no face of it has a vote for an emotion" in done.stderr
    assert not (tmp_path / "both").exists()


def test_members_that_answer_no_numbers_fit_no_temperature(tmp_path: Path) -> None:
    members = [net(tmp_path / "sound"), answering_nan(tmp_path / "broken")]
    with pytest.raises(WeightsError, match="one of sound, broken answers numbers that are no shares"):
        join(members, tmp_path / "both", pictures(cast(9)))
    assert not (tmp_path / "both").exists()


@pytest.mark.parametrize(
    "option", [("--part", "test"), ("--layout", "nonsense"), ("--labels", "a,b"), ("--label-map", "1=fear")]
)
def test_what_is_said_of_faces_that_are_not_named_is_refused(tmp_path: Path, option: tuple[str, str]) -> None:
    done = run("mien-m", "mien-s", "--out", tmp_path / "both", *option)
    assert done.exit_code == SettingsError.exit_code
    assert f"{option[0]} is of the faces of --data" in done.stderr
    assert not (tmp_path / "both").exists()


def test_a_model_that_is_only_described_joins_as_a_folder_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is fetched: its graph is nowhere."""
    name = described(seeing_colour(tmp_path / "theirs"), monkeypatch)
    (tmp_path / "theirs.onnx").unlink()
    done = run("mien-m", name, "--out", tmp_path / "both")
    assert done.exit_code == SettingsError.exit_code
    assert "'mien export theirs --to onnx --out DIR', and join that" in done.stderr


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
