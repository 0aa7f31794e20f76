"""How a network stands on the validation split after an epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mien.core.faces import FloatArray, UInt8Array
from mien.evaluation.faces import resized
from mien.preprocess import InputFormat, normalise
from mien.training.data import Held
from mien.training.recipe import Metric


@dataclass(frozen=True, slots=True)
class Score:
    """Figures on the validation split, of the averaged weights.

    Attributes:
        valid_loss: cross-entropy against vote shares, nats.
        majority, argmax: accuracy under each protocol, 0–1.
        macro_recall, macro_f1: means over the classes that occur, argmax protocol, 0–1.
    """

    valid_loss: float
    majority: float
    argmax: float
    macro_recall: float
    macro_f1: float

    def better_than(self, other: Score | None, metric: Metric) -> bool:
        """Whether this one wins by a metric; nothing is worse than none."""
        if other is None:
            return True
        mine, theirs = getattr(self, metric), getattr(other, metric)
        return bool(mine < theirs if metric == "valid_loss" else mine > theirs)


def predict_logits(
    network: nn.Module, images: UInt8Array, form: InputFormat, side: int, batch_size: int = 256
) -> FloatArray:
    """float32 N×K logits of pictures as they are, scaled to the network's side.

    Args:
        network: left in evaluation mode.
        images: uint8 N×S×S grey or N×S×S×3 RGB.
        form: how pixels become its input.
        side: of its input, pixels.
        batch_size: pictures at once.
    """
    network.eval()
    device = next(network.parameters()).device
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            x = torch.from_numpy(normalise(resized(images[start : start + batch_size], side), form)).to(device)
            parts.append(network(x).float().cpu().numpy())
    return np.concatenate(parts)


def score(logits: FloatArray, held: Held) -> Score:
    """Figures of N×K logits of the validation split."""
    guess = logits.argmax(axis=1)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    weight = float(held.targets.sum())
    right = guess[held.argmax.keep] == held.argmax.label
    recall, f1 = _by_class(guess[held.argmax.keep], held.argmax.label)
    return Score(
        float(-(held.targets * log_p).sum() / max(weight, 1e-9)),
        float((guess[held.majority.keep] == held.majority.label).mean()) if len(held.majority.keep) else 0.0,
        float(right.mean()) if len(right) else 0.0,
        recall,
        f1,
    )


def _by_class(guess: npt.NDArray[np.intp], truth: npt.NDArray[np.intp]) -> tuple[float, float]:
    """Mean recall and mean F1 over the classes that occur."""
    recalls, f1s = [], []
    for number in np.unique(truth):
        hit = float(((guess == number) & (truth == number)).sum())
        recalls.append(hit / float((truth == number).sum()))
        f1s.append(2 * hit / float((truth == number).sum() + (guess == number).sum()))
    return (float(np.mean(recalls)), float(np.mean(f1s))) if recalls else (0.0, 0.0)
