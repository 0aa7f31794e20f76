"""A recipe on a handful of comments, with a tiny encoder in the published one's place, to a folder that serves."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import IO

import pytest

pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

import numpy as np
import torch
from tokenizers import Tokenizer

from mien.core.errors import InputError, OutputError, SettingsError
from mien.core.labels import TEXT_EKMAN, TEXT_ORIGINAL, ekman_of
from mien.core.settings import InferenceSettings
from mien.evaluation.text import read_labelled
from mien.language.emotion import TextSettings
from mien.language.text_classifiers.text_folder import create
from mien.training.text.calibrate import Calibration
from mien.training.text.export import write_folder
from mien.training.text.recipe import TextRecipe, load_text_recipe
from mien.training.text.run import Prepared, finish, run_seed
from mien.training.text.train import Comments, TextEpoch
from tests.training.text.toy import encoder, published

LINES = ("good film!\t17", "so happy!\t17", "bad film.\t25", "never sad\t17", "sad sad film.\t25", "film.\t27")


def prepared(folder: Path) -> Prepared:
    (folder / "train.tsv").write_text("\n".join(LINES * 40) + "\n")
    read = read_labelled(folder / "train.tsv", TEXT_ORIGINAL)
    truth = read.truth.astype("float32")
    comments = Comments(read.texts, (truth, ekman_of(truth)), TEXT_ORIGINAL.index("neutral"))
    network = encoder(Tokenizer.from_str(published()).get_vocab_size())
    return Prepared(published(), network.state_dict(), network.shape, comments, comments)


def recipe(**schedule: float) -> TextRecipe:
    return TextRecipe.model_validate(
        {
            "name": "toy",
            "longest": 24,
            "seeds": [1, 2],
            "data": {"train": "train.tsv", "neutral_share": 1.0},
            "schedule": {
                "epochs": 6, "batch_size": 16, "peak_learning_rate": 0.01, "average_decay": 0.5, "dropout": 0.0,
                **schedule,
            },
        }
    )  # fmt: skip


def test_a_recipe_becomes_a_model_that_reads(tmp_path: Path) -> None:
    plan, start = recipe(), prepared(tmp_path)
    epochs: list[TextEpoch] = []
    batches: list[tuple[int, int, int]] = []
    runs = [
        run_seed(plan, start, seed, tmp_path / "run", epochs.append, lambda *b: batches.append(b))
        for seed in plan.seeds
    ]
    assert [e.epoch for e in epochs] == [1, 2, 3, 4, 5, 6] * 2
    assert epochs[5].tune_loss < 0.3 * epochs[0].tune_loss
    assert batches[0][:2] == (1, 1)
    exported = finish(plan, start, runs, tmp_path / "toy")
    assert exported.small["ekman"].micro_f1 > 0.95
    assert abs(exported.small["original"].micro_f1 - exported.plain["original"].micro_f1) < 0.05
    classifier = create(exported.folder, InferenceSettings(), TextSettings())
    scores = classifier.classify(["sad film.", "good film!"], TEXT_EKMAN)
    assert [scores.top(0)[0], scores.top(1)[0]] == ["sadness", "joy"]


def test_a_seed_decides_a_run(tmp_path: Path) -> None:
    plan, start = recipe(epochs=1), prepared(tmp_path)

    def weights(seed: int, name: str) -> torch.Tensor:
        path = run_seed(plan, start, seed, tmp_path / name, lambda e: None, lambda *b: None)
        return torch.load(path, weights_only=True)["heads.0.weight"]  # type: ignore[no-any-return]

    first = weights(1, "a")
    torch.testing.assert_close(first, weights(1, "b"), rtol=0, atol=0)
    assert not torch.equal(first, weights(2, "c"))


def test_the_shipped_recipes_are_recipes() -> None:
    folder = Path(__file__).resolve().parents[3] / "training" / "recipes"
    first, second = (load_text_recipe(folder / f"mien-text{stage}.yaml") for stage in ("", "-finish"))
    assert {path.stem for path in second.start_from} == {f"seed-{seed}" for seed in first.seeds}
    assert (first.inner, first.vocabulary, first.longest) == (second.inner, second.vocabulary, second.longest)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: [", "cannot be read as YAML"),
        ("name: toy", "data: Field required"),
        ("name: toy\nspeed: 9", "speed|data"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_told(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(SettingsError, match=problem):
        load_text_recipe(tmp_path / "recipe.yaml")


def test_weights_that_are_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "broken.pt").write_bytes(b"no weights")
    for name, problem in (("none.pt", "cannot read the weights"), ("broken.pt", "holds no weights")):
        with pytest.raises(InputError, match=problem):
            finish(recipe(), prepared(tmp_path), [tmp_path / name], tmp_path / "toy")


def test_what_is_broken_off_while_it_is_written_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed's file says that its run is done, and a model's documents that its graph is theirs."""
    plan, start = recipe(epochs=1), prepared(tmp_path)

    def broken_off(content: object, where: str | Path | IO[bytes]) -> None:
        if isinstance(where, str | Path):
            Path(where).write_bytes(b"half")
        else:
            where.write(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(torch, "save", broken_off)
        with pytest.raises(KeyboardInterrupt):
            run_seed(plan, start, 1, tmp_path / "run", lambda epoch: None, lambda *batch: None)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["seed-1.csv"]

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    each = np.full(len(TEXT_EKMAN), 0.5, np.float32)
    fitted = Calibration(each, each, each)
    with pytest.raises(OutputError, match="toy: the disk is full"):
        write_folder(tmp_path / "toy", b"graph", "{}", 24, {TEXT_EKMAN: fitted}, None)
    assert not (tmp_path / "toy").exists()
