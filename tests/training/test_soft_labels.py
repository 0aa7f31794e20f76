"""A teacher's answers are stored small, belong to their pictures, and teach a student."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from click.testing import CliRunner  # noqa: E402

from mien.cli import main  # noqa: E402
from mien.core.errors import InputError, SettingsError, UnsupportedMediaError  # noqa: E402
from mien.core.faces import CropGeometry, EmotionClassifier, FloatArray, UInt8Array  # noqa: E402
from mien.core.labels import EMOTIONS, FERPLUS8  # noqa: E402
from mien.evaluation.faces import VotedFaces, load_voted_faces  # noqa: E402
from mien.evaluation.layouts import ReadOptions  # noqa: E402
from mien.preprocess import to_grey  # noqa: E402
from mien.training.data import load_training  # noqa: E402
from mien.training.soft_labels import read_soft_labels, teach  # noqa: E402
from mien.training.train import train  # noqa: E402
from tests.conversion.nets import coloured_faces, seeing_colour  # noqa: E402
from tests.training.toy import recipe, toy  # noqa: E402


class Teacher(EmotionClassifier):
    """Sees the bar of a toy face, and answers one class further on, with less than certainty."""

    labels = FERPLUS8
    sha256 = "0" * 64
    geometry = CropGeometry(48, 1.876, 0.153)

    def __init__(self, certainty: float) -> None:
        self.name = f"teacher-{certainty}"
        self._certainty = certainty

    def _classify(self, pixels: UInt8Array) -> FloatArray:
        seen = to_grey(pixels).reshape(len(pixels), 8, 6, 48).mean(axis=(2, 3)).argmax(axis=1)
        out = np.full((len(pixels), 8), (1 - self._certainty) / 7, np.float32)
        out[np.arange(len(pixels)), (seen + 1) % 8] = self._certainty
        return out


def test_answers_are_kept_and_an_ensemble_is_its_mean(tmp_path: Path) -> None:
    faces = load_voted_faces(toy(tmp_path / "t.npz", 40, 1))
    given = teach([Teacher(0.9), Teacher(0.5)], faces, tmp_path / "soft.npz")
    read = read_soft_labels(tmp_path / "soft.npz", faces)
    assert np.array_equal(read, given)
    assert read.sum(axis=1) == pytest.approx(np.ones(40), abs=1e-6)
    assert read[np.arange(40), (faces.votes.argmax(axis=1) + 1) % 8] == pytest.approx(np.full(40, 0.7), abs=1e-3)


def test_they_are_small(tmp_path: Path) -> None:
    """FER+'s training split has 28,558 faces: under a megabyte even when no two answers are alike."""
    count = 28_558
    answers = np.random.default_rng(0).dirichlet(np.full(8, 0.3), count).astype(np.float32)

    class Any(Teacher):
        def _classify(self, pixels: UInt8Array) -> FloatArray:
            self.done: int = getattr(self, "done", 0) + len(pixels)
            return answers[self.done - len(pixels) : self.done]

    faces = VotedFaces(np.zeros((count, 48, 48), np.uint8), np.zeros((count, 10), np.uint8))
    teach([Any(1.0)], faces, tmp_path / "soft.npz")
    assert (tmp_path / "soft.npz").stat().st_size < 1_000_000


def test_answers_about_other_pictures_are_refused(tmp_path: Path) -> None:
    faces, others = (load_voted_faces(toy(tmp_path / f"{s}.npz", 40, s)) for s in (1, 2))
    teach([Teacher(0.9)], faces, tmp_path / "soft.npz")
    with pytest.raises(SettingsError, match="other pictures"):
        read_soft_labels(tmp_path / "soft.npz", others)
    with pytest.raises(SettingsError, match="calm"):
        read_soft_labels(tmp_path / "soft.npz", VotedFaces(faces.images, faces.votes[:, :4], ("calm", "tense")))
    with pytest.raises(InputError, match=r"absent\.npz"):
        read_soft_labels(tmp_path / "absent.npz", faces)
    with pytest.raises(UnsupportedMediaError, match="no soft labels"):
        read_soft_labels(tmp_path / "1.npz", faces)


def test_a_student_learns_what_the_teacher_says(tmp_path: Path) -> None:
    """With the whole loss the teacher's, the student answers one class further on, as its teacher does."""
    plan = recipe(tmp_path, distil={"labels": str(tmp_path / "soft.npz"), "share": 1.0, "temperature": 2.0})
    teach([Teacher(0.9)], load_voted_faces(plan.data.train), tmp_path / "soft.npz")
    from mien.training.score import predict_logits
    from mien.training.state import read_checkpoint
    from mien.training.train import build_network

    # The metric looks at the votes, which this student must not follow: the last epoch is looked at instead.
    train(plan, tmp_path / "run", None, device="cpu")
    network = build_network(plan, 8)
    network.load_state_dict(torch.load(tmp_path / "run" / "state.pt", weights_only=True)["network"])
    faces = load_voted_faces(plan.data.valid)
    guess = predict_logits(network, faces.images, plan.input.form(), 48).argmax(axis=1)
    assert float((guess == (faces.votes.argmax(axis=1) + 1) % 8).mean()) > 0.6
    assert read_checkpoint(tmp_path / "run" / "checkpoint.pt")["labels"] == list(EMOTIONS)


def test_the_teacher_sees_the_recipes_view(tmp_path: Path) -> None:
    plan = recipe(tmp_path, data={"label_set": "engagement5"}, distil={"labels": str(tmp_path / "soft.npz")})
    teach([Teacher(0.9)], load_voted_faces(plan.data.train), tmp_path / "soft.npz")
    examples, _ = load_training(plan)
    assert examples.teacher is not None
    assert examples.teacher.shape == examples.targets.shape
    assert examples.teacher.sum(axis=1) == pytest.approx(np.ones(len(examples)), abs=1e-5)


def test_the_command_stores_what_the_shipped_model_says(tmp_path: Path) -> None:
    toy(tmp_path / "t.npz", 24, 1)
    soft = tmp_path / "soft.npz"
    result = CliRunner().invoke(
        main, ["data", "teach", str(tmp_path / "t.npz"), "--teacher", "mien-m", "--out", str(soft)]
    )
    assert result.exit_code == 0, result.output
    assert "answers of mien-m about 24 faces" in result.output
    with np.load(soft) as archive:
        assert archive["probabilities"].shape == (24, 8)
        assert str(archive["teachers"][0]).startswith("mien-m ")


def test_a_colour_teacher_of_a_grey_student_sees_colours(tmp_path: Path) -> None:
    data, soft = coloured_faces(tmp_path / "faces", 4), tmp_path / "soft.npz"
    arguments = ["--teacher", str(seeing_colour(tmp_path / "teacher")), "--part", "train", "--out", str(soft)]
    result = CliRunner().invoke(main, ["data", "teach", str(data), *arguments])
    assert result.exit_code == 0, result.output
    student = load_voted_faces(data, ReadOptions("train", 48, "grey"))
    assert read_soft_labels(soft, student).argmax(axis=1).tolist() == student.votes.argmax(axis=1).tolist()
