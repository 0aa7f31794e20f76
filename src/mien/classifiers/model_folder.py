"""A classifier from a model folder, which is how Mien ships its own and how users bring theirs.

A folder holds ``model.onnx`` (float32 N×C×S×S in, N×K logits or probabilities out), ``label_map.json`` (the exact label
order of the checkpoint) and ``preprocess.json`` (crop geometry, input format, calibration, the graph's hash).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mien.core.errors import WeightsError
from mien.core.faces import CropGeometry, EmotionClassifier, FloatArray, UInt8Array
from mien.core.labels import EMOTIONS, FERPLUS8, LABEL_SETS, LabelSet
from mien.core.operating import OperatingPoint, logit_adjustment
from mien.core.settings import InferenceSettings
from mien.inference import open_session
from mien.preprocess import InputFormat, normalise

PROBE: Final = 2
"""Faces that a graph is tried with."""
SYNONYMS: Final = {
    "happy": "happiness",
    "joy": "happiness",
    "happiness": "happiness",
    "surprise": "surprise",
    "surprised": "surprise",
    "sad": "sadness",
    "sadness": "sadness",
    "anger": "anger",
    "angry": "anger",
    "disgust": "disgust",
    "disgusted": "disgust",
    "fear": "fear",
    "fearful": "fear",
    "afraid": "fear",
    "contempt": "contempt",
    "neutral": "neutral",
    "calm": "neutral",
}
"""What checkpoints call the canonical emotions."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_D = TypeVar("_D", bound=_Document)


class CropDocument(_Document):
    """``crop`` of ``preprocess.json``; see :class:`mien.core.faces.CropGeometry`. The defaults serve a model that says
    nothing: a margin of 15 % around the face."""

    size: int = Field(48, ge=16, le=512)
    side: float = Field(1.876, gt=0)
    raise_centre: float = 0.153
    align: bool = True
    margin: float = Field(0.15, ge=0, le=1)


class InputDocument(_Document):
    """``input`` of ``preprocess.json``; see :class:`mien.preprocess.InputFormat`."""

    colour: Literal["grey", "rgb"] = "grey"
    equalise: bool = True
    mean: tuple[float, ...] = (0.5,)
    deviation: tuple[Annotated[float, Field(gt=0)], ...] = (0.25,)


class OperatingPointDocument(_Document):
    """One of ``operating_points`` of ``preprocess.json``; see :func:`mien.core.operating.logit_adjustment`."""

    strength: float = Field(ge=0, le=2)
    prior: dict[str, Annotated[float, Field(gt=0, lt=1)]]
    """Share of each canonical emotion among the labels it was chosen on."""
    reason: str = ""
    """How the strength was chosen, in a sentence; reports and cards show it."""
    data_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    """Of the faces it was chosen on: figures of a model at this point on the same faces flatter."""

    @model_validator(mode="after")
    def _prior_is_of_the_eight(self) -> Self:
        if set(self.prior) != set(EMOTIONS) or abs(sum(self.prior.values()) - 1) > 1e-3:
            raise ValueError(f"the prior holds a share of each of {', '.join(EMOTIONS)}, and they sum to 1")
        return self

    def point(self) -> OperatingPoint:
        """As the pipeline uses it."""
        return logit_adjustment(self.strength, [self.prior[e] for e in EMOTIONS], self.reason)


class PreprocessDocument(_Document):
    """``preprocess.json``: everything between a face in a frame and a calibrated probability."""

    schema_version: Literal[1] = 1
    model_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    crop: CropDocument = CropDocument()
    input: InputDocument = InputDocument()
    output: Literal["logits", "probabilities"] = "logits"
    mirror: bool = False
    """Average the outputs over each crop and its mirror image: a face has no preferred side, and two looks err less."""
    temperature: float = Field(1.0, gt=0)
    """Logits are divided by this before the softmax (Guo et al., 2017); fitted on held-out votes."""
    operating_points: dict[Literal["balanced"], OperatingPointDocument] = Field(default_factory=dict)
    """How labels may be taken from the shares otherwise than by the largest; never changes a share."""


