"""A training recipe: one YAML file, validated, that together with its data makes one model."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from mien.core.errors import SettingsError
from mien.core.labels import LABEL_SETS
from mien.evaluation.layouts import Part
from mien.preprocess import InputFormat
from mien.training import architectures
from mien.training.augment import PROBABILITIES, SMALL_SIZES, AugmentOptions
from mien.training.recipe_file import Section, Seed, load

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Metric = Literal["macro_f1", "macro_recall", "majority", "argmax", "valid_loss"]


class DataSection(Section):
    """Where faces come from, and what is learned of them. Paths are relative to the working folder."""

    train: Path
    valid: Path
    train_part: Part = "all"
    valid_part: Part = "all"
    layout: str | None = None
    """Of both (:mod:`mien.evaluation.layouts`); found out when not named."""
    label_map: dict[str, str] = Field(default_factory=dict)
    """The data's own class names to ``labels``, ``unknown``, ``not-a-face`` or ``ignore``."""
    labels: tuple[str, ...] = ()
    """Classes of the data where they are not the canonical emotions."""
    label_set: str = "ferplus8"
    """The view of canonical emotions that is learned, such as ``engagement5`` or ``compound12``."""
    targets: Literal["votes", "majority", "argmax"] = "votes"
    """Soft labels (each class's share of the votes), or the class that a protocol gives; faces it drops are dropped."""
    drop_single_votes: bool = True
    drop_copies: bool = False
    """Leave out training pictures that show a photograph of the validation split."""
    balance: Share = 0.0
    """Oversampling: 0 takes each face once an epoch, 1 draws each class equally often, between is between."""
    aligned_share: Share = 0.5
    """Share of crops cut by the serving path from detected landmarks; the rest are the pictures as they are."""
    detector: str = "yunet"
    framings: tuple[Positive, ...] = (2.5,)
    """Magnifications at which the detector looks at each picture. Its landmarks differ a little between them; a crop
    takes those of one at random: framing jitter as the detector makes it."""

    @field_validator("label_set")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in LABEL_SETS:
            raise ValueError(f"unknown label set {name!r}: choose one of {', '.join(LABEL_SETS)}")
        return name


class CropSection(Section):
    """The crop written into the model's ``preprocess.json``; ``size`` is the side of the network's input, pixels."""

    size: int = Field(48, ge=24, le=512)
    side: float = Field(1.876, gt=0)
    raise_centre: float = 0.153
    align: bool = True


class InputSection(Section):
    """How pixels become the network's input, written into ``preprocess.json``; see :class:`InputFormat`."""

    colour: Literal["grey", "rgb"] = "grey"
    equalise: bool = True
    mean: tuple[float, ...] = (0.5,)
    deviation: tuple[Positive, ...] = (0.25,)

    @model_validator(mode="after")
    def _fit_the_channels(self) -> Self:
        for name in ("mean", "deviation"):
            count = len(getattr(self, name))
            if count not in (1, self.channels):
                takes = "1 value" if self.channels == 1 else f"1 value, or {self.channels}"
                raise ValueError(f"{name} has {count} values, where {self.colour} input takes {takes}")
        return self

    @property
    def channels(self) -> int:
        """Of the network's input."""
        return 1 if self.colour == "grey" else 3

    def form(self) -> InputFormat:
        """The same, as preprocessing takes it."""
        return InputFormat(self.colour, self.equalise, self.mean, self.deviation)


class LossSection(Section):
    """What is minimised. Every kind takes soft labels."""

    kind: Literal["cross_entropy", "focal", "balanced_softmax"] = "cross_entropy"
    focal_gamma: float = Field(2.0, ge=0)
    prior_strength: float = Field(1.0, ge=0)
    """Of balanced softmax: the power of the classes' shares that is taken out of the answer."""
    class_weights: Literal["none", "inverse", "effective"] | dict[str, Positive] = "none"
    """``inverse`` of each class's share; of its ``effective`` number (Cui et al., 2019); or a weight a class."""


class OptimiserSection(Section):
    """Which steps are taken; rates and weight decay are the schedule's."""

    kind: Literal["adamw", "adam", "sgd"] = "adamw"
    momentum: Share = 0.9
    """Of ``sgd``, with Nesterov's correction."""


class FreezeSection(Section):
    """First the head alone, then everything: for starts from weights made for something else. Needs a start."""

    epochs: int = Field(0, ge=0)
    """Epochs in which the body stands still; they come before the schedule's."""
    head_learning_rate: Positive = 1e-3
    """In those epochs."""
    body_rate_share: float = Field(1.0, gt=0, le=1)
    """Afterwards, the body's learning rate as a share of the head's."""


