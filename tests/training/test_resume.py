"""A run killed at any moment ends, resumed, with the weights it would have had."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from mien.core.errors import InputError, SettingsError  # noqa: E402
from mien.training.recipe import Recipe  # noqa: E402
from mien.training.start import read_start  # noqa: E402
from mien.training.state import CHECKPOINT, CURVE, STATE, read_checkpoint  # noqa: E402
from mien.training.train import EpochReport, Listener, build_network, train  # noqa: E402
from tests.training.toy import recipe  # noqa: E402

KILLED_RUN = """
import os, signal, sys
from pathlib import Path
from mien.training.recipe import Recipe
from mien.training import train as training
from mien.training.train import Listener, train

at, before = int(sys.argv[3]), sys.argv[4]
reached = 0

def kill(epoch, done, total):
    global reached
    reached = epoch
    if (epoch, done) == (at, 4) and not before:
        os.kill(os.getpid(), signal.SIGKILL)

if before:
    write = getattr(training, before)

    def kill_or_write(*args):
        if reached == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return write(*args)

    setattr(training, before, kill_or_write)

train(Recipe.model_validate_json(sys.argv[1]), Path(sys.argv[2]), None, Listener(batch=kill), device="cpu")
"""
PLAIN = {"augment": {"flip": 0.5, "jpeg": 0.2, "blur": 0.2, "noise": 0.03}, "schedule": {"mixup_alpha": 0.2}}
FROZEN = {
    "freeze": {"epochs": 1, "body_rate_share": 0.2},
    "optimiser": {"kind": "sgd"},
    "data": {"balance": 0.5},
    "schedule": {"kind": "plateau", "plateau_patience_epochs": 0, "cutmix_alpha": 1.0, "epochs": 3},
}


def plan_of(folder: Path, changes: dict[str, Any]) -> Recipe:
    given = {"data": {}, **changes, "schedule": {"epochs": 4, **changes["schedule"]}}
    given = {name: dict(value) for name, value in given.items()}
    if "freeze" in changes:
        given["start_from"] = folder / "start.pt"
        torch.save(build_network(recipe(folder), 8).state_dict(), folder / "start.pt")
    return recipe(folder, **given)


def killed(plan: Recipe, out: Path, epoch: int, before: str = "") -> None:
    """Run a recipe in another process that is killed in the middle of an epoch, or as it is about to write."""
    command = [sys.executable, "-c", KILLED_RUN, plan.model_dump_json(), str(out), str(epoch), before]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL


def weights(out: Path, file: str = CHECKPOINT) -> dict[str, Any]:
    saved = torch.load(out / file, weights_only=True)
    chosen: dict[str, Any] = saved["weights"] if file == CHECKPOINT else saved["network"]
    return chosen


def rows(out: Path) -> list[dict[str, str]]:
    with (out / CURVE).open() as stream:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(stream)]


@pytest.mark.parametrize(("changes", "epoch"), [(PLAIN, 3), (FROZEN, 2)], ids=["plain", "as the body thaws"])
def test_a_killed_run_ends_as_a_straight_one(changes: dict[str, Any], epoch: int, tmp_path: Path) -> None:
    plan = plan_of(tmp_path, changes)
    train(plan, tmp_path / "straight", None, device="cpu")
    killed(plan, tmp_path / "killed", epoch)
    assert len(rows(tmp_path / "killed")) == epoch - 1
    with pytest.raises(SettingsError, match=rf"unfinished run \({epoch - 1} of 4 epochs\).*--resume"):
        train(plan, tmp_path / "killed", None, device="cpu")
    done: list[EpochReport] = []
    train(plan, tmp_path / "killed", None, Listener(done.append), resume=True, device="cpu")
    assert [report.epoch for report in done] == list(range(epoch, 5))
    for file in (CHECKPOINT, STATE):
        first, second = (weights(tmp_path / run, file) for run in ("straight", "killed"))
        assert all(torch.equal(first[name], second[name]) for name in first), file
    assert rows(tmp_path / "straight") == rows(tmp_path / "killed")


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Path]:
    """A recipe of two epochs and the folder of a run that nobody killed."""
    folder = tmp_path_factory.mktemp("straight")
    plan = plan_of(folder, {"schedule": {"epochs": 2}, "augment": {"flip": 0.5}})
    return plan, train(plan, folder / "run", None, device="cpu").parent


@pytest.mark.parametrize(
    ("before", "epoch"),
    [(write, 1) for write in ("write_checkpoint", "write_curve", "write_state")]
    + [(write, 0) for write in ("write_label_map", "write_state")]
    + [("write_state", 2)],
)
def test_a_run_killed_between_two_writes_goes_on(
    before: str, epoch: int, straight: tuple[Recipe, Path], tmp_path: Path
) -> None:
    """The first epoch's among them: its checkpoint is there before its state."""
    plan, whole = straight
    killed(plan, tmp_path / "killed", epoch, before)
    train(plan, tmp_path / "killed", None, resume=True, device="cpu")
    for file in (CHECKPOINT, STATE):
        first, second = weights(whole, file), weights(tmp_path / "killed", file)
        assert all(torch.equal(first[name], second[name]) for name in first), file
    assert rows(whole) == rows(tmp_path / "killed")


