"""One training run: a recipe in, a checkpoint and its learning curve out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import swa_utils

from mien.core.errors import OutputError, SettingsError
from mien.core.faces import FaceDetector
from mien.training import architectures
from mien.training import device as devices
from mien.training.batches import Batches
from mien.training.data import digest, load_training
from mien.training.loss import Loss
from mien.training.recipe import Recipe
from mien.training.schedule import Phase
from mien.training.score import Score, predict_logits, score
from mien.training.start import Start, begin, check_fits, read_start
from mien.training.state import (
    CHECKPOINT,
    clear_partial,
    earlier_run,
    holds_results,
    read_state,
    write_checkpoint,
    write_curve,
    write_label_map,
    write_state,
)


@dataclass(frozen=True, slots=True)
class EpochReport:
    """How a run stands after an epoch; accuracies are shares 0–1 on the validation split.

    Attributes:
        epoch: from 1.
        loss: mean over the epoch's batches.
        score: on validation.
        learning_rate: of the head, after the epoch.
        seconds: the epoch took.
        best: whether it is the best so far, by the recipe's metric.
    """

    epoch: int
    loss: float
    score: Score
    learning_rate: float
    seconds: float
    best: bool

    def row(self) -> dict[str, float]:
        """A row of ``curve.csv``."""
        return {
            "epoch": self.epoch,
            "loss": self.loss,
            **asdict(self.score),
            "learning_rate": self.learning_rate,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom a run tells how it goes.

    Attributes:
        epoch: told after each epoch.
        batch: told epoch, batch and batches an epoch, after each batch.
        note: told what else is being done.
    """

    epoch: Callable[[EpochReport], None] = lambda report: None
    batch: Callable[[int, int, int], None] = lambda epoch, done, total: None
    note: Callable[[str], None] = lambda text: None


def build_network(recipe: Recipe, classes: int) -> nn.Module:
    """The untrained network of a recipe.

    Raises:
        SettingsError: no such architecture, or it has no such option.
    """
    return architectures.build_network(recipe.architecture, classes, recipe.input.channels, recipe.options)


def train(
    recipe: Recipe,
    out: Path,
    detector: FaceDetector | None,
    listener: Listener | None = None,
    *,
    pretrained: Path | None = None,
    resume: bool = False,
    device: str = "auto",
) -> Path:
    """Run a recipe.

    Args:
        recipe: what to do.
        out: folder for ``checkpoint.pt``, ``label_map.json``, ``curve.csv`` and ``state.pt``; made when missing.
        detector: finds the landmarks for aligned crops; None only when ``aligned_share`` is 0.
        listener: told how it goes.
        pretrained: the file that the recipe's ``pretrained`` names; None when it names none.
        resume: go on with the run in ``out`` where it was broken off; it ends as if it had not been.
        device: a name of :data:`mien.training.device.DEVICES`.

    Returns:
        The checkpoint with the averaged weights of the epoch that was best by the recipe's metric.

    Raises:
        SettingsError: the recipe does not fit its data, ``out`` holds a run and ``resume`` is False, it is another
            recipe's and ``resume`` is True, or the loss is no number any more.
        InputError, UnsupportedMediaError: data or weights are missing or malformed.
        OutputError: ``out`` cannot be written.
        DeviceError: there is no such device.
    """
    if (pretrained is None) is not (recipe.pretrained is None):
        raise ValueError("pretrained is the file of the weights that the recipe names: both are given, or neither")
    if resume:
        clear_partial(out)
    else:
        _check_new(out)
    start = _start(recipe, pretrained)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {out}: {error.strerror}") from error
    return _Run(recipe, out, detector, listener or Listener(), start, devices.choose_device(device)).go(resume)


def _start(recipe: Recipe, pretrained: Path | None) -> Start | None:
    """What the recipe starts from, held to its network. Reading the data can take minutes: this comes before."""
    path = recipe.start_from if pretrained is None else pretrained
    if path is None:
        return None
    start = read_start(path)
    check_fits(start, recipe)
    return start


def _check_new(out: Path) -> None:
    earlier = earlier_run(out)
    if earlier is None:
        if holds_results(out):
            raise SettingsError(f"{out} holds what a run made: choose another folder")
        return
    kind, remedy = (
        ("a finished run", "choose another folder, or write its model folder again with --resume")
        if earlier.finished
        else ("an unfinished run", "go on with --resume, or choose another folder")
    )
    raise SettingsError(f"{out} holds {kind} ({earlier.done} of {earlier.planned} epochs): {remedy}")


