"""A text recipe: one YAML file, validated, that together with its data makes one text model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from mien.training.recipe_file import Section, Seed, load


class TextDataSection(Section):
    """Where comments come from. Paths are relative to the working folder."""

    train: Path
    """Comments with the 28 labels of GoEmotions."""
    language: Literal["en"] | None = "en"
    """That they are in: texts plainly in another one are then not read. None reads whatever it is given."""
    tune_share: float = Field(0.1, gt=0, lt=0.5)
    """Share of the training comments that the weights never see: thresholds and calibration are fitted to them."""
    named_share: float = Field(0.5, ge=0, le=1)
    """Share of the comments with a hidden name that show one instead, drawn anew each epoch."""
    emoji_copies: int = Field(0, ge=0)
    """Comments an epoch that each emoji of ``emoji.py`` decides, alone and after a neutral comment."""
    neutral_share: float = Field(0.6, gt=0, le=1)
    """Share of the comments labelled neutral alone that an epoch shows, drawn anew each epoch."""


class VocabularySection(Section):
    """Which word pieces of the published encoder are kept."""

    minimum_count: int = Field(3, ge=1)
    common: int = Field(8000, ge=0)
    """So many of the published vocabulary's first words are kept, seen or not; they are its most frequent."""


class TextScheduleSection(Section):
    """How long and how fast."""

    epochs: int = Field(3, ge=1)
    stop_after: int | None = Field(None, ge=1)
    """End after this epoch of the schedule, with the rate still high: a stage that another one goes on from."""
    batch_size: int = Field(64, ge=2)
    peak_learning_rate: float = Field(2.2e-4, gt=0)
    layer_decay: float = Field(0.9, gt=0, le=1)
    """Each layer learns this much slower than the one above it."""
    head_factor: float = Field(5.0, gt=0)
    """The heads start from nothing and learn this much faster than the top layer."""
    weight_decay: float = Field(0.01, ge=0)
    warmup_share: float = Field(0.06, gt=0, lt=1)
    average_decay: float = Field(0.996, ge=0, lt=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    rare_weight: float = Field(0.25, ge=0, le=1)
    """A label in a share s of the comments weighs s to the power of minus this where it is present."""


class TextRecipe(Section):
    """Everything that decides what a text training run makes."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    encoder: str = "minilm"
    """Entry of the weights registry the encoder starts from; ``<encoder>-tokenizer`` is its tokenizer."""
    start_from: tuple[Path, ...] = ()
    """Weights of an earlier run on the same data; their mean is the start, in place of the published encoder."""
    longest: int = Field(96, ge=16, le=512)
    """Pieces a comment may have, the opening and closing one included; longer texts are read in windows of it."""
    inner: int = Field(1024, ge=1)
    """Units of each feed-forward block that are kept; the published encoder has 1536."""
    seeds: tuple[Seed, ...] = Field((1, 2), min_length=1)
    """One run each; the model is the mean of their weights (Wortsman et al., 2022, *Model soups*)."""
    threads: int = Field(1, ge=1)
    data: TextDataSection
    vocabulary: VocabularySection = VocabularySection()
    schedule: TextScheduleSection = TextScheduleSection()


def load_text_recipe(path: Path) -> TextRecipe:
    """Read and check a recipe; raises as :func:`mien.training.recipe_file.load` does."""
    return load(path, TextRecipe)
