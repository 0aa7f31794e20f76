"""A text classifier from a model folder, which is how Mien ships its own and how users bring theirs.

A folder holds ``model.onnx`` (int64 1×L piece ids in; for each label set an output of its name with float32 1×C
logits), ``tokenizer.json`` and ``text.json`` (labels, calibration, thresholds, the files' hashes).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mien.core.errors import WeightsError
from mien.core.labels import TEXT_LABEL_SETS, TextLabelSet
from mien.core.settings import InferenceSettings
from mien.inference import open_session
from mien.language.emotion import FloatArray, Readings, TextClassifier, TextSettings
from mien.language.english import is_foreign
from mien.language.tokens import PieceReader

DOCUMENT: Final = "text.json"
INPUT: Final = "pieces"


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HeadDocument(_Document):
    """One label set's outputs: probability = logistic(scale · logit + offset) (Platt, 1999), label by label."""

    labels: tuple[str, ...] = Field(min_length=2)
    scale: tuple[Annotated[float, Field(gt=0)], ...]
    offset: tuple[float, ...]
    thresholds: tuple[Annotated[float, Field(ge=0, le=1)], ...]


class TextDocument(_Document):
    """``text.json``: everything between a text and its calibrated probabilities."""

    schema_version: Literal[1] = 1
    model_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    tokenizer_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    longest: int = Field(ge=3)
    """Pieces a window may have, opening and closing one included."""
    language: Literal["en"] | None = None
    """That it reads: texts plainly in another one are not read. None reads whatever it is given."""
    heads: dict[str, HeadDocument] = Field(min_length=1)


def create(model: str | Path, inference: InferenceSettings, settings: TextSettings) -> TextClassifier:
    """The classifier in a model folder.

    Raises:
        WeightsError: a file is missing or malformed, or does not match its hash.
        SettingsError: the extra ``[text]`` is not installed.
    """
    folder = Path(model)
    document = _document(folder / DOCUMENT)
    graph = _verified(folder / "model.onnx", document.model_sha256)
    tokenizer = _verified(folder / "tokenizer.json", document.tokenizer_sha256)
    return TextFolder(folder.name, graph, tokenizer.decode("utf-8"), document, inference, settings)


class TextFolder(TextClassifier):
    """Runs a text model's graph, one window at a time: so no answer depends on which texts were asked together.

    Args:
        name: what reports call it.
        graph: the ONNX graph's bytes.
        tokenizer: the tokenizer's JSON.
        document: labels, calibration, thresholds.
        inference: how the graph is run.
        settings: when a label is withheld.
    """

    def __init__(
        self,
        name: str,
        graph: bytes,
        tokenizer: str,
        document: TextDocument,
        inference: InferenceSettings,
        settings: TextSettings,
    ) -> None:
        self.name = name
        self.sha256 = document.model_sha256
        self.settings = settings
        self.label_sets = tuple(_label_set(name, key, head) for key, head in document.heads.items())
        self._heads = document.heads
        self._language = document.language
        self._reader = PieceReader(tokenizer, document.longest)
        self._session = open_session(graph, name, inference)
        self._check()

    @property
    def providers(self) -> tuple[str, ...]:
        """Execution providers that run the graph."""
        return tuple(self._session.get_providers())

    def thresholds(self, labels: TextLabelSet) -> FloatArray:
        """float32 C: the probability from which each label is present."""
        return np.asarray(self._heads[labels.name].thresholds, np.float32)

    def logits(self, window: Sequence[int], head: str) -> FloatArray:
        """float32 C: the graph's output for one window's piece ids, before calibration."""
        ids = np.asarray(window, np.int64)[None]
        return np.asarray(self._session.run([head], {INPUT: ids})[0][0], np.float32)

    def _read(self, texts: Sequence[str], labels: TextLabelSet) -> Readings:
        head = self._heads[labels.name]
        scale, offset = np.asarray(head.scale, np.float32), np.asarray(head.offset, np.float32)
        probabilities = np.zeros((len(texts), len(labels)), np.float32)
        pieces = self._reader.read(texts)
        for row, text in enumerate(pieces):
            for window in text.windows:
                logits = scale * self.logits(window, labels.name) + offset
                share = len(window) / sum(len(w) for w in text.windows)
                probabilities[row] += np.float32(share) * np.exp(-np.logaddexp(np.float32(0), -logits))
        known = np.array([text.known for text in pieces], np.float32)
        foreign = None
        if self._language is not None:
            foreign = np.array([is_foreign(text, self._count) for text in texts], np.bool_)
        return Readings(np.clip(probabilities, 0.0, 1.0), known, foreign)

    def _count(self, text: str) -> int:
        return sum(len(window) - 2 for window in self._reader.read([text])[0].windows)

    def _check(self) -> None:
        offered = {output.name for output in self._session.get_outputs()}
        missing = [head for head in self._heads if head not in offered]
        if missing or [i.name for i in self._session.get_inputs()] != [INPUT]:
            raise WeightsError(f"{self.name}: the graph has no input {INPUT!r}, or no output {', '.join(missing)!r}")
        for head, document in self._heads.items():
            try:
                outputs = self.logits([0, self._reader.pieces - 1], head)
            except Exception as error:
                raise WeightsError(f"{self.name}: the graph does not fit its tokenizer.json: {error}") from error
            if outputs.shape != (len(document.labels),):
                raise WeightsError(
                    f"{self.name}: output {head} has {outputs.shape} values, {DOCUMENT} names {len(document.labels)}"
                )


def _label_set(name: str, key: str, head: HeadDocument) -> TextLabelSet:
    labels = TEXT_LABEL_SETS.get(key)
    if labels is None or labels.labels != head.labels:
        known = "; ".join(f"{s.name}: {', '.join(s.labels)}" for s in TEXT_LABEL_SETS.values())
        raise WeightsError(f"{name}: {DOCUMENT} has labels {key!r} that are not a text label set. There are {known}.")
    if not len(head.labels) == len(head.scale) == len(head.offset) == len(head.thresholds):
        raise WeightsError(f"{name}: {DOCUMENT}: {key}: labels, scale, offset and thresholds differ in length")
    return labels


def _document(path: Path) -> TextDocument:
    try:
        return TextDocument.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}. A text model folder holds {DOCUMENT}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} is not JSON: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WeightsError(f"{path}: {where}: {first['msg']}") from error


def _verified(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}. A text model folder holds {path.name}.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise WeightsError(
            f"{path} is not the file its {DOCUMENT} describes (SHA-256 {found[:12]}…, expected {sha256[:12]}…): it is "
            "damaged or was replaced. Reinstall the model."
        )
    return content
