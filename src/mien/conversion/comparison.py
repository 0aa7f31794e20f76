"""What a converted model answers beside its source: agreement, difference of shares, accuracy, processor time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.core.faces import FloatArray
from mien.evaluation.accuracy import score
from mien.evaluation.protocols import Truth

Votes = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Run:
    """One model in one runtime over the faces of a comparison.

    Attributes:
        runtime: name and version.
        outputs: float32 N×K, as the graph gives them.
        cpu_ms_per_face: processor milliseconds of the graph alone by batch size, one thread: ``{"8": 0.95}``.
    """

    runtime: str
    outputs: FloatArray
    cpu_ms_per_face: dict[str, float]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a converted model may be from its source.

    Attributes:
        label_agreement: least share of faces with the same largest share, 0–1.
        mean_share_difference: largest mean difference of a face's shares, 0–1.
        accuracy_loss: largest loss on labelled faces, 0–1; two faces where that is more.
    """

    label_agreement: float
    mean_share_difference: float
    accuracy_loss: float = 0.005


@dataclass(frozen=True, slots=True)
class Comparison:
    """A converted model beside its source, over the same faces, mirrored and calibrated as serving does.

    Attributes:
        faces: how many were read by both.
        label_agreement: share of them whose largest share is of the same emotion, 0–1.
        largest_share_difference: of any share of any face, 0–1.
        mean_share_difference: of all shares of all faces, 0–1.
        source: runtime and processor time of the source.
        target: likewise of the converted model.
        labelled: faces with a label (argmax protocol); 0 without labels.
        source_accuracy: of the source on them, 0–1; None without labels.
        target_accuracy: likewise of the converted model.
    """

    faces: int
    label_agreement: float
    largest_share_difference: float
    mean_share_difference: float
    source: Run
    target: Run
    labelled: int
    source_accuracy: float | None
    target_accuracy: float | None

    def beyond(self, bounds: Bounds) -> list[str]:
        """What is beyond the bounds, a clause each; nothing where the two agree."""
        found = []
        if not self.label_agreement >= bounds.label_agreement:
            found.append(
                f"{100 * self.label_agreement:.1f} % of {self.faces} faces get the label of the source, and at least "
                f"{100 * bounds.label_agreement:.1f} % must"
            )
        if not self.mean_share_difference <= bounds.mean_share_difference:
            found.append(
                f"shares differ by {self.mean_share_difference:.4f} in the mean, and at most "
                f"{bounds.mean_share_difference:.4f} is allowed"
            )
        if self.source_accuracy is not None and self.target_accuracy is not None:
            allowed = max(bounds.accuracy_loss, 2 / self.labelled)
            if not self.source_accuracy - self.target_accuracy <= allowed + 1e-9:
                found.append(
                    f"accuracy falls from {100 * self.source_accuracy:.1f} to {100 * self.target_accuracy:.1f} % of "
                    f"{self.labelled} faces, and at most {100 * allowed:.1f} points may be lost"
                )
        return found

    def as_document(self) -> dict[str, object]:
        """Every figure, for JSON."""
        return {
            "faces": self.faces,
            "label_agreement": self.label_agreement,
            "largest_share_difference": self.largest_share_difference,
            "mean_share_difference": self.mean_share_difference,
            "labelled": self.labelled,
            "source": _told(self.source, self.source_accuracy),
            "target": _told(self.target, self.target_accuracy),
        }


def compare(
    source: Run, target: Run, shares: Callable[[FloatArray], FloatArray], truth: Truth | None = None
) -> Comparison:
    """Put two runs side by side.

    Args:
        source: of the model that was converted.
        target: of what it became.
        shares: from outputs to calibrated shares N×K; the same for both.
        truth: the labelled faces among them.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        first, second = shares(source.outputs), shares(target.outputs)
    sound = np.isfinite(second).all(axis=1, keepdims=True)
    difference = np.where(sound, np.abs(first - np.nan_to_num(second)), 1.0)
    # A face without a number for an answer is answered wrong.
    second = np.where(sound, second, -first)
    known = truth is not None and len(truth.keep) > 0
    return Comparison(
        faces=len(first),
        label_agreement=float((first.argmax(axis=1) == second.argmax(axis=1)).mean()),
        largest_share_difference=float(difference.max()),
        mean_share_difference=float(difference.mean()),
        source=source,
        target=target,
        labelled=len(truth.keep) if truth is not None else 0,
        source_accuracy=score(first, truth).accuracy if known and truth is not None else None,
        target_accuracy=score(second, truth).accuracy if known and truth is not None else None,
    )


def _told(run: Run, accuracy: float | None) -> dict[str, object]:
    return {"runtime": run.runtime, "accuracy": accuracy, "cpu_ms_per_face": run.cpu_ms_per_face}
