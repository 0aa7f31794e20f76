"""The workshop on a handful of faces: a recipe becomes a checkpoint, a curve and a model folder that serves."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

import yaml  # noqa: E402
from click.testing import CliRunner  # noqa: E402
from torch import Tensor  # noqa: E402

from mien.classifiers.model_folder import create  # noqa: E402
from mien.cli import main  # noqa: E402
from mien.core.errors import DeviceError, InputError, SettingsError  # noqa: E402
from mien.core.faces import FaceCrops  # noqa: E402
from mien.core.labels import EMOTIONS  # noqa: E402
from mien.core.settings import InferenceSettings  # noqa: E402
from mien.evaluation.faces import classify_pictures, load_voted_faces, resized  # noqa: E402
from mien.evaluation.protocols import majority_truth  # noqa: E402
from mien.training.export import calibration_faces, export  # noqa: E402
from mien.training.recipe import FreezeSection, Recipe, load_recipe  # noqa: E402
from mien.training.score import predict_logits  # noqa: E402
from mien.training.start import begin, read_start  # noqa: E402
from mien.training.state import read_checkpoint  # noqa: E402
from mien.training.train import EpochReport, Listener, build_network, train  # noqa: E402
from tests.training.toy import recipe  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
VALID = ROOT.parent / "shared" / "data" / "ferplus" / "valid.npz"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recipe]:
    folder = tmp_path_factory.mktemp("train")
    plan = recipe(folder)
    return train(plan, folder / "run", None), plan


def test_it_learns(trained: tuple[Path, Recipe]) -> None:
    checkpoint, plan = trained
    with (checkpoint.parent / "curve.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == plan.schedule.epochs
    assert float(rows[-1]["majority"]) > 0.5
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_a_run_of_few_batches_keeps_what_it_learned(tmp_path: Path) -> None:
    """The moving average that is kept reaches over a part of them, whatever a recipe says for longer runs."""
    plan = recipe(tmp_path, schedule={"epochs": 4, "average_decay": 0.998})
    told: list[EpochReport] = []
    train(plan, tmp_path / "run", None, Listener(told.append))
    assert told[-1].score.argmax > 0.9


def test_a_run_whose_loss_is_no_number_stops_and_ships_nothing(tmp_path: Path) -> None:
    plan = recipe(tmp_path, schedule={"epochs": 1, "peak_learning_rate": 1e30})
    with pytest.raises(SettingsError, match=r"no number any more in epoch 1: lower schedule\.peak_learning_rate"):
        train(plan, tmp_path / "run", None)
    assert not (tmp_path / "run" / "checkpoint.pt").exists()
    frozen = plan.model_copy(update={"freeze": FreezeSection(epochs=1, head_learning_rate=1e30)})
    with pytest.raises(SettingsError, match=r"lower freeze\.head_learning_rate \(now 1e\+30\)"):
        train(frozen, tmp_path / "frozen", None)


def test_a_network_that_answers_what_is_no_number_is_not_exported(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    saved = torch.load(trained[0], weights_only=True)
    saved["weights"] = {n: v * float("nan") if n.startswith("head.") else v for n, v in saved["weights"].items()}
    torch.save(saved, tmp_path / "broken.pt")
    with pytest.raises(SettingsError, match=r"broken\.pt answers what are no numbers"):
        export(tmp_path / "broken.pt", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_temperature_that_no_fit_reached_is_told(
    trained: tuple[Path, Recipe], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Answers that are surely wrong fit votes the better, the less they say."""
    saved = torch.load(trained[0], weights_only=True)
    saved["weights"] = {n: v * -50 if n.startswith("head.") else v for n, v in saved["weights"].items()}
    torch.save(saved, tmp_path / "wrong.pt")
    export(tmp_path / "wrong.pt", tmp_path / "model")
    assert "best lies beyond" in caplog.text