class LabelMapDocument(_Document):
    """``label_map.json``: the checkpoint's labels in the order of its outputs."""

    labels: tuple[str, ...] = Field(min_length=2)
    beside: tuple[str, ...] = ()
    """Further outputs, behind those of the labels, that are no emotions' (``valence``): they are left out."""


def create(
    folder: Path, inference: InferenceSettings, content: bytes | None = None, *, own_classes: bool = False
) -> EmotionClassifier:
    """The classifier in a model folder.

    Args:
        folder: where it lies.
        inference: how its graph is run.
        content: the graph, where the folder describes one that lies elsewhere.
        own_classes: take labels that are no canonical emotions, and answer in them: to score or convert the model.
            Whatever serves takes the eight.

    Raises:
        WeightsError: a file is missing or malformed, the graph does not match its hash, or labels are unknown.
    """
    preprocess = read_preprocess(folder)
    labels = read_label_map(folder)
    graph = folder / "model.onnx"
    try:
        content = graph.read_bytes() if content is None else content
    except OSError as error:
        raise WeightsError(f"cannot read {graph}: {error.strerror}. A model folder holds model.onnx.") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if preprocess.model_sha256 not in (None, sha256):
        raise WeightsError(
            f"{graph} is not the model its preprocess.json describes (SHA-256 {sha256[:12]}…, expected "
            f"{str(preprocess.model_sha256)[:12]}…): the file is damaged or was replaced. Reinstall the model."
        )
    return ModelFolder(folder.name, content, sha256, labels, preprocess, inference, own_classes=own_classes)


def read_preprocess(folder: Path) -> PreprocessDocument:
    """What a model folder says of its crops and input, without its graph.

    Raises:
        WeightsError: ``preprocess.json`` is missing or malformed.
    """
    return _read(folder / "preprocess.json", PreprocessDocument)


def read_label_map(folder: Path) -> LabelMapDocument:
    """The labels of a model folder, without its graph.

    Raises:
        WeightsError: ``label_map.json`` is missing or malformed.
    """
    return _read(folder / "label_map.json", LabelMapDocument)