class ScheduleSection(Section):
    """How long and how fast."""

    epochs: int = Field(30, ge=1)
    batch_size: int = Field(128, ge=2)
    kind: Literal["one_cycle", "cosine", "step", "plateau", "constant"] = "one_cycle"
    peak_learning_rate: Positive = 3e-3
    weight_decay: float = Field(0.02, ge=0)
    warmup_share: float = Field(0.2, gt=0, lt=1)
    """Of all steps: ``one_cycle`` and ``cosine`` rise so long."""
    step_epochs: int = Field(10, ge=1)
    step_factor: float = Field(0.1, gt=0, lt=1)
    """``step`` multiplies the rate by it every ``step_epochs``, ``plateau`` when the metric has not risen for
    ``plateau_patience_epochs``."""
    plateau_patience_epochs: int = Field(3, ge=0)
    clip_norm: float = Field(2.0, gt=0)
    """Longest gradient; a longer one is scaled down."""
    average_decay: float = Field(0.998, ge=0, lt=1)
    """Decay, a step, of the moving average of the weights; the average is what is evaluated and kept. After n batches
    it is (1 + n) / (10 + n) where that is less, so that a short run does not end near its start."""
    mixup_alpha: float = Field(0.2, ge=0)
    cutmix_alpha: float = Field(0.0, ge=0)
    """Of the two, half of the batches are mixed; with both on, each takes half of those."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)


class SelectionSection(Section):
    """Which epoch is kept, and when to stop."""

    metric: Metric = "macro_f1"
    """On validation; ``valid_loss`` is the lower the better, the others the higher."""
    patience_epochs: int | None = Field(None, ge=1)
    """Stop when the metric has not become better for so long; None runs every epoch."""


class DistilSection(Section):
    """Learning from a teacher's stored answers (``mien data teach``) beside the votes (Hinton et al., 2015)."""

    labels: Path
    share: Share = 0.5
    """Of the loss that is the teacher's; the rest is the votes'."""
    temperature: float = Field(1.0, ge=1)
    """Softens teacher and student alike; the teacher's part is multiplied by its square."""


class Recipe(Section):
    """Everything that decides what a training run makes."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    architecture: str = "mien"
    options: dict[str, int | float | list[int]] = Field(default_factory=dict)
    start_from: Path | None = None
    """Checkpoint, or file of weights alone, that is the start: a second stage, or other data. There is one start."""
    pretrained: str | None = None
    """Name in the weights registry of weights that are the start, such as ``mobilenetv2-imagenet``."""
    mirror: bool = False
    """Whether serving averages each crop with its mirror image; written into ``preprocess.json``."""
    quantise: bool = False
    """Whether the shipped graph is in eight-bit integers."""
    seed: Seed = 42
    threads: int = Field(2, ge=1)
    precision: Literal["float32", "bfloat16"] = "float32"
    data: DataSection
    crop: CropSection = CropSection()
    input: InputSection = InputSection()
    loss: LossSection = LossSection()
    optimiser: OptimiserSection = OptimiserSection()
    freeze: FreezeSection = FreezeSection()
    schedule: ScheduleSection = ScheduleSection()
    selection: SelectionSection = SelectionSection()
    distil: DistilSection | None = None
    augment: dict[str, float] = Field(default_factory=dict)
    """Fields of :class:`mien.training.augment.AugmentOptions`."""

    @field_validator("architecture")
    @classmethod
    def _is_an_architecture(cls, name: str) -> str:
        try:
            architectures.check_options(name, {})
        except SettingsError as error:
            raise ValueError(str(error)) from error
        return name

    @field_validator("options")
    @classmethod
    def _are_its_options(cls, given: dict[str, int | float | list[int]], info: ValidationInfo) -> dict[str, Any]:
        if "architecture" in info.data:
            try:
                architectures.check_options(info.data["architecture"], given)
            except SettingsError as error:
                raise ValueError(str(error)) from error
        return given

    @field_validator("augment")
    @classmethod
    def _are_augmentations(cls, given: dict[str, float]) -> dict[str, float]:
        known = [field.name for field in fields(AugmentOptions)]
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise ValueError(f"no augmentation {', '.join(unknown)}: there are {', '.join(known)}")
        below = sorted(name for name, value in given.items() if value < 0)
        if below:
            raise ValueError(f"{', '.join(below)} must not be negative")
        above = sorted(name for name in PROBABILITIES if given.get(name, 0.0) > 1)
        if above:
            raise ValueError(f"{', '.join(above)} must not be above 1: a probability")
        smallest = given.get("smallest_px")
        if smallest is not None and smallest not in SMALL_SIZES:
            raise ValueError(f"smallest_px must be one of {', '.join(map(str, SMALL_SIZES))}, not {smallest:g}")
        return given

    @model_validator(mode="after")
    def _starts_where_it_holds_still(self) -> Self:
        if self.pretrained is not None and self.start_from is not None:
            raise ValueError("pretrained and start_from are both given, and a run has one start: leave one out")
        held = [
            name
            for name, layers in (("freeze.epochs", self.freeze.epochs), ("options.frozen", self.options.get("frozen")))
            if layers
        ]
        if held and self.pretrained is None and self.start_from is None:
            raise ValueError(
                f"{held[0]} holds layers still, which would be random ones: name a start (pretrained or start_from), "
                f"or leave out {held[0]}"
            )
        return self

    @property
    def epochs(self) -> int:
        """Of the whole run, frozen ones among them."""
        return self.freeze.epochs + self.schedule.epochs

    @property
    def shifts_shares(self) -> bool:
        """Whether what is minimised makes rare classes likelier than the votes do."""
        return self.loss.kind == "balanced_softmax" or self.loss.class_weights != "none" or self.data.balance > 0

    def augmentation(self) -> AugmentOptions:
        """The strengths of each change to a face."""
        return AugmentOptions(**self.augment)  # type: ignore[arg-type]


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe; raises as :func:`mien.training.recipe_file.load` does."""
    return load(path, Recipe)
