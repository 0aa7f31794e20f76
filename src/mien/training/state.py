"""What a run leaves on the disk: the best weights, their labels, the curve, and all that is needed to go on.

Every file appears whole or not at all, so a run killed at any moment can be resumed from its last whole epoch.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from mien.core.errors import InputError, SettingsError
from mien.core.labels import FERPLUS8
from mien.report.partial import written_whole
from mien.training.recipe import Recipe

CHECKPOINT = "checkpoint.pt"
STATE = "state.pt"
CURVE = "curve.csv"
LABEL_MAP = "label_map.json"
FORMAT = 2
"""Of ``state.pt``; another number where a run that went on would not end as it began."""
NOT_COMPARED = frozenset({"threads"})
"""Of a recipe: what may differ between a run and its resumption. It may change the last bits of the result."""


def write_checkpoint(path: Path, recipe: Recipe, weights: dict[str, Tensor], labels: Sequence[str], epoch: int) -> None:
    """Weights with their recipe and label order, and the label order beside them as ``label_map.json``.

    Raises:
        OutputError: the folder cannot be written.
    """
    content = {
        "recipe": recipe.model_dump(mode="json"),
        "weights": {name: value.detach().cpu() for name, value in weights.items()},
        "labels": list(labels),
        "epoch": epoch,
    }
    write_label_map(path.parent, labels)
    _whole(path, lambda stream: torch.save(content, stream))


def write_label_map(folder: Path, labels: Sequence[str]) -> None:
    """``label_map.json``: the classes in the order of the outputs."""
    text = json.dumps({"labels": list(labels)}, indent=2) + "\n"
    _whole(folder / LABEL_MAP, lambda stream: stream.write(text.encode()))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's ``recipe`` (plain data), ``weights`` (state dict) and ``labels``.

    Raises:
        InputError: no such file, or not a checkpoint.
    """
    saved = load_tensors(path, "a checkpoint", "give the checkpoint.pt of a run of 'mien train'")
    if not isinstance(saved, dict) or not {"recipe", "weights"} <= set(saved):
        raise InputError(f"{path} is not a checkpoint of 'mien train': it holds no recipe and weights")
    saved.setdefault("labels", list(FERPLUS8.labels))
    return saved


def write_state(out: Path, state: dict[str, Any]) -> None:
    """Everything needed to go on after an epoch; OutputError when it cannot be written."""
    _whole(out / STATE, lambda stream: torch.save({"format": FORMAT, **state}, stream))


def read_state(out: Path, recipe: Recipe, digest: str) -> dict[str, Any] | None:
    """The state of an earlier run of the same recipe on the same data, perhaps before its first epoch, or None.

    Args:
        out: the run's folder.
        recipe: to be gone on with.
        digest: of the data.

    Raises:
        InputError: the state cannot be read.
        SettingsError: it is of another recipe, other data or another version, or it was deleted; the message says
            which.
    """
    path = out / STATE
    if not path.exists():
        if holds_results(out):
            raise SettingsError(
                f"{out} holds a run without its {STATE}, which cannot go on: convert its {CHECKPOINT} with 'mien "
                "export', or choose another folder"
            )
        return None
    state: dict[str, Any] = _load_state(path)
    if state.get("format") != FORMAT:
        raise SettingsError(
            f"{out} holds a run of another version of Mien, which trained otherwise: convert its {CHECKPOINT} with "
            "'mien export', or choose another folder"
        )
    then, now = state["recipe"], recipe.model_dump(mode="json")
    differ = [name for name in now if name not in NOT_COMPARED and then.get(name) != now[name]]
    if differ:
        raise SettingsError(f"{out} holds a run of another recipe: {', '.join(differ)} differ. Choose another folder")
    if state["data"] != digest:
        raise SettingsError(f"{out} holds a run on other data than the recipe's files hold now. Choose another folder")
    return state


def clear_partial(out: Path) -> None:
    """Remove what a run that was killed while it wrote left half written: a state is several times its network."""
    for name in (CHECKPOINT, STATE, CURVE, LABEL_MAP):
        for partial in out.glob(f".{name}.*.partial"):
            with contextlib.suppress(OSError):
                partial.unlink()


def holds_results(out: Path) -> bool:
    """Whether a folder holds what a run made, be its state there or deleted."""
    return any((out / name).exists() for name in (STATE, CHECKPOINT, CURVE))


@dataclass(frozen=True, slots=True)
class Earlier:
    """How far an earlier run in a folder came.

    Attributes:
        done, planned: epochs.
        finished: whether it ended, be it before the last epoch because nothing was gained any more.
    """

    done: int
    planned: int
    finished: bool


def earlier_run(out: Path) -> Earlier | None:
    """The run that a folder holds; None where there is none.

    Raises:
        InputError: its state cannot be read.
    """
    path = out / STATE
    if not path.exists():
        return None
    state = _load_state(path)
    return Earlier(int(state["epoch"]), int(state["epochs"]), bool(state["finished"]))


def write_curve(out: Path, rows: Sequence[dict[str, float]]) -> None:
    """``curve.csv``: one row an epoch; OutputError when it cannot be written."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.6g}" for k, v in row.items()} for row in rows)
    _whole(out / CURVE, lambda stream: stream.write(text.getvalue().encode()))


def load_tensors(path: Path, what: str, remedy: str) -> Any:
    """What ``torch.save`` wrote, on the CPU.

    Args:
        path: of the file.
        what: it is, for the error.
        remedy: for the error.

    Raises:
        InputError: no such file, or torch cannot read it or will not.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"cannot read {what} {path} ({error.strerror}): {remedy}") from error
    except Exception as error:
        # Torch's own words advise to load the file without its protection against code in it: they are not passed on.
        raise InputError(f"{path} cannot be read as {what}: {remedy}") from error


def _load_state(path: Path) -> Any:
    return load_tensors(path, "the state of a run", "delete it, or choose another folder, to start anew")


def _whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    with written_whole(path) as temporary, temporary.open("wb") as stream:
        write(stream)
