"""One training run: a recipe in, a checkpoint and its learning curve out."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.errors import InputError
from mien.core.faces import CropGeometry, FaceDetector, FloatArray
from mien.core.labels import FERPLUS8
from mien.evaluation.faces import VotedFaces, load_voted_faces
from mien.evaluation.protocols import argmax_truth, majority_truth
from mien.preprocess import InputFormat, normalise
from mien.training import architectures
from mien.training.augment import AugmentOptions, augment
from mien.training.data import crop_maps, detect_landmarks, soft_targets
from mien.training.recipe import Recipe

INPUT = InputFormat(colour="grey", equalise=True)


@dataclass(frozen=True, slots=True)
class EpochReport:
    """How a run stands after an epoch; accuracies are shares 0–1 on the validation split."""

    epoch: int
    loss: float
    majority8: float
    argmax8: float
    macro_recall: float
    seconds: float


def build_network(recipe: Recipe) -> nn.Module:
    """The untrained network of a recipe.

    Raises:
        SettingsError: no such architecture.
    """
    return architectures.build_network(recipe.architecture, len(FERPLUS8), 1, recipe.options)


def train(
    recipe: Recipe,
    out: Path,
    detector: FaceDetector | None,
    report: Callable[[EpochReport], None] = lambda epoch: None,
) -> Path:
    """Run a recipe.

    Args:
        recipe: what to do.
        out: folder for ``checkpoint.pt`` and ``curve.csv``; made when missing.
        detector: finds the landmarks for aligned crops; None only when ``aligned_share`` is 0.
        report: told after each epoch.

    Returns:
        The checkpoint with the averaged weights that had the best validation accuracy (majority protocol).
    """
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads)
    generator = torch.Generator().manual_seed(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    training, validation = load_voted_faces(recipe.data.train), load_voted_faces(recipe.data.valid)
    targets = soft_targets(training.votes, drop_single_votes=recipe.data.drop_single_votes)
    rows = torch.from_numpy(np.flatnonzero(targets.sum(axis=1) > 0))
    images, truth = torch.from_numpy(training.images), torch.from_numpy(targets)
    aligned = torch.from_numpy(_aligned_maps(recipe, training, detector, out))
    identity = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    options = AugmentOptions(**recipe.augment)  # type: ignore[arg-type]

    # Channels last lets oneDNN run these convolutions a quarter faster on a CPU.
    network = build_network(recipe)
    if recipe.start_from is not None:
        network.start_from(read_checkpoint(recipe.start_from)["weights"])  # type: ignore[operator]
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = torch.optim.swa_utils.AveragedModel(
        network,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(  # type: ignore[no-untyped-call]
            recipe.schedule.average_decay
        ),
        use_buffers=True,
    )
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=recipe.schedule.peak_learning_rate, weight_decay=recipe.schedule.weight_decay
    )
    steps = len(rows) // recipe.schedule.batch_size
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        max_lr=recipe.schedule.peak_learning_rate,
        total_steps=max(2, recipe.schedule.epochs * steps),
        pct_start=recipe.schedule.warmup_share,
    )
    best, best_accuracy = out / "checkpoint.pt", -1.0
    with (out / "curve.csv").open("w", newline="", encoding="utf-8") as stream:
        curve = csv.writer(stream)
        curve.writerow(["epoch", "loss", "majority8", "argmax8", "macro_recall", "seconds"])
        for epoch in range(1, recipe.schedule.epochs + 1):
            started, losses = time.monotonic(), []
            network.train()
            order = rows[torch.randperm(len(rows), generator=generator)]
            for step in range(steps):
                batch = order[step * recipe.schedule.batch_size : (step + 1) * recipe.schedule.batch_size]
                use = torch.rand(len(batch), generator=generator) < recipe.data.aligned_share
                frames = torch.where(use[:, None, None], aligned[batch], identity)
                pixels = augment(images[batch], frames, options, generator)
                x, y = _mixup(_standardise(pixels), truth[batch], recipe.schedule.mixup_alpha, generator)
                y = y * (1 - recipe.schedule.label_smoothing) + recipe.schedule.label_smoothing / y.shape[1]
                with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
                    logits = network(x.contiguous(memory_format=torch.channels_last))
                loss = -(y * functional.log_softmax(logits.float(), dim=1)).sum(dim=1).mean()
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(network.parameters(), 2.0)
                optimiser.step()
                schedule.step()
                average.update_parameters(network)
                losses.append(float(loss.detach()))
            state = _evaluate(epoch, float(np.mean(losses)), average.module, validation, started)
            curve.writerow([state.epoch, f"{state.loss:.4f}", f"{state.majority8:.4f}", f"{state.argmax8:.4f}",
                            f"{state.macro_recall:.4f}", f"{state.seconds:.1f}"])  # fmt: skip
            stream.flush()
            report(state)
            if state.majority8 > best_accuracy:
                best_accuracy = state.majority8
                torch.save({"recipe": recipe.model_dump(mode="json"), "weights": average.module.state_dict()}, best)
    return best


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's ``recipe`` (plain data) and ``weights`` (state dict).

    Raises:
        InputError: no such file, or not a checkpoint.
    """
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"cannot read the checkpoint {path}: {error.strerror}") from error
    except Exception as error:
        raise InputError(f"{path} is not a checkpoint of 'mien train': {error}") from error
    return saved


