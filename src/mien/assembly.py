"""Builds the parts of a pipeline from their names: resolves weights, picks what is there, asks the policy gate.

Command line, service and edge agent all assemble through here, so that none can forget the gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2

from mien import models, weights
from mien.core import plugins
from mien.core.errors import InputError, SettingsError, WeightsError
from mien.core.faces import EmotionClassifier, FaceDetector, HeadPoseEstimator
from mien.core.policy import Declaration, authorise
from mien.core.settings import DetectionSettings, InferenceSettings, Profile
from mien.detectors._views import with_view
from mien.pipeline import Pipeline

PREFERRED_DETECTORS = ("yunet", "centerface")
"""Tried in order when no detector is named."""
CLASSIFIER_BACKEND = "model_folder"
DEFAULT_HEAD_POSE = "five_points"


@dataclass(frozen=True, slots=True)
class Assembled:
    """A pipeline, and what a report must say about how it came to be.

    Attributes:
        pipeline: ready to read.
        detector_note: why it is not the preferred detector, or None.
        execution_providers: what runs the graphs.
    """

    pipeline: Pipeline
    detector_note: str | None
    execution_providers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """Which backends to use.

    Attributes:
        detector: a detector's name; None takes the best whose weights can be had.
        classifier: a shipped model's name, or a model folder; None takes the profile's.
        head_pose: a head pose estimator's name.
    """

    detector: str | None = None
    classifier: str | None = None
    head_pose: str = DEFAULT_HEAD_POSE


def assemble(profile: Profile, declaration: Declaration, choices: Choices, inference: InferenceSettings) -> Assembled:
    """A fresh pipeline. For the whole process, OpenCV is kept from starting threads of its own.

    Raises:
        PolicyError: the declaration does not permit the profile; asked before anything is fetched.
        WeightsError: weights cannot be had or verified.
    """
    grant = authorise(declaration, profile)
    # Its pool costs more processor time than pictures of this size give back.
    cv2.setNumThreads(1)
    classifier = load_classifier(choices.classifier or profile.classifier, inference)
    detector, note = load_detector(choices.detector, profile.detection, inference)
    head_pose = load_head_pose(choices.head_pose, inference)
    fallback = load_fallback(detector, profile.detection, inference)
    pipeline = Pipeline(detector, classifier, profile, grant, head_pose, fallback)
    return Assembled(pipeline, note, classifier.providers)


def load_detector(
    name: str | None, detection: DetectionSettings, inference: InferenceSettings
) -> tuple[FaceDetector, str | None]:
    """A detector by name, or the first of :data:`PREFERRED_DETECTORS` whose weights can be had.

    Returns:
        The detector, and why it is not the preferred one, or None.
    """
    if name is not None:
        return _open_detector(name, detection, inference), None
    failures: list[str] = []
    for candidate in PREFERRED_DETECTORS:
        try:
            detector = _open_detector(candidate, detection, inference)
        except WeightsError as error:
            failures.append(f"{candidate}: {error}")
            continue
        if not failures:
            return detector, None
        wanted = PREFERRED_DETECTORS[0]
        return detector, f"The weights of {wanted} could not be had, so {candidate} found the faces instead."
    raise WeightsError("no face detector's weights can be had.\n" + "\n".join(failures))


def load_fallback(
    detector: FaceDetector, detection: DetectionSettings, inference: InferenceSettings
) -> FaceDetector | None:
    """The second detector that the settings ask for, or None.

    Raises:
        SettingsError: it is the first one, or there is none of that name.
        WeightsError: its weights cannot be had.
    """
    if detection.fallback is None:
        return None
    if detection.fallback == detector.name:
        raise SettingsError(f"{detector.name} is the detector already: choose another one as its fallback.")
    return _open_detector(detection.fallback, detection, inference)


@dataclass(frozen=True, slots=True)
class ClassifierFiles:
    """Where the files of a classifier lie.

    Attributes:
        folder: of its ``label_map.json`` and ``preprocess.json``.
        registered: its graph's name in the weights registry, where the folder only describes it; None where the folder
            holds it.
    """

    folder: Path
    registered: str | None = None

    def graph(self) -> Path:
        """The graph's file, fetched when it is not there.

        Raises:
            WeightsError: the registry's file cannot be had.
        """
        return self.folder / "model.onnx" if self.registered is None else weights.resolve(self.registered)


def find_classifier(name: str) -> ClassifierFiles:
    """A shipped model or one of the registry's by its name, or a model folder by its path. Nothing is fetched.

    Raises:
        InputError: none of them.
    """
    shipped, described = models.bundled(), models.described()
    if name in described and name not in shipped:
        return ClassifierFiles(described[name], name)
    folder = shipped.get(name, Path(name))
    if not folder.is_dir():
        raise InputError(
            f"no classifier {name!r}: it is neither a model folder nor a shipped model ({', '.join(shipped)}) nor one "
            f"that can be fetched ({', '.join(described)})"
        )
    return ClassifierFiles(folder)


def load_classifier(name: str, inference: InferenceSettings, *, own_classes: bool = False) -> EmotionClassifier:
    """A shipped model or one of the registry's by its name, or a model folder by its path.

    Args:
        name: see above.
        inference: how its graph is run.
        own_classes: take one whose labels are no canonical emotions; no pipeline does.

    Raises:
        InputError: none of them.
        WeightsError: the registry's file cannot be had, or the model has labels that are not taken.
    """
    files = find_classifier(name)
    content = weights.load(files.registered).content if files.registered else None
    backend = plugins.load("classifiers", CLASSIFIER_BACKEND)
    classifier: EmotionClassifier = backend.create(files.folder, inference, content, own_classes=own_classes)
    return classifier


def load_head_pose(name: str, inference: InferenceSettings) -> HeadPoseEstimator:
    """A head pose estimator by name.

    Raises:
        SettingsError: there is none of that name.
        WeightsError: its weights cannot be had.
    """
    module = plugins.load("headposes", name)
    estimator: HeadPoseEstimator = module.create([weights.load(file) for file in module.WEIGHTS], inference)
    return estimator


def _open_detector(name: str, detection: DetectionSettings, inference: InferenceSettings) -> FaceDetector:
    module = plugins.load("detectors", name)
    files = [weights.load(file) for file in module.WEIGHTS]
    return with_view(module.create(files, detection, inference), detection)