class ModelFolder(EmotionClassifier):
    """Runs a model folder's graph and maps its outputs to the canonical emotions.

    Args:
        name: what reports call it.
        content: the graph's bytes.
        sha256: their hash.
        label_map: the outputs' labels; an emotion that the checkpoint lacks gets probability 0, and ``lacks`` names it.
        preprocess: crop, input and calibration.
        inference: how the graph is run.
        own_classes: where labels are no canonical emotions, answer in them; they are refused otherwise.

    ``mirror`` tells whether it averages over a crop and its mirror image.
    """

    def __init__(
        self,
        name: str,
        content: bytes,
        sha256: str,
        label_map: LabelMapDocument,
        preprocess: PreprocessDocument,
        inference: InferenceSettings,
        *,
        own_classes: bool = False,
    ) -> None:
        self.name = name
        self.sha256 = sha256
        crop, form = preprocess.crop, preprocess.input
        self.geometry = CropGeometry(crop.size, crop.side, crop.raise_centre, crop.align, crop.margin)
        self.colour = form.colour
        self._form = InputFormat(form.colour, form.equalise, form.mean, form.deviation)
        self.labels = _label_set(name, label_map.labels, own_classes=own_classes)
        self._columns = _columns(label_map.labels, self.labels)
        if self.labels is FERPLUS8:
            self.lacks = tuple(e for place, e in enumerate(EMOTIONS) if place not in self._columns)
        self.mirror = preprocess.mirror
        self._is_logits = preprocess.output == "logits"
        self._temperature = np.float32(preprocess.temperature)
        self.operating_points = MappingProxyType({n: p.point() for n, p in preprocess.operating_points.items()})
        self._session = open_session(content, name, inference)
        self.providers = tuple(self._session.get_providers())
        self._input = self._session.get_inputs()[0].name
        outputs = self._probed()
        named = len(label_map.labels) + len(label_map.beside)
        if outputs.shape != (PROBE, named):
            raise WeightsError(f"{name}: the graph gives {outputs.shape[1:]} outputs, label_map.json names {named}")

    def inputs(self, pixels: UInt8Array) -> FloatArray:
        """The graph's inputs: float32 N×C×S×S, of uint8 N×S×S×3 crops (or N×S×S grey)."""
        return normalise(pixels, self._form)

    def logits(self, pixels: UInt8Array) -> FloatArray:
        """The graph's outputs: float32 N×K, of uint8 N×S×S×3 crops (or N×S×S grey)."""
        faces = self.inputs(pixels)
        if self.mirror:
            faces = np.concatenate([faces, faces[..., ::-1]])
        outputs = np.asarray(self._session.run(None, {self._input: faces})[0], np.float32)
        if self.mirror:
            outputs = np.asarray((outputs[: len(pixels)] + outputs[len(pixels) :]) / 2, np.float32)
        return outputs

    def _classify(self, pixels: UInt8Array) -> FloatArray:
        return self.checked_shares(self.logits(pixels))

    def shares(self, outputs: FloatArray) -> FloatArray:
        """float32 N×8 canonical probabilities, of N×K outputs of this graph or of a copy of it elsewhere.

        With classes of its own, float32 N×K in their order.
        """
        outputs = outputs[:, : len(self._columns)]
        if self._is_logits:
            scaled = outputs / self._temperature
            scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
            outputs = scaled / scaled.sum(axis=1, keepdims=True)
        canonical = np.zeros((len(outputs), len(self.labels)), np.float32)
        for column, target in enumerate(self._columns):
            canonical[:, target] += outputs[:, column]
        return np.asarray(canonical / canonical.sum(axis=1, keepdims=True), np.float32)

    def checked_shares(self, outputs: FloatArray) -> FloatArray:
        """:meth:`shares` that are numbers, every one.

        Raises:
            WeightsError: one is not; the message names the model.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            told = self.shares(outputs)
        if not np.isfinite(told).all():
            raise WeightsError(
                f"{self.name} answers numbers that are no shares (NaN): the model is broken, train it or fetch it "
                "again."
            )
        return told

    def _probed(self) -> FloatArray:
        """What the graph answers about blank faces: more than one, since a graph may take none but one at a time."""
        faces, takes = self.inputs(self._blank(PROBE)), self._session.get_inputs()[0].shape
        refused: Exception | None = None
        if takes and not isinstance(takes[0], int):
            try:
                return np.asarray(self._session.run(None, {self._input: faces})[0])
            except Exception as error:
                refused = error
        told, given = ("×".join(str(extent) for extent in shape) for shape in (takes, faces.shape))
        raise WeightsError(
            f"{self.name}: its graph takes {told} numbers, and has to take {given}: any number of faces at once "
            "(export it with a dynamic batch), of the size and colour in preprocess.json."
        ) from refused

    def _blank(self, count: int) -> UInt8Array:
        return np.zeros((count, self.geometry.size, self.geometry.size, 3), np.uint8)


def _label_set(name: str, labels: tuple[str, ...], *, own_classes: bool) -> LabelSet:
    """The canonical eight; where they are no names of them, and that is allowed, the labels themselves."""
    unknown = [label for label in labels if label.strip().lower() not in SYNONYMS]
    if not unknown:
        return FERPLUS8
    if len(set(labels)) < len(labels):
        raise WeightsError(f"{name}: label_map.json repeats a label. Each output has a name of its own.")
    if not own_classes:
        raise WeightsError(
            f"{name}: label_map.json has labels that are no canonical emotion: {', '.join(unknown)}. Use names of "
            f"{', '.join(EMOTIONS)}: a model with classes of its own can be evaluated and exported, and reads no faces "
            "for anything else."
        )
    named = next((known for known in LABEL_SETS.values() if known.labels == labels), None)
    return named or LabelSet("own", labels, ((),) * len(labels))


def _columns(labels: tuple[str, ...], into: LabelSet) -> list[int]:
    """Where in a label set each of a checkpoint's labels is."""
    if into is not FERPLUS8:
        return list(range(len(labels)))
    return [EMOTIONS.index(SYNONYMS[label.strip().lower()]) for label in labels]


def _read(path: Path, kind: type[_D]) -> _D:
    try:
        return kind.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}. A model folder holds {path.name}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} is not JSON: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WeightsError(f"{path}: {where}: {first['msg']}") from error
