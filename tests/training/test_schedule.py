"""Learning rates over a run, and which parameters they move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from mien.training.architectures import build_network  # noqa: E402
from mien.training.schedule import FLOOR, Phase, cosine  # noqa: E402
from tests.training.toy import recipe  # noqa: E402

STEPS, EPOCHS = 5, 8
HEAD = "head."


def phase(folder: Path, frozen: bool = False, freeze: dict[str, Any] | None = None, **schedule: Any) -> Phase:
    optimiser = schedule.pop("optimiser", "adamw")
    plan = recipe(
        folder, schedule={"epochs": EPOCHS, **schedule}, optimiser={"kind": optimiser}, freeze=freeze or {},
        start_from="start.pt",
        selection={"metric": schedule.pop("metric", "macro_f1")} if "metric" in schedule else {},
    )  # fmt: skip
    network = build_network("mien", 8, 1, {"widths": [8, 16]})
    return Phase(plan, network, HEAD, frozen=frozen, steps=STEPS)


def rates(run: Phase, scores: list[float] | None = None) -> list[float]:
    """The head's rate after each epoch."""
    out = []
    for epoch in range(EPOCHS):
        for _ in range(STEPS):
            run.optimiser.step()
            run.after_batch()
        run.after_epoch((scores or [0.0] * EPOCHS)[epoch])
        out.append(run.learning_rate)
    return out


def test_one_cycle_rises_to_the_peak_and_ends_near_nothing(tmp_path: Path) -> None:
    seen = rates(phase(tmp_path, warmup_share=0.25))
    assert max(seen) == pytest.approx(0.01, rel=0.05)
    assert seen[1] == max(seen)
    assert seen[-1] < 0.01 / 100


def test_one_cycle_of_few_batches_has_a_rise(tmp_path: Path) -> None:
    """Whether its rise is less than a batch, just one, or two."""
    for share in (0.5 / (STEPS * EPOCHS), 1 / (STEPS * EPOCHS), 2 / (STEPS * EPOCHS)):
        seen = rates(phase(tmp_path, warmup_share=share))
        assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("batches", [1, 2, 3, 4])
def test_one_cycle_of_next_to_no_batches_ends(batches: int, tmp_path: Path) -> None:
    plan = recipe(tmp_path, schedule={"epochs": 1})
    run = Phase(plan, build_network("mien", 8, 1, {"widths": [8, 16]}), HEAD, frozen=False, steps=batches)
    for _ in range(batches):
        assert 0 < run.learning_rate <= plan.schedule.peak_learning_rate
        run.optimiser.step()
        run.after_batch()


def test_cosine_falls_to_its_floor(tmp_path: Path) -> None:
    seen = rates(phase(tmp_path, kind="cosine", warmup_share=0.1))
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == pytest.approx(0.01 * FLOOR, rel=0.3)
    assert cosine(0, 10, 100) == pytest.approx(0.1)
    assert cosine(10, 10, 100) == pytest.approx(1.0)
    assert cosine(55, 10, 100) == pytest.approx((1 + FLOOR) / 2)


def test_steps_and_constant(tmp_path: Path) -> None:
    assert rates(phase(tmp_path, kind="step", step_epochs=3, step_factor=0.1)) == pytest.approx(
        [1e-2, 1e-2, 1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4]
    )
    assert rates(phase(tmp_path, kind="constant")) == pytest.approx([0.01] * EPOCHS)


def test_a_plateau_lowers_the_rate(tmp_path: Path) -> None:
    run = phase(tmp_path, kind="plateau", plateau_patience_epochs=1, step_factor=0.5)
    seen = rates(run, [0.1, 0.2, 0.3, 0.3, 0.3, 0.4, 0.4, 0.4])
    assert seen == pytest.approx([0.01] * 4 + [0.005] * 3 + [0.0025])


def test_the_body_moves_slower_than_the_head(tmp_path: Path) -> None:
    groups = phase(tmp_path, kind="constant", freeze={"body_rate_share": 0.1}).optimiser.param_groups
    assert [g["lr"] for g in groups] == pytest.approx([0.001, 0.01])
    assert [p.shape for p in groups[1]["params"]] == [(8, 16), (8,)]


def test_while_frozen_only_the_head_is_trained_at_its_own_rate(tmp_path: Path) -> None:
    run = phase(tmp_path, frozen=True, freeze={"epochs": 2, "head_learning_rate": 0.05})
    assert len(run.optimiser.param_groups) == 1
    assert rates(run) == pytest.approx([0.05] * EPOCHS)


@pytest.mark.parametrize("kind", ["adamw", "adam", "sgd"])
def test_the_optimiser_is_the_one_named(kind: str, tmp_path: Path) -> None:
    run = phase(tmp_path, optimiser=kind)
    assert type(run.optimiser).__name__.lower() == kind
    assert run.optimiser.param_groups[0]["weight_decay"] == 0.02


@pytest.mark.parametrize("kind", ["one_cycle", "cosine", "step", "plateau", "constant"])
def test_a_restored_phase_goes_on_as_if_nothing_was(kind: str, tmp_path: Path) -> None:
    scores = [0.3, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]
    straight = rates(phase(tmp_path, kind=kind, plateau_patience_epochs=1, step_epochs=3), scores)
    first = phase(tmp_path, kind=kind, plateau_patience_epochs=1, step_epochs=3)
    for epoch in range(4):
        for _ in range(STEPS):
            first.optimiser.step()
            first.after_batch()
        first.after_epoch(scores[epoch])
    second = phase(tmp_path, kind=kind, plateau_patience_epochs=1, step_epochs=3)
    second.restore(first.state())
    rest = []
    for epoch in range(4, EPOCHS):
        for _ in range(STEPS):
            second.optimiser.step()
            second.after_batch()
        second.after_epoch(scores[epoch])
        rest.append(second.learning_rate)
    assert rest == straight[4:]