def _averaging(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """The moving average of the weights, over a ninth of the batches so far until ``decay`` is less than that.

    Without that a run of few batches would end as hardly more than the weights that it started from.
    """

    def average(averaged: Sequence[Tensor], current: Sequence[Tensor], batches: Tensor | int) -> None:
        done = int(batches)
        reach = min(decay, (1 + done) / (10 + done))
        swa_utils.get_ema_multi_avg_fn(reach)(averaged, current, batches)  # type: ignore[no-untyped-call]

    return average


class _Run:
    """The state of a run between epochs."""

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        detector: FaceDetector | None,
        listener: Listener,
        start: Start | None,
        device: torch.device,
    ) -> None:
        torch.manual_seed(recipe.seed)
        torch.set_num_threads(recipe.threads)
        self.recipe, self.out, self.listener, self.device = recipe, out, listener, device
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.examples, self.held = load_training(recipe)
        self.digest = digest(self.examples, self.held)
        # Landmarks of a whole data set take minutes: whatever else a recipe can get wrong is asked before Batches.
        self.head = architectures.load_architecture(recipe.architecture).HEAD
        network = build_network(recipe, len(self.examples.labels))
        self.told = None if start is None else begin(network, start, self.head, self.examples.labels)
        self.network = devices.placed(network, device)
        self.average = swa_utils.AveragedModel(
            self.network,
            multi_avg_fn=_averaging(recipe.schedule.average_decay),
            use_buffers=True,
        )
        self.loss = Loss(
            recipe.loss,
            self.examples.targets,
            self.examples.labels,
            recipe.schedule.label_smoothing,
            recipe.distil,
            device,
        )
        if recipe.precision == "bfloat16" and not devices.takes_bfloat16(device):
            listener.note(f"in float32: bfloat16 is not used on {device.type}")
        self.batches = Batches(
            recipe, self.examples, detector, out, listener.note, self.generator, devices.of_faces(device)
        )
        self.epoch = 0
        self.best: Score | None = None
        self.best_epoch = 0
        self.rows: list[dict[str, float]] = []
        self.phase = self._phase()

    def go(self, resume: bool) -> Path:
        """Every epoch that is left."""
        state = read_state(self.out, self.recipe, self.digest) if resume else None
        if state is not None:
            self._restore(state)
            self.listener.note(f"going on after epoch {self.epoch} of {self.recipe.epochs}")
        write_label_map(self.out, self.examples.labels)
        if state is None:
            if self.told is not None:
                self.listener.note(self.told)
            # A checkpoint is never without a state to go on from, or a run killed in its first epoch could not.
            write_state(self.out, self._state())
        while not self._finished():
            if self.epoch == self.recipe.freeze.epochs and self.epoch > 0:
                self.phase = self._phase()
            self._one_epoch()
        return self.out / CHECKPOINT

    def _one_epoch(self) -> None:
        started, losses = time.monotonic(), []
        self.epoch += 1
        self.network.train()
        if self._is_frozen():
            for name, module in self.network.named_modules():
                if name and not f"{name}.".startswith(self.head):
                    module.training = False
        for done, (x, y, teacher) in enumerate(self.batches, start=1):
            losses.append(self._step(x, y, teacher))
            self.listener.batch(self.epoch, done, len(self.batches))
        logits = predict_logits(self.average.module, self.held.images, self.recipe.input.form(), self.recipe.crop.size)
        reached = score(logits, self.held)
        self._check_finite(reached.valid_loss)
        self.phase.after_epoch(getattr(reached, self.recipe.selection.metric))
        is_best = reached.better_than(self.best, self.recipe.selection.metric)
        if is_best:
            self.best, self.best_epoch = reached, self.epoch
            write_checkpoint(
                self.out / CHECKPOINT,
                self.recipe,
                self.average.module.state_dict(),
                self.examples.labels,
                self.epoch,
            )
        report = EpochReport(
            self.epoch,
            float(np.mean(losses)),
            reached,
            self.phase.learning_rate,
            time.monotonic() - started,
            is_best,
        )
        self.rows.append(report.row())
        write_curve(self.out, self.rows)
        write_state(self.out, self._state())
        self.listener.epoch(report)

    def _step(self, x: Tensor, y: Tensor, teacher: Tensor | None) -> float:
        x, y = x.to(self.device), y.to(self.device)
        teacher = None if teacher is None else teacher.to(self.device)
        with devices.precision(self.device, bfloat16=self.recipe.precision == "bfloat16"):
            logits = self.network(x.contiguous(memory_format=devices.layout(self.device)))
        loss = self.loss(logits, y, teacher)
        value = float(loss.detach())
        self._check_finite(value)
        self.phase.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.schedule.clip_norm)
        self.phase.optimiser.step()
        self.phase.after_batch()
        self.average.update_parameters(self.network)
        return value

    def _check_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            recipe = self.recipe
            name, rate = (
                ("freeze.head_learning_rate", recipe.freeze.head_learning_rate)
                if self._is_frozen()
                else ("schedule.peak_learning_rate", recipe.schedule.peak_learning_rate)
            )
            raise SettingsError(
                f"the loss is no number any more in epoch {self.epoch}: lower {name} (now {rate:g}), and train in "
                "another folder; going on in this one would end alike"
            )

    def _phase(self) -> Phase:
        frozen = self.epoch < self.recipe.freeze.epochs
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(not frozen or name.startswith(self.head))
        return Phase(self.recipe, self.network, self.head, frozen=frozen, steps=len(self.batches))

    def _is_frozen(self) -> bool:
        return self.epoch <= self.recipe.freeze.epochs

    def _finished(self) -> bool:
        patience = self.recipe.selection.patience_epochs
        # The frozen epochs are a preparation: patience that counted them would stop the body's training early.
        since = max(self.best_epoch, self.recipe.freeze.epochs)
        tired = patience is not None and self.epoch - since >= patience
        return self.epoch >= self.recipe.epochs or tired

    def _state(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "data": self.digest,
            "epoch": self.epoch,
            "epochs": self.recipe.epochs,
            "finished": self._finished(),
            "best": None if self.best is None else asdict(self.best),
            "best_epoch": self.best_epoch,
            "rows": self.rows,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "phase": self.phase.state(),
            "generator": self.generator.get_state(),
            "global_generator": torch.get_rng_state(),
            "device": self.device.type,
            "device_generators": devices.generator_states(self.device),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.epoch, self.best_epoch, self.rows = state["epoch"], state["best_epoch"], state["rows"]
        self.best = None if state["best"] is None else Score(**state["best"])
        # A phase is made for its first epoch: the one that this epoch belongs to is built, then filled.
        self.epoch = max(0, state["epoch"] - 1)
        self.phase = self._phase()
        self.epoch = state["epoch"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.phase.restore(state["phase"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["global_generator"])
        if state.get("device") == self.device.type:
            devices.restore_generators(self.device, state["device_generators"])
