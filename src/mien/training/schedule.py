"""Steps and their sizes: the optimiser over body and head, and how its learning rates move."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.optim import lr_scheduler

from mien.training.recipe import Recipe

FLOOR = 0.01
"""Where a cosine ends, as a share of its peak."""


class Phase:
    """A stretch of epochs with one optimiser and one schedule: the frozen epochs, or those after them.

    Args:
        recipe: how.
        network: whose weights are trained. While frozen, those of the body are left out.
        head: prefix of the head's parameters.
        frozen: whether the body stands still.
        steps: batches an epoch.
    """

    def __init__(self, recipe: Recipe, network: nn.Module, head: str, *, frozen: bool, steps: int) -> None:
        self._plateau = recipe.schedule.kind == "plateau" and not frozen
        self._lower_is_better = recipe.selection.metric == "valid_loss"
        body = [p for name, p in network.named_parameters() if not name.startswith(head)]
        answer = [p for name, p in network.named_parameters() if name.startswith(head)]
        rate = recipe.freeze.head_learning_rate if frozen else recipe.schedule.peak_learning_rate
        groups: list[dict[str, Any]] = [{"params": answer, "lr": rate}]
        if not frozen:
            groups.insert(0, {"params": body, "lr": rate * recipe.freeze.body_rate_share})
        self.optimiser = _optimiser(recipe, groups)
        self._schedule = None if frozen else self._scheduled(recipe, steps)
        self._each_batch = recipe.schedule.kind in ("one_cycle", "cosine")

    @property
    def learning_rate(self) -> float:
        """Of the head, now."""
        return float(self.optimiser.param_groups[-1]["lr"])

    def after_batch(self) -> None:
        """Move the rates that move with every batch."""
        if self._schedule is not None and self._each_batch:
            self._schedule.step()

    def after_epoch(self, score: float) -> None:
        """Move the rates that move with every epoch.

        Args:
            score: of the epoch, by the recipe's metric.
        """
        if self._schedule is not None and not self._each_batch:
            if self._plateau:
                self._schedule.step(score)
            else:
                self._schedule.step()

    def state(self) -> dict[str, Any]:
        """Everything needed to go on."""
        return {
            "optimiser": self.optimiser.state_dict(),
            "schedule": None if self._schedule is None else self._schedule.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.optimiser.load_state_dict(state["optimiser"])
        if self._schedule is not None:
            self._schedule.load_state_dict(state["schedule"])

    def _scheduled(self, recipe: Recipe, steps: int) -> Any:
        section, optimiser = recipe.schedule, self.optimiser
        total = max(3, section.epochs * steps)
        if section.kind == "one_cycle":
            peaks = [group["lr"] for group in optimiser.param_groups]
            # OneCycleLR divides by the length of its rise, 0 where that is one batch, and by that of its fall.
            rise = max(section.warmup_share, 2 / total)
            return lr_scheduler.OneCycleLR(optimiser, max_lr=peaks, total_steps=total, pct_start=rise)
        if section.kind == "cosine":
            rise = max(1, round(section.warmup_share * total))
            return lr_scheduler.LambdaLR(optimiser, lambda step: cosine(step, rise, total))
        if section.kind == "step":
            return lr_scheduler.StepLR(optimiser, section.step_epochs, section.step_factor)
        if section.kind == "plateau":
            return lr_scheduler.ReduceLROnPlateau(
                optimiser,
                "min" if self._lower_is_better else "max",
                section.step_factor,
                section.plateau_patience_epochs,
            )
        return lr_scheduler.ConstantLR(optimiser, factor=1.0)


def cosine(step: int, rise: int, total: int) -> float:
    """Share of the peak at a step: a straight rise, then half a cosine down to :data:`FLOOR`.

    Args:
        step: from 0.
        rise: steps until the peak.
        total: steps in all.
    """
    if step < rise:
        return (step + 1) / rise
    along = min(1.0, (step - rise) / max(1, total - rise))
    return FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * along)) / 2


def _optimiser(recipe: Recipe, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    section, decay = recipe.optimiser, recipe.schedule.weight_decay
    if section.kind == "sgd":
        return torch.optim.SGD(groups, momentum=section.momentum, nesterov=section.momentum > 0, weight_decay=decay)
    kind = torch.optim.AdamW if section.kind == "adamw" else torch.optim.Adam
    return kind(groups, weight_decay=decay)
