"""What every classifier owes: the shipped models, and the backend that runs model folders."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from mien import weights
from mien.assembly import find_classifier, load_classifier
from mien.classifiers.model_folder import create
from mien.core import plugins
from mien.core.errors import InputError, WeightsError
from mien.core.faces import EmotionClassifier, FaceCrops
from mien.core.labels import EMOTIONS
from mien.core.settings import PROFILES, InferenceSettings, Profile
from mien.models import bundled, described


@pytest.fixture(scope="module", params=sorted(bundled()))
def classifier(request: pytest.FixtureRequest) -> EmotionClassifier:
    return load_classifier(request.param, InferenceSettings())


def crops(classifier: EmotionClassifier, count: int) -> FaceCrops:
    side = classifier.geometry.size
    pixels = np.random.default_rng(count).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return FaceCrops(pixels, np.ones(count, np.float32))


def test_there_is_a_backend_and_a_shipped_model() -> None:
    assert "model_folder" in plugins.available("classifiers")
    assert {"mien-l", "mien-m", "mien-s"} <= set(bundled())


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda one: one.name)
def test_every_profile_names_one_that_ships(profile: Profile) -> None:
    folder = bundled()[profile.classifier]
    points = json.loads((folder / "preprocess.json").read_text(encoding="utf-8"))["operating_points"]
    assert profile.smoothing.operating_point in ("plain", *points)


@pytest.mark.parametrize("name", plugins.available("classifiers"))
def test_a_plug_in_creates(name: str) -> None:
    assert callable(plugins.load("classifiers", name).create)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 33])
def test_any_batch_gives_distributions(classifier: EmotionClassifier, count: int) -> None:
    scores = classifier.classify(crops(classifier, count))
    assert scores.probabilities.shape == (count, len(EMOTIONS))
    assert scores.probabilities.dtype == np.float32
    assert (scores.probabilities >= 0).all()
    assert scores.probabilities.sum(axis=1) == pytest.approx(np.ones(count), abs=1e-4)


def test_a_face_does_not_depend_on_its_company(classifier: EmotionClassifier) -> None:
    many = crops(classifier, 11)
    together = classifier.classify(many).probabilities
    for row in (0, 5, 10):
        alone = classifier.classify(FaceCrops(many.pixels[row : row + 1], many.quality[:1])).probabilities
        assert alone[0] == pytest.approx(together[row], abs=1e-5)


def test_a_crop_of_the_wrong_size_is_refused(classifier: EmotionClassifier) -> None:
    wrong = np.zeros((1, 17, 17, 3), np.uint8)
    with pytest.raises(ValueError, match="17"):
        classifier.classify(FaceCrops(wrong, np.ones(1, np.float32)))


def test_a_grey_crop_reads_as_its_coloured_copy(classifier: EmotionClassifier) -> None:
    coloured = crops(classifier, 3)
    grey = coloured.pixels[..., 0]
    copy = FaceCrops(np.repeat(grey[..., None], 3, axis=3), coloured.quality)
    assert classifier.colour == "grey"
    assert np.array_equal(
        classifier.classify(FaceCrops(grey, coloured.quality)).probabilities, classifier.classify(copy).probabilities
    )


def test_a_black_crop_is_no_nan(classifier: EmotionClassifier) -> None:
    side = classifier.geometry.size
    black = FaceCrops(np.zeros((1, side, side, 3), np.uint8), np.ones(1, np.float32))
    assert np.isfinite(classifier.classify(black).probabilities).all()


@pytest.mark.parametrize("name", sorted(bundled()))
def test_a_shipped_model_answers_alike_on_cpus_without_vnni(name: str) -> None:
    """These add two products at a time in 16 bits (``VPMADDUBSW``) and cut what does not fit, whatever the face."""
    graph = onnx.load(bundled()[name] / "model.onnx").graph
    stored = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    kernels = [array for array in stored.values() if array.dtype == np.int8 and array.ndim > 1]
    points = [stored[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert kernels
    assert points
    assert {point.dtype for point in points} == {np.dtype(np.uint8)}
    heaviest = max(int(np.abs(kernel.astype(int)).max()) for kernel in kernels)
    assert 2 * heaviest * np.iinfo(np.uint8).max <= np.iinfo(np.int16).max


@pytest.mark.parametrize("name", sorted(bundled()))
def test_a_shipped_model_has_a_balanced_point(name: str) -> None:
    point = load_classifier(name, InferenceSettings()).operating_points["balanced"]
    assert point.offsets[EMOTIONS.index("fear")] > point.offsets[EMOTIONS.index("neutral")]
    assert point.reason


def test_a_folder_that_says_nothing_of_operating_points_has_none(folder: Path) -> None:
    preprocess = json.loads((folder / "preprocess.json").read_text())
    del preprocess["operating_points"]
    (folder / "preprocess.json").write_text(json.dumps(preprocess))
    assert dict(create(folder, InferenceSettings()).operating_points) == {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped model that a test may damage."""
    return Path(shutil.copytree(bundled()["mien-m"], tmp_path / "mine"))


