"""One text training run: comments in, averaged weights and a learning curve out."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from mien.core.labels import ekman_of
from mien.report.partial import written_whole
from mien.training.text.data import FloatArray, IntArray, batches, encode, name_people, pad
from mien.training.text.emoji import FEELINGS, drawn
from mien.training.text.encoder import TextEncoder
from mien.training.text.recipe import TextRecipe, TextScheduleSection

AVERAGE_EVERY: Final = 4
"""Steps between updates of the moving average, which costs as much memory traffic as a fifth of a step."""


@dataclass(frozen=True, slots=True)
class Comments:
    """What a run sees.

    Attributes:
        texts: N comments.
        targets: float32 N×C for each head, 0 or 1: the 28 labels, and the seven.
        neutral: index of the label of the first head that says nothing was felt.
    """

    texts: Sequence[str]
    targets: tuple[FloatArray, FloatArray]
    neutral: int


@dataclass(frozen=True, slots=True)
class TextEpoch:
    """How a run stands after an epoch: mean loss a comment of the epoch and of the tuning slice."""

    seed: int
    epoch: int
    loss: float
    tune_loss: float
    seconds: float


def train(
    recipe: TextRecipe,
    seed: int,
    network: TextEncoder,
    tokenizer: Tokenizer,
    fit: Comments,
    tune: Comments,
    out: Path,
    report: Callable[[TextEpoch], None] = lambda epoch: None,
    passing: Callable[[int, int, int], None] = lambda epoch, done, total: None,
) -> Path:
    """Fine-tune ``network`` in place; its averaged weights after the last epoch are written and returned as a path.

    Args:
        recipe: what to do.
        seed: decides the order of the comments, dropout and drawn names.
        network: the start; its heads match ``fit.targets``.
        tokenizer: of the recipe's vocabulary.
        fit: comments for the weights.
        tune: comments the curve is measured on.
        out: folder for ``seed-<n>.pt`` and ``seed-<n>.csv``; made when missing.
        report: told after each epoch.
        passing: told after each batch: epoch, batches done, batches of the epoch (about as many).
    """
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    schedule = recipe.schedule
    out.mkdir(parents=True, exist_ok=True)
    weights = [rare_weights(t, schedule.rare_weight) for t in fit.targets]
    targets = [torch.from_numpy(t) for t in fit.targets]
    # Emoji are taught in the 28 labels: the first head's.
    silent = fit.targets[0].sum(axis=1) == fit.targets[0][:, fit.neutral]
    speechless = np.flatnonzero(silent).tolist()
    optimiser = torch.optim.AdamW(parameter_groups(network, schedule), fused=True)
    shown_of_each = float((~silent).sum()) + recipe.data.neutral_share * len(speechless)
    taught = 2 * recipe.data.emoji_copies * sum(map(len, FEELINGS.values()))
    per_epoch = math.ceil((shown_of_each + taught) / schedule.batch_size)
    total = per_epoch * schedule.epochs
    pace = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _pace(step / total, schedule.warmup_share))
    average = torch.optim.swa_utils.AveragedModel(
        network,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(schedule.average_decay**AVERAGE_EVERY),  # type: ignore[no-untyped-call]
    )
    path = out / f"seed-{seed}.pt"
    with (out / f"seed-{seed}.csv").open("w", newline="", encoding="utf-8") as stream:
        curve = csv.writer(stream)
        curve.writerow(["epoch", "loss", "tune_loss", "seconds"])
        for epoch in range(1, min(schedule.epochs, schedule.stop_after or schedule.epochs) + 1):
            started = time.monotonic()
            losses: list[float] = []
            network.train()
            shown = np.flatnonzero(~silent | (generator.random(len(silent)) < recipe.data.neutral_share))
            texts = [
                name_people(fit.texts[i], generator) if generator.random() < recipe.data.named_share else fit.texts[i]
                for i in shown.tolist()
            ]
            answers = [target[torch.from_numpy(shown)] for target in targets]
            if recipe.data.emoji_copies:
                more, truth = drawn([fit.texts[i] for i in speechless], recipe.data.emoji_copies, generator)
                texts += more
                extra = (truth, ekman_of(truth))
                answers = [torch.cat([t, torch.from_numpy(x)]) for t, x in zip(answers, extra, strict=True)]
            rows = encode(tokenizer, texts, recipe.longest)
            for batch in batches([len(row) for row in rows], schedule.batch_size, generator):
                ids, mask = pad([rows[i] for i in batch])
                chosen = torch.from_numpy(batch)
                loss = joint_loss(network(ids, mask), [t[chosen] for t in answers], weights)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                pace.step()
                if len(losses) % AVERAGE_EVERY == 0:
                    average.update_parameters(network)
                losses.append(float(loss.detach()))
                passing(epoch, len(losses), per_epoch)
            kept = average.module
            logits = predict(kept, encode(tokenizer, tune.texts, recipe.longest))
            tuned = joint_loss(
                [torch.from_numpy(x) for x in logits],
                [torch.from_numpy(t) for t in tune.targets],
                [torch.ones(t.shape[1]) for t in tune.targets],
            )
            state = TextEpoch(seed, epoch, float(np.mean(losses)), float(tuned), time.monotonic() - started)
            curve.writerow([epoch, f"{state.loss:.4f}", f"{state.tune_loss:.4f}", f"{state.seconds:.1f}"])
            stream.flush()
            report(state)
    with written_whole(path) as temporary, temporary.open("wb") as weights_file:
        torch.save(average.module.state_dict(), weights_file)
    return path


def rare_weights(targets: FloatArray, exponent: float) -> Tensor:
    """float32 C: what a present label weighs, its share of the comments to the power of ``-exponent``."""
    share = np.maximum(targets.mean(axis=0), 1.0 / len(targets))
    return torch.from_numpy((share**-exponent).astype(np.float32))


def joint_loss(logits: Sequence[Tensor], targets: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Binary cross-entropy, summed over labels and heads, a comment."""
    parts = [
        functional.binary_cross_entropy_with_logits(x, y, pos_weight=w, reduction="sum") / len(y)
        for x, y, w in zip(logits, targets, weights, strict=True)
    ]
    return torch.stack(parts).sum()


def parameter_groups(network: TextEncoder, schedule: TextScheduleSection) -> list[dict[str, object]]:
    """Parameters by depth: the heads learn fastest, each layer below slower; norms and biases do not decay."""
    depth = network.shape.layers
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if name.startswith("heads."):
            rate = schedule.peak_learning_rate * schedule.head_factor
        elif name.startswith("layers."):
            rate = schedule.peak_learning_rate * schedule.layer_decay ** (depth - 1 - int(name.split(".")[1]))
        else:
            rate = schedule.peak_learning_rate * schedule.layer_decay**depth
        decay = schedule.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()]


def predict(network: nn.Module, rows: Sequence[Sequence[int]], size: int = 64) -> tuple[FloatArray, ...]:
    """float32 N×C logits of each head, in the order of ``rows``."""
    network.eval()
    parts: list[tuple[IntArray, list[FloatArray]]] = []
    with torch.inference_mode():
        for batch in batches([len(row) for row in rows], size, None):
            ids, mask = pad([rows[i] for i in batch])
            parts.append((batch, [x.numpy() for x in network(ids, mask)]))
    order = np.argsort(np.concatenate([batch for batch, _ in parts]))
    heads = range(len(parts[0][1]))
    return tuple(np.concatenate([logits[head] for _, logits in parts])[order] for head in heads)


def _pace(progress: float, warmup: float) -> float:
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (progress - warmup) / (1.0 - warmup))))
