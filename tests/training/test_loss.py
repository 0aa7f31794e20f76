"""Losses against their formulas, on soft labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402

from mien.core.errors import SettingsError  # noqa: E402
from mien.training.loss import Loss, class_weights  # noqa: E402
from mien.training.recipe import DistilSection, LossSection  # noqa: E402

LABELS = ("a", "b", "c")
TARGETS = np.repeat(np.eye(3, dtype=np.float32), (70, 25, 5), axis=0)
"""A training set of three classes: 70, 25 and 5 %."""


def loss(smoothing: float = 0.0, distil: DistilSection | None = None, **section: Any) -> Loss:
    return Loss(LossSection(**section), TARGETS, LABELS, smoothing, distil, torch.device("cpu"))


def batch(seed: int, count: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits, votes, teacher = (torch.randn(count, 3, generator=generator) for _ in range(3))
    return logits, votes.softmax(dim=1), teacher.softmax(dim=1)


seeds = st.integers(0, 10_000)


@given(seeds)
def test_cross_entropy_is_torchs_on_soft_labels(seed: int) -> None:
    logits, votes, _ = batch(seed)
    assert torch.allclose(loss()(logits, votes, None), functional.cross_entropy(logits, votes), atol=1e-5)
    smooth = functional.cross_entropy(logits, votes, label_smoothing=0.2)
    assert torch.allclose(loss(smoothing=0.2)(logits, votes, None), smooth, atol=1e-5)


@given(seeds)
def test_focal_without_focus_is_cross_entropy_and_with_it_less(seed: int) -> None:
    logits, votes, _ = batch(seed)
    plain = loss()(logits, votes, None)
    assert torch.allclose(loss(kind="focal", focal_gamma=0.0)(logits, votes, None), plain, atol=1e-5)
    assert float(loss(kind="focal")(logits, votes, None)) < float(plain)


def test_focal_of_a_hard_label_by_hand() -> None:
    logits = torch.tensor([[np.log(0.7), np.log(0.2), np.log(0.1)]])
    value = loss(kind="focal", focal_gamma=2.0)(logits, torch.tensor([[0.0, 1.0, 0.0]]), None)
    assert float(value) == pytest.approx(-(0.8**2) * np.log(0.2), abs=1e-5)


@given(seeds)
@settings(max_examples=20)
def test_balanced_softmax_is_cross_entropy_of_logits_raised_by_the_prior(seed: int) -> None:
    logits, votes, _ = batch(seed)
    raised = logits + torch.log(torch.tensor([0.7, 0.25, 0.05]))
    given_ = loss(kind="balanced_softmax")(logits, votes, None)
    assert torch.allclose(given_, functional.cross_entropy(raised, votes), atol=1e-4)
    off = loss(kind="balanced_softmax", prior_strength=0.0)(logits, votes, None)
    assert torch.allclose(off, functional.cross_entropy(logits, votes), atol=1e-5)


def test_balanced_softmax_of_no_evidence_learns_nothing_from_the_prior() -> None:
    """Equal logits and labels in the prior's proportion: the gradient is 0, the rare class is not pushed down."""
    logits = torch.zeros(1, 3, requires_grad=True)
    loss(kind="balanced_softmax")(logits, torch.tensor([[0.7, 0.25, 0.05]]), None).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) < 1e-6


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("raised", [{"kind": "balanced_softmax"}, {"class_weights": {"a": 1.0, "b": 2.0, "c": 30.0}}])
def test_votes_and_a_teacher_that_agree_ask_the_same_of_a_network(raised: dict[str, Any], temperature: float) -> None:
    """Where the answer that the votes ask for is given, a teacher who says what they say pulls nowhere else."""
    shares = torch.tensor([[0.6, 0.3, 0.1]])
    weights = torch.tensor(class_weights(LossSection(**raised), TARGETS.sum(axis=0), LABELS))
    prior = torch.tensor([0.7, 0.25, 0.05]) if "kind" in raised else torch.ones(3)
    logits = torch.log(shares * weights / prior).requires_grad_()
    taught = loss(distil=DistilSection(labels=Path("x"), share=0.6, temperature=temperature), **raised)
    taught(logits, shares, shares).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) < 1e-5


@pytest.mark.parametrize("kind", ["inverse", "effective", {"a": 1.0, "b": 2.0, "c": 30.0}])
def test_class_weights_average_to_one_over_the_labels(kind: Any) -> None:
    weights = class_weights(LossSection(class_weights=kind), TARGETS.sum(axis=0), LABELS)
    assert float((TARGETS @ weights).mean()) == pytest.approx(1.0, abs=1e-5)
    assert weights[2] > weights[1] > weights[0]


def test_inverse_weights_are_inverse() -> None:
    weights = class_weights(LossSection(class_weights="inverse"), TARGETS.sum(axis=0), LABELS)
    assert np.allclose(weights * TARGETS.sum(axis=0), weights[0] * 70)


def test_weights_of_other_classes_are_refused() -> None:
    with pytest.raises(SettingsError, match="a, b, c"):
        loss(class_weights={"a": 1.0})


@given(seeds, st.floats(0, 1), st.floats(1, 4))
@settings(max_examples=30)
def test_a_teacher_is_mixed_in(seed: int, share: float, temperature: float) -> None:
    logits, votes, teacher = batch(seed)
    section = DistilSection.model_validate({"labels": "t.npz", "share": share, "temperature": temperature})
    soft = teacher ** (1 / temperature)
    soft = soft / soft.sum(dim=1, keepdim=True)
    taught = functional.cross_entropy(logits / temperature, soft) * temperature**2
    expected = (1 - share) * functional.cross_entropy(logits, votes) + share * taught
    assert torch.allclose(loss(distil=section)(logits, votes, teacher), expected, atol=1e-3)