def test_a_users_own_folder(folder: Path) -> None:
    mine = load_classifier(str(folder), InferenceSettings())
    assert mine.name == "mine"
    assert mine.sha256 == hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", sorted(described()))
def test_a_model_of_others_is_described_as_the_registry_has_it(name: str) -> None:
    entry = weights.registry()[name]
    assert entry.kind is weights.Kind.CLASSIFIER
    preprocess = json.loads((described()[name] / "preprocess.json").read_text())
    assert preprocess["model_sha256"] == entry.sha256
    assert "not shipped" in entry.terms
    assert f"{preprocess['crop']['size']}×{preprocess['crop']['size']}" in entry.input


@pytest.mark.parametrize("name", sorted(described()))
def test_a_model_of_others_that_cannot_be_had_is_an_error_that_names_its_address(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MIEN_OFFLINE", "1")
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path))
    monkeypatch.delenv("MIEN_MODELS", raising=False)
    with pytest.raises(WeightsError, match="https://") as caught:
        load_classifier(name, InferenceSettings())
    assert weights.registry()[name].file in str(caught.value)


@pytest.mark.parametrize("name", sorted(described()))
def test_the_files_of_a_model_of_others_are_told_without_fetching(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_OFFLINE", "1")
    files = find_classifier(name)
    assert (files.folder, files.registered) == (described()[name], name)
    shipped = find_classifier("mien-m")
    assert (shipped.graph(), shipped.registered) == (bundled()["mien-m"] / "model.onnx", None)


def test_a_graph_of_others_is_run_as_its_folder_describes_it(tmp_path: Path) -> None:
    """Ten outputs, of which the last two are no emotions', from a graph that lies elsewhere."""
    logits = np.array([[1, 0, 0, 4, 0, 0, 0, 0, 90, -90]], np.float32)
    image = onnx.helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, ["N", 3, 224, 224])
    out = onnx.helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, ["N", 10])
    nodes = [
        onnx.helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
        onnx.helper.make_node("Flatten", ["mean"], ["flat"]),
        onnx.helper.make_node("Gemm", ["flat", "weight", "bias"], ["output"]),
    ]
    constants = [
        onnx.numpy_helper.from_array(np.zeros((3, 10), np.float32), "weight"),
        onnx.numpy_helper.from_array(logits[0], "bias"),
    ]
    graph = onnx.helper.make_graph(nodes, "made", [image], [out], constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    content = model.SerializeToString()
    folder = Path(shutil.copytree(described()["hsemotion-enet-b0-8-va"], tmp_path / "theirs"))
    with pytest.raises(WeightsError, match="is not the model its preprocess"):
        create(folder, InferenceSettings(), content)
    preprocess = json.loads((folder / "preprocess.json").read_text())
    preprocess["model_sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "preprocess.json").write_text(json.dumps(preprocess))
    theirs = create(folder, InferenceSettings(), content)
    shares = theirs.classify(crops(theirs, 2)).probabilities
    assert shares.sum(axis=1) == pytest.approx([1, 1])
    assert [EMOTIONS[column] for column in shares.argmax(axis=1)] == ["fear", "fear"]
    expected = np.exp(4) / (np.exp(4) + np.exp(1) + 6)
    assert shares[:, EMOTIONS.index("fear")] == pytest.approx([expected] * 2, rel=1e-4)


def test_label_map_decides_the_order(folder: Path) -> None:
    """A checkpoint's own names and order lead to the same canonical columns."""
    canonical = load_classifier("mien-m", InferenceSettings())
    faces = crops(canonical, 4)
    (folder / "label_map.json").write_text(
        json.dumps({"labels": ["Happy", "neutral", "surprised", "sad", "angry", "disgust", "fear", "contempt"]})
    )
    swapped = create(folder, InferenceSettings()).classify(faces).probabilities
    expected = canonical.classify(faces).probabilities[:, [1, 0, 2, 3, 4, 5, 6, 7]]
    assert swapped == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("model.onnx", b"damaged", "damaged or was replaced"),
        ("preprocess.json", b"{", "not JSON"),
        ("preprocess.json", b'{"crop": {"size": -3}}', "crop.size"),
        (
            "preprocess.json",
            b'{"operating_points": {"balanced": {"strength": 0.4, "prior": {"fear": 0.5}}}}',
            "operating_points.balanced: .*a share of each",
        ),
        ("label_map.json", b'{"labels": ["happy", "bored"]}', "bored"),
        ("label_map.json", b'{"labels": ["happy", "sad"]}', "outputs"),
        ("label_map.json", None, "cannot read"),
    ],
)
def test_a_damaged_folder_is_refused_with_the_reason(folder: Path, file: str, content: bytes | None, says: str) -> None:
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(WeightsError, match=says):
        create(folder, InferenceSettings())


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(InputError, match="mien-m"):
        load_classifier("no-such-model", InferenceSettings())
