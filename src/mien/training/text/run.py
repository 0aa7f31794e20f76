"""A text recipe from start to model folder: vocabulary, start, one run a seed, their mean, calibration, export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from mien import weights
from mien.core.errors import InputError
from mien.core.labels import TEXT_EKMAN, TEXT_ORIGINAL, ekman_of
from mien.evaluation.text import LabelledTexts, TextEvaluation, evaluate_texts, read_labelled
from mien.training.text.calibrate import BoolArray, Calibration, calibrate
from mien.training.text.data import FloatArray, encode, split
from mien.training.text.encoder import EncoderShape, TextEncoder, read_tensors, start_from_minilm
from mien.training.text.export import graph_logits, graphs, write_folder
from mien.training.text.recipe import TextRecipe
from mien.training.text.shrink import shrink
from mien.training.text.train import Comments, TextEpoch, train
from mien.training.text.vocabulary import prune

HEADS: Final = (TEXT_ORIGINAL, TEXT_EKMAN)
"""In the order of the network's heads."""
SHRINKING_TEXTS: Final = 1500
START_SEED: Final = 0
"""The heads of every run begin alike: only then are their weights near enough to be averaged."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What every seed of a recipe shares.

    Attributes:
        tokenizer: JSON of the pruned vocabulary.
        start: weights to begin from.
        shape: of the network.
        fit: comments for the weights.
        tune: comments for calibration and thresholds.
    """

    tokenizer: str
    start: Mapping[str, Tensor]
    shape: EncoderShape
    fit: Comments
    tune: Comments


@dataclass(frozen=True, slots=True)
class Exported:
    """A written model folder, and how its graph does on the tuning slice, which chose its thresholds.

    Attributes:
        folder: where it is.
        plain: in 32-bit floats with a calibration of its own, by label set.
        small: in eight bits, as written.
    """

    folder: Path
    plain: Mapping[str, TextEvaluation]
    small: Mapping[str, TextEvaluation]


def prepare(recipe: TextRecipe) -> Prepared:
    """Vocabulary, start and data of a recipe; the encoder is fetched when it is not there.

    Raises:
        InputError: the comments cannot be read.
        WeightsError: the encoder cannot be had.
    """
    labelled = read_labelled(recipe.data.train, TEXT_ORIGINAL)
    truth = labelled.truth.astype(np.float32)
    parts = split(labelled.texts, truth, recipe.data.tune_share)
    fit, tune = _comments(labelled, truth, parts.fit), _comments(labelled, truth, parts.tune)
    tensors = read_tensors(weights.load(recipe.encoder).content)
    published = weights.load(f"{recipe.encoder}-tokenizer").content.decode("utf-8")
    embeddings = tensors["embeddings.word_embeddings.weight"]
    vocabulary = prune(published, embeddings, fit.texts, recipe.vocabulary.minimum_count, recipe.vocabulary.common)
    network = _network(recipe, EncoderShape(len(vocabulary.embeddings), recipe.longest))
    start_from_minilm(network, tensors, vocabulary.embeddings)
    if recipe.inner < network.shape.inner:
        shown = np.random.default_rng(START_SEED).choice(
            len(fit.texts), min(SHRINKING_TEXTS, len(fit.texts)), replace=False
        )
        rows = encode(Tokenizer.from_str(vocabulary.tokenizer), [fit.texts[i] for i in shown], recipe.longest)
        network = shrink(network, rows, recipe.inner)
    if recipe.start_from:
        network.load_state_dict(_mean(recipe.start_from))
    return Prepared(vocabulary.tokenizer, network.state_dict(), network.shape, fit, tune)


def run_seed(
    recipe: TextRecipe,
    prepared: Prepared,
    seed: int,
    out: Path,
    report: Callable[[TextEpoch], None],
    passing: Callable[[int, int, int], None],
) -> Path:
    """Train one seed, as :func:`mien.training.text.train.train` does; its weights lie in ``out/seed-<n>.pt``."""
    torch.set_num_threads(recipe.threads)
    network = _network(recipe, prepared.shape)
    network.load_state_dict(prepared.start)
    tokenizer = Tokenizer.from_str(prepared.tokenizer)
    return train(recipe, seed, network, tokenizer, prepared.fit, prepared.tune, out, report, passing)


def finish(recipe: TextRecipe, prepared: Prepared, runs: Sequence[Path], folder: Path) -> Exported:
    """The mean of the runs' weights, calibrated as the eight-bit graph answers, as a model folder."""
    network = _network(recipe, prepared.shape)
    network.load_state_dict(_mean(runs))
    names = [labels.name for labels in HEADS]
    made = graphs(network.eval(), names)
    rows = encode(Tokenizer.from_str(prepared.tokenizer), prepared.tune.texts, recipe.longest)
    plain, small = (graph_logits(graph, rows, names) for graph in (made.plain, made.small))
    truth = [target > 0 for target in prepared.tune.targets]
    fitted = [calibrate(logits, answer) for logits, answer in zip(small, truth, strict=True)]
    heads = dict(zip(HEADS, fitted, strict=True))
    write_folder(folder, made.small, prepared.tokenizer, recipe.longest, heads, recipe.data.language)
    own = [calibrate(logits, answer) for logits, answer in zip(plain, truth, strict=True)]
    return Exported(folder, _scores(plain, own, truth), _scores(small, fitted, truth))


def _mean(runs: Sequence[Path]) -> dict[str, Tensor]:
    """The mean of the weights of several runs.

    Raises:
        InputError: a file is not there, or holds no weights.
    """
    states: list[dict[str, Tensor]] = []
    for run in runs:
        try:
            states.append(torch.load(run, map_location="cpu", weights_only=True))
        except OSError as error:
            raise InputError(f"cannot read the weights {run}: {error.strerror}") from error
        except Exception as error:
            raise InputError(f"{run} holds no weights of 'mien text train': {error}") from error
    return {name: torch.stack([state[name] for state in states]).mean(dim=0) for name in states[0]}


def _scores(
    logits: Sequence[FloatArray], fits: Sequence[Calibration], truth: Sequence[BoolArray]
) -> dict[str, TextEvaluation]:
    return {
        labels.name: evaluate_texts(fit.probabilities(x), fit.thresholds, answer, labels)
        for labels, fit, x, answer in zip(HEADS, fits, logits, truth, strict=True)
    }


def _network(recipe: TextRecipe, shape: EncoderShape) -> TextEncoder:
    torch.manual_seed(START_SEED)
    dropout = recipe.schedule.dropout
    return TextEncoder(shape, [len(labels) for labels in HEADS], dropout, dropout)


def _comments(labelled: LabelledTexts, truth: FloatArray, rows: np.ndarray) -> Comments:
    texts = [labelled.texts[i] for i in rows]
    return Comments(texts, (truth[rows], ekman_of(truth[rows])), TEXT_ORIGINAL.index("neutral"))