def test_resuming_what_is_finished_changes_nothing_and_what_never_began_begins(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"schedule": {"epochs": 1}})
    checkpoint = train(plan, tmp_path / "run", None, resume=True, device="cpu")
    before = checkpoint.read_bytes()
    told: list[EpochReport] = []
    train(plan, tmp_path / "run", None, Listener(told.append), resume=True, device="cpu")
    assert told == []
    assert checkpoint.read_bytes() == before


def test_another_recipe_or_other_data_is_not_resumed(tmp_path: Path) -> None:
    from tests.training.toy import toy

    plan = plan_of(tmp_path, {"schedule": {"epochs": 1}})
    train(plan, tmp_path / "run", None, device="cpu")
    with pytest.raises(SettingsError, match="another recipe: seed differ"):
        train(plan.model_copy(update={"seed": 7}), tmp_path / "run", None, resume=True, device="cpu")
    train(plan.model_copy(update={"threads": 2}), tmp_path / "run", None, resume=True, device="cpu")
    toy(tmp_path / "train.npz", 320, 77)
    with pytest.raises(SettingsError, match="other data"):
        train(plan, tmp_path / "run", None, resume=True, device="cpu")


def test_validation_faces_may_not_change_under_a_run_that_goes_on(tmp_path: Path) -> None:
    """Its epochs would be compared by what different faces say."""
    from tests.training.toy import toy

    plan = plan_of(tmp_path, {"schedule": {"epochs": 1}})
    train(plan, tmp_path / "run", None, device="cpu")
    toy(tmp_path / "valid.npz", 40, 78)
    with pytest.raises(SettingsError, match="other data"):
        train(plan, tmp_path / "run", None, resume=True, device="cpu")


def test_a_run_without_its_state_is_neither_written_over_nor_gone_on_with(tmp_path: Path) -> None:
    """Whoever deleted it was told that it is not needed when the run is done."""
    plan = plan_of(tmp_path, {"schedule": {"epochs": 1}})
    first = train(plan, tmp_path / "run", None, device="cpu").read_bytes()
    (tmp_path / "run" / STATE).unlink()
    for resume, said in ((False, "holds what a run made: choose another folder"), (True, "mien export")):
        with pytest.raises(SettingsError, match=said):
            train(plan, tmp_path / "run", None, resume=resume, device="cpu")
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == first


def test_a_run_of_an_earlier_version_is_not_gone_on_with(tmp_path: Path) -> None:
    """Its average and its patience were reckoned otherwise."""
    plan = plan_of(tmp_path, {"schedule": {"epochs": 1}})
    train(plan, tmp_path / "run", None, device="cpu")
    state = torch.load(tmp_path / "run" / STATE, weights_only=True)
    del state["format"]
    torch.save(state, tmp_path / "run" / STATE)
    with pytest.raises(SettingsError, match="a run of another version of Mien"):
        train(plan, tmp_path / "run", None, resume=True, device="cpu")


def test_a_finished_run_is_not_written_over(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"schedule": {"epochs": 1}})
    first = train(plan, tmp_path / "run", None, device="cpu").read_bytes()
    with pytest.raises(SettingsError, match=r"run holds a finished run \(1 of 1 epochs\): choose another folder"):
        train(plan.model_copy(update={"seed": 7}), tmp_path / "run", None, device="cpu")
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == first


def test_the_label_map_travels_with_the_checkpoint(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"schedule": {"epochs": 1}, "data": {"label_set": "engagement5"}})
    checkpoint = train(plan, tmp_path / "run", None, device="cpu")
    labels = ["angry", "happy", "neutral", "sad", "surprise"]
    assert json.loads((checkpoint.parent / "label_map.json").read_text()) == {"labels": labels}
    assert read_checkpoint(checkpoint)["labels"] == labels


def test_files_that_are_no_checkpoints_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("weights")
    torch.save({"a": 1}, tmp_path / "other.pt")
    for read, name in ((read_checkpoint, "text.pt"), (read_checkpoint, "other.pt"), (read_start, "other.pt")):
        with pytest.raises(InputError, match=name.replace(".", r"\.")):
            read(tmp_path / name)
    torch.save({"a": torch.zeros(1)}, tmp_path / "plain.pt")
    assert list(read_start(tmp_path / "plain.pt").weights) == ["a"]