def test_the_balanced_point_stays_with_the_graph_that_it_was_chosen_for(
    trained: tuple[Path, Recipe], tmp_path: Path
) -> None:
    described = export(trained[0], tmp_path / "model") / "preprocess.json"
    chosen = {"balanced": {"strength": 1.0}}
    described.write_text(json.dumps(json.loads(described.read_text()) | {"operating_points": chosen}))
    export(trained[0], tmp_path / "model")
    assert json.loads(described.read_text())["operating_points"] == chosen
    export(trained[0], tmp_path / "model", quantised=True)
    assert "operating_points" not in json.loads(described.read_text()), "another graph, another point"


def test_the_balanced_point_goes_where_the_same_graph_looks_more_often(
    trained: tuple[Path, Recipe], tmp_path: Path
) -> None:
    described = export(trained[0], tmp_path / "model", mirror=False) / "preprocess.json"
    chosen = {"operating_points": {"balanced": {"strength": 1.0}}}
    described.write_text(json.dumps(json.loads(described.read_text()) | chosen))
    export(trained[0], tmp_path / "model", mirror=True)
    assert "operating_points" not in json.loads(described.read_text())


@pytest.mark.parametrize("mirror", [False, True])
def test_a_checkpoint_is_served_with_its_mirror_image_or_without(
    trained: tuple[Path, Recipe], tmp_path: Path, mirror: bool
) -> None:
    folder = export(trained[0], tmp_path / "looks", mirror=mirror)
    described = json.loads((folder / "preprocess.json").read_text(encoding="utf-8"))
    assert described["mirror"] is mirror
    classifier, images = create(folder, InferenceSettings()), np.load(trained[1].data.valid)["images"]
    once, turned = classify_pictures(classifier, images), classify_pictures(classifier, images[:, :, ::-1].copy())
    assert np.allclose(once, turned, atol=1e-5) == mirror


