"""A model folder in another format: what is written, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from mien.assembly import load_classifier
from mien.conversion import convert as module
from mien.conversion.convert import FORMATS, Conversion, Format, Origin, choose_faces, convert
from mien.core.errors import DisagreementError, OutputError, SettingsError, WeightsError
from mien.core.settings import InferenceSettings
from mien.evaluation.faces import VotedFaces, classify_pictures
from tests.conversion.nets import answering_nan, faces, folder, graph

IN_ONNX: tuple[Format, ...] = ("onnx", "onnx-fp16", "onnx-int8")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("models") / "small")


def converted(source: Path, to: Format, out: Path, **options: Any) -> Conversion:
    seen = faces(200, seed=2)
    return convert(source, to, out, choose_faces(to, seen, faces(120)), **options)


@pytest.mark.parametrize("to", IN_ONNX)
def test_the_result_is_a_model_folder_that_answers_as_its_source(source: Path, tmp_path: Path, to: Format) -> None:
    made = converted(source, to, tmp_path / "out")
    assert made.beyond == []
    assert made.comparison.faces == 120
    assert made.comparison.labelled == 120
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "export.json",
        "label_map.json",
        "model.onnx",
        "preprocess.json",
    }
    first, second = (
        classify_pictures(load_classifier(str(path), InferenceSettings()), faces(120).images)
        for path in (source, tmp_path / "out")
    )
    # Serving measures what the comparison measured: mirror, temperature and all.
    assert np.abs(first - second).max() == pytest.approx(made.comparison.largest_share_difference, abs=1e-3)
    assert (first.argmax(axis=1) == second.argmax(axis=1)).mean() == made.comparison.label_agreement


def test_the_report_has_every_figure(source: Path, tmp_path: Path) -> None:
    converted(source, "onnx-int8", tmp_path / "out")
    told = json.loads((tmp_path / "out" / "export.json").read_text())
    assert told["to"] == "onnx-int8"
    assert told["calibration_faces"] == 200
    assert told["bounds"] == {"label_agreement": 0.97, "mean_share_difference": 0.02, "accuracy_loss": 0.005}
    assert told["beyond_bounds"] == []
    assert list(told["files"]) == ["model.onnx"]
    described = json.loads((tmp_path / "out" / "preprocess.json").read_text())
    assert described["model_sha256"] == told["files"]["model.onnx"]
    for side in ("source", "target"):
        assert told["comparison"][side]["runtime"].startswith("ONNX Runtime")
        assert set(told["comparison"][side]["cpu_ms_per_face"]) == {"1", "8"}
        assert all(ms > 0 for ms in told["comparison"][side]["cpu_ms_per_face"].values())


def test_floats_are_held_to_a_closer_bound_than_integers(source: Path, tmp_path: Path) -> None:
    assert converted(source, "onnx", tmp_path / "a").bounds.label_agreement == 0.99
    assert converted(source, "onnx-int8", tmp_path / "b").bounds.label_agreement == 0.97
    assert converted(tmp_path / "b", "onnx", tmp_path / "c").bounds.label_agreement == 0.97


def test_one_that_disagrees_is_refused_and_nothing_is_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = broken_weights(source)
    monkeypatch.setattr(module, "in_half_floats", lambda model: broken)
    with pytest.raises(DisagreementError, match=r"not written: .* % of 120 faces get the label of the source.*--force"):
        converted(source, "onnx-fp16", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    made = converted(source, "onnx-fp16", tmp_path / "out", force=True)
    assert made.beyond
    assert json.loads((tmp_path / "out" / "export.json").read_text())["beyond_bounds"] == made.beyond


def broken_weights(source: Path) -> onnx.ModelProto:
    model = onnx.load(source / "model.onnx")
    for one in model.graph.initializer:
        if one.name == "w4":
            one.CopyFrom(onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(one), "w4"))
    return model


def test_another_origin_is_what_it_is_compared_with(source: Path, tmp_path: Path) -> None:
    """A checkpoint's network answers for itself; here one that is sure of the last class."""
    stubborn = Origin("another 1.0", lambda inputs: np.tile(np.eye(8, dtype=np.float32)[7] * 9, (len(inputs), 1)))
    with pytest.raises(DisagreementError):
        converted(source, "onnx", tmp_path / "out", origin=stubborn)
    made = converted(source, "onnx", tmp_path / "out", origin=stubborn, force=True)
    assert made.comparison.source.runtime == "another 1.0"


def test_a_folder_that_holds_something_is_left_alone(source: Path) -> None:
    before = (source / "model.onnx").read_bytes()
    with pytest.raises(OutputError, match="not empty"):
        converted(source, "onnx-fp16", source)
    assert (source / "model.onnx").read_bytes() == before


def test_a_graph_for_one_face_at_a_time_is_told(tmp_path: Path) -> None:
    model = graph()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    with pytest.raises(WeightsError, match="any number of faces at once"):
        converted(folder(tmp_path / "single", model), "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_graph_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"preprocess\.json"):
        converted(tmp_path / "empty", "onnx", tmp_path / "out")


@pytest.mark.parametrize("force", [False, True])
def test_a_source_that_answers_no_numbers_is_told(tmp_path: Path, force: bool) -> None:
    with pytest.raises(WeightsError, match="broken answers numbers that are no shares"):
        converted(answering_nan(tmp_path / "broken"), "onnx", tmp_path / "out", force=force)
    assert not (tmp_path / "out").exists()


def test_integers_need_faces_for_their_ranges() -> None:
    with pytest.raises(SettingsError, match="--calibrate"):
        choose_faces("onnx-int8", None, faces(50))
    with pytest.raises(SettingsError, match="--calibrate"):
        choose_faces("tflite-int8", None, faces(50))


def test_faces_that_showed_the_ranges_are_not_compared_where_there_are_others() -> None:
    seen = faces(300)
    chosen = choose_faces("onnx-int8", seen, None, calibration_faces=150)
    assert chosen.calibration is not None
    assert (len(chosen.calibration), len(chosen.compared)) == (150, 150)
    both = {one.tobytes() for one in chosen.calibration} & {one.tobytes() for one in chosen.compared}
    assert both == set()
    assert "--data" in choose_faces("onnx-int8", faces(80), None).told


def test_without_faces_pictures_are_made_up_and_it_is_said() -> None:
    chosen = choose_faces("onnx", None, None)
    assert chosen.truth is None
    assert "made-up" in chosen.told
    assert chosen.made_up
    assert chosen.compared.std() > 20


def test_labels_of_other_classes_are_not_scored() -> None:
    some = faces(40)
    other = VotedFaces(some.images, some.votes[:, :5], ("a", "b", "c"))
    assert choose_faces("onnx", None, other).truth is None


def test_the_command_offers_every_format() -> None:
    from mien.cli.export import FORMATS as OFFERED

    assert OFFERED == FORMATS