def predict_logits(network: nn.Module, images: np.ndarray, batch_size: int = 256) -> FloatArray:
    """float32 N×C logits of uint8 N×S×S grey pictures, as they are."""
    network.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            x = torch.from_numpy(normalise(images[start : start + batch_size], INPUT))
            parts.append(network(x).float().numpy())
    return np.concatenate(parts)


def _aligned_maps(recipe: Recipe, faces: VotedFaces, detector: FaceDetector | None, out: Path) -> FloatArray:
    geometry = CropGeometry(recipe.crop.size, recipe.crop.side, recipe.crop.raise_centre, recipe.crop.align)
    side = faces.images.shape[1]
    if recipe.data.aligned_share == 0 or detector is None:
        return crop_maps(np.full((len(faces), 5, 2), np.nan, np.float32), geometry, side)
    cache = out / "landmarks.npy"
    if cache.exists():
        landmarks = np.load(cache)
    else:
        landmarks = detect_landmarks(faces, detector)
        np.save(cache, landmarks)
    return crop_maps(landmarks, geometry, side)


def _standardise(pixels: Tensor) -> Tensor:
    """``preprocess.normalise`` with ``equalise``, on a batch of tensors."""
    mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
    spread = pixels.std(dim=(1, 2, 3), keepdim=True, unbiased=False)
    return (pixels - mean) / (spread + 1e-2)


def _mixup(x: Tensor, y: Tensor, alpha: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Half of the batches are mixed with a shuffled copy of themselves (Zhang et al., 2018)."""
    if alpha <= 0 or float(torch.rand(1, generator=generator)) < 0.5:
        return x, y
    draws = torch._standard_gamma(torch.full((2,), alpha), generator=generator)
    share = float(draws[0] / draws.sum().clamp_min(1e-8))
    other = torch.randperm(len(x), generator=generator)
    return share * x + (1 - share) * x[other], share * y + (1 - share) * y[other]


def _evaluate(epoch: int, loss: float, network: nn.Module, faces: VotedFaces, started: float) -> EpochReport:
    guess = predict_logits(network, faces.images).argmax(axis=1)
    majority, argmax = majority_truth(faces.votes), argmax_truth(faces.votes)
    right = guess[argmax.keep] == argmax.label
    recall = [float(right[argmax.label == c].mean()) for c in np.unique(argmax.label)]
    return EpochReport(
        epoch,
        loss,
        float((guess[majority.keep] == majority.label).mean()),
        float(right.mean()),
        float(np.mean(recall)),
        time.monotonic() - started,
    )