def test_the_same_seed_gives_the_same_weights(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    checkpoint, plan = trained
    again = train(plan, tmp_path / "again", None)
    first, second = (torch.load(p, weights_only=True)["weights"] for p in (checkpoint, again))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_model_folder_serves_what_was_trained(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    checkpoint, plan = trained
    classifier = create(export(checkpoint, tmp_path / "toy"), InferenceSettings())
    network = build_network(plan, 8)
    network.load_state_dict(read_checkpoint(checkpoint)["weights"])
    images = np.load(plan.data.valid)["images"][:16]
    crops = FaceCrops(np.repeat(images[..., None], 3, axis=3), np.ones(16, np.float32))
    served = classifier.classify(crops).probabilities
    assert (served.argmax(axis=1) == predict_logits(network, images, plan.input.form(), 48).argmax(axis=1)).all()


def test_eight_bits_answer_alike(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    checkpoint, plan = trained
    saved = torch.load(checkpoint, weights_only=True)
    saved["recipe"] |= {"quantise": True, "mirror": False}
    torch.save(saved, tmp_path / "small.pt")
    images = np.load(plan.data.valid)["images"]
    crops = FaceCrops(np.repeat(images[..., None], 3, axis=3), np.ones(len(images), np.float32))
    plain, small = (
        create(export(path, tmp_path / name), InferenceSettings()).classify(crops).probabilities
        for path, name in ((checkpoint, "plain"), (tmp_path / "small.pt", "small"))
    )
    assert (plain.argmax(axis=1) == small.argmax(axis=1)).mean() > 0.95


def test_the_ranges_of_integers_come_from_all_classes_of_data_that_lies_class_by_class(tmp_path: Path) -> None:
    for label, name in enumerate(EMOTIONS):
        (tmp_path / "train" / name).mkdir(parents=True)
        for number in range(12):
            cv2.imwrite(str(tmp_path / "train" / name / f"{number}.png"), np.full((48, 48), 16 * label, np.uint8))
    plan = recipe(tmp_path, data={"train": str(tmp_path / "train"), "layout": "class-folders"})
    drawn = calibration_faces(plan, 40)
    assert drawn.shape == (40, 48, 48)
    assert len(np.unique(drawn[:, 0, 0])) == len(EMOTIONS)
    assert np.array_equal(drawn, calibration_faces(plan, 40))
    assert not np.array_equal(drawn, calibration_faces(plan.model_copy(update={"seed": 7}), 40))
    assert len(calibration_faces(plan)) == 12 * len(EMOTIONS), "where there are fewer, all"


def test_a_second_stage_starts_from_the_first(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    checkpoint, plan = trained
    finish = plan.model_copy(
        update={
            "start_from": checkpoint,
            "schedule": plan.schedule.model_copy(update={"epochs": 1, "peak_learning_rate": 1e-4}),
        }
    )
    reports: list[EpochReport] = []
    train(finish, tmp_path / "finish", None, Listener(reports.append))
    assert reports[0].score.majority > 0.5


def test_the_best_epoch_is_kept_and_a_run_that_no_longer_gains_stops(tmp_path: Path) -> None:
    """A rate of almost nothing gains nothing, so the run stops after its patience."""
    plan = recipe(
        tmp_path,
        schedule={"epochs": 8, "peak_learning_rate": 1e-9, "average_decay": 0.0, "kind": "constant"},
        selection={"metric": "macro_f1", "patience_epochs": 2},
    )
    told: list[EpochReport] = []
    checkpoint = train(plan, tmp_path / "run", None, Listener(told.append))
    assert len(told) < 8
    best = max(told, key=lambda report: report.score.macro_f1)
    assert [r.epoch for r in told if r.best][-1] == best.epoch == told[-1].epoch - 2
    assert torch.load(checkpoint, weights_only=True)["epoch"] == best.epoch


def test_patience_begins_when_the_body_is_trained(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    """The head alone may have gained all it can long before."""
    plan = recipe(
        tmp_path,
        start_from=trained[0],
        freeze={"epochs": 3, "head_learning_rate": 1e-9},
        schedule={"epochs": 5, "peak_learning_rate": 1e-9, "average_decay": 0.0, "kind": "constant"},
        selection={"metric": "macro_f1", "patience_epochs": 3},
    )
    told: list[EpochReport] = []
    train(plan, tmp_path / "run", None, Listener(told.append))
    assert max(r.epoch for r in told if r.best) < 4
    assert told[-1].epoch == 3 + 3


def test_a_frozen_body_stands_still_and_then_moves(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    checkpoint, _ = trained
    start = read_checkpoint(checkpoint)["weights"]
    for epochs, still in ((0, False), (1, True)):
        thaw = recipe(
            tmp_path,
            start_from=checkpoint,
            freeze={"epochs": epochs, "head_learning_rate": 0.01},
            schedule={"epochs": 1, "kind": "constant", "peak_learning_rate": 1e-3, "average_decay": 0.0},
        )
        out = tmp_path / f"frozen-{epochs}"
        kept: list[dict[str, Tensor]] = []

        def note(report: EpochReport, folder: Path = out, seen: list[dict[str, Tensor]] = kept) -> None:
            seen.append(torch.load(folder / "state.pt", weights_only=True)["network"])

        train(thaw, out, None, Listener(note))
        body = [name for name in start if name.startswith("features.")]
        assert all(torch.equal(kept[0][name], start[name]) for name in body) is still
        assert not torch.equal(kept[0]["head.3.weight"], start["head.3.weight"])
        assert not all(torch.equal(kept[-1][name], start[name]) for name in body)


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bfloat16", "schedule": {"epochs": 4}},
        {"loss": {"kind": "focal", "class_weights": "effective"}},
        {"loss": {"kind": "balanced_softmax"}, "data": {"balance": 0.5, "targets": "argmax"}},
        {"optimiser": {"kind": "sgd"}, "schedule": {"kind": "cosine", "peak_learning_rate": 0.05, "cutmix_alpha": 1.0}},
    ],
    ids=["bfloat16", "focal and weighted", "balanced and hard", "sgd and cutmix"],
)
def test_it_learns_in_every_way(changes: dict[str, Any], tmp_path: Path) -> None:
    told: list[EpochReport] = []
    train(recipe(tmp_path, **changes), tmp_path / "run", None, Listener(told.append))
    assert max(report.score.argmax for report in told) > 0.5
    assert told[-1].score.valid_loss < told[0].score.valid_loss


def test_a_colour_network_of_other_size_and_classes_serves_what_was_trained(tmp_path: Path) -> None:
    plan = recipe(
        tmp_path,
        architecture="mobilenetv2",
        options={"width": 0.25, "head_width": 32, "stem_stride": 2},
        crop={"size": 64},
        input={"colour": "rgb", "equalise": False, "mean": (0.485, 0.456, 0.406), "deviation": (0.229, 0.224, 0.225)},
        data={"label_set": "engagement5"},
        schedule={"epochs": 1},
    )
    checkpoint = train(plan, tmp_path / "run", None)
    classifier = create(export(checkpoint, tmp_path / "colour"), InferenceSettings())
    images = resized(np.load(plan.data.valid)["images"][:8], 64)
    network = build_network(plan, 5)
    network.load_state_dict(read_checkpoint(checkpoint)["weights"])
    colour = np.repeat(images[..., None], 3, axis=3)
    logits = predict_logits(network, colour, plan.input.form(), 64)
    served = classifier.classify(FaceCrops(colour, np.ones(8, np.float32))).probabilities
    assert served.shape == (8, 8), "the canonical eight, those it lacks at 0"
    columns = [EMOTIONS.index(e) for e in ("anger", "happiness", "neutral", "sadness", "surprise")]
    assert (served[:, columns].argmax(axis=1) == logits.argmax(axis=1)).all()
    assert served[:, EMOTIONS.index("fear")].max() == 0


def test_the_command_trains_resumes_and_exports(tmp_path: Path) -> None:
    plan = recipe(tmp_path, schedule={"epochs": 1})
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(plan.model_dump(mode="json")))
    arguments = ["train", str(tmp_path / "toy.yaml"), "--out", str(tmp_path / "run"), "--device", "cpu", "--resume"]
    for _ in range(2):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        assert "model folder" in result.output
    assert "going on after epoch 1 of 1" in result.output
    assert {p.name for p in (tmp_path / "run" / "toy").iterdir()} == {"label_map.json", "model.onnx", "preprocess.json"}


def test_a_checkpoint_is_exported_and_compared_with_its_network(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    checkpoint, plan = trained
    for to in ("onnx", "onnx-fp16", "onnx-int8"):
        arguments = ["export", str(checkpoint), "--to", to, "--out", str(tmp_path / to), "--data", str(plan.data.valid)]
        result = CliRunner().invoke(main, [*arguments, "--calibrate", str(plan.data.train)])
        assert result.exit_code == 0, result.output
        told = json.loads((tmp_path / to / "export.json").read_text())
        assert told["comparison"]["source"]["runtime"].startswith("torch ")
        assert told["comparison"]["label_agreement"] >= 0.97
        assert told["comparison"]["labelled"] == 80
        assert create(tmp_path / to, InferenceSettings()).name == to


RECIPES = sorted(
    set((ROOT / "training" / "recipes").glob("*.yaml")) - set((ROOT / "training" / "recipes").glob("mien-text*"))
)
"""Those of faces; recipes of texts have a shape and a test of their own."""


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_recipe_is_valid_and_builds(path: Path) -> None:
    plan = load_recipe(path)
    assert plan.data.aligned_share > 0, "no network is served that never saw the serving crop"
    with torch.device("meta"):
        network = build_network(plan, 8)
        x = torch.zeros(2, plan.input.channels, plan.crop.size, plan.crop.size)
        assert network.eval()(x).shape == (2, 8)


def test_the_recipe_to_fine_tune_names_weights_in_the_repository() -> None:
    plan = load_recipe(ROOT / "training" / "recipes" / "fine-tune.yaml")
    assert plan.start_from is not None
    assert (ROOT / plan.start_from).is_file()


@pytest.mark.skipif(not VALID.is_file(), reason="needs FER+'s validation split")
@pytest.mark.parametrize(("of", "weights"), [("fine-tune", "mobilenetv1-faces"), ("mien-m", "mien")])
def test_training_goes_on_from_the_weights_in_the_repository(of: str, weights: str) -> None:
    plan = load_recipe(ROOT / "training" / "recipes" / f"{of}.yaml")
    network = build_network(plan, len(EMOTIONS)).eval()
    start = read_start(ROOT / "training" / "weights" / f"{weights}.pt")
    assert begin(network, start, "head.", EMOTIONS) is None
    faces = load_voted_faces(VALID)
    truth = majority_truth(faces.votes)
    rows = truth.keep[:400]
    logits = predict_logits(network, faces.images[rows], plan.input.form(), plan.crop.size)
    assert (np.asarray(logits).argmax(axis=1) == truth.label[:400]).mean() > 0.8


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("augment: {fog: 1}", "no augmentation fog: there are rotation_degrees"),
        ("augment: {blur: -1}", "blur must not be negative"),
        ("data: {train: a, valid: b, label_set: seven}", "unknown label set 'seven'"),
        ("selection: {metric: luck}", "selection.metric"),
        ("loss: {kind: hinge}", "loss.kind"),
        ("augment: {flip: 1.5, dark: 2}", "dark, flip must not be above 1"),
        ("augment: {blur: .nan}", "augment.blur"),
        ("augment: {smallest_px: 13}", "smallest_px must be one of 12, 14, 18, 24, 32, not 13"),
        ("crop: {size: 513}", r"crop\.size: .*less than or equal to 512"),
        ("input: {mean: [0.4, 0.5]}", "input: mean has 2 values, where grey input takes 1 value"),
        (
            "input: {colour: rgb, deviation: [0.4, 0.5]}",
            "deviation has 2 values, where rgb input takes 1 value, or 3",
        ),
        ("architecture: vgg", "architecture: unknown architecture 'vgg': choose one of mien"),
        ("options: {blocks: -1}", "options: blocks of mien must be a whole number from 1, not -1"),
        ("options: {widths: 5}", "widths of mien must be a list of whole numbers from 1, not 5"),
        ("options: {widths: []}", "widths of mien must be a list"),
        ("options: {depth: 2}", "mien has no option 'depth': there are widths, blocks"),
        ("architecture: resnet50\noptions: {stem_stride: 0}", "stem_stride of resnet50 must be a whole number from 1"),
        ("architecture: resemotenet\noptions: {head_dropout: 1.0}", "head_dropout of resemotenet must be a share"),
        ("architecture: mobilenetv2\noptions: {width: 0}", "width of mobilenetv2 must be a number above 0"),
        ("pretrained: faceres\nstart_from: a.pt", "recipe: pretrained and start_from are both given"),
        ("freeze: {epochs: 5}", r"freeze\.epochs holds layers still, .* name a start"),
        ("architecture: mobilenetv1\noptions: {frozen: 27}", r"options\.frozen holds layers still"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_named(text: str, named: str, tmp_path: Path) -> None:
    start = "name: x\n" if text.startswith("data") else "name: x\ndata: {train: a, valid: b}\n"
    (tmp_path / "r.yaml").write_text(start + text)
    with pytest.raises(SettingsError, match=named):
        load_recipe(tmp_path / "r.yaml")


def test_a_gpu_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(DeviceError, match="--device cpu"):
        train(recipe(tmp_path), tmp_path / "run", None, device="cuda")


def test_a_checkpoint_whose_recipe_cannot_be_is_named(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    saved = torch.load(trained[0], weights_only=True)
    saved["recipe"]["augment"] = {"flip": 2.0}
    torch.save(saved, tmp_path / "old.pt")
    with pytest.raises(SettingsError, match=r"the recipe in .*old\.pt: augment: flip must not be above 1"):
        export(tmp_path / "old.pt", tmp_path / "model")


def test_a_missing_checkpoint_and_a_wrong_recipe_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.pt"):
        export(tmp_path / "absent.pt", tmp_path)
    with pytest.raises(InputError, match=r"absent\.yaml"):
        load_recipe(tmp_path / "absent.yaml")
    (tmp_path / "r.yaml").write_text("name: x\nepochs: 3\n")
    with pytest.raises(SettingsError, match="data"):
        load_recipe(tmp_path / "r.yaml")
