"""A ledger adds up what was spent, exactly, and nobody spends past it, however many try at once."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.analysis.noise import PrivacyLoss
from mien.core.errors import InputError, OutputError, PolicyError, SettingsError
from mien.report.ledger import IN_FOLDER, Entry, Ledger, Loss, charge, check, ledger_path, read_ledger

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def entry(epsilon: float = 1.0, delta: float = 0.0) -> Entry:
    loss = Loss.of(PrivacyLoss(epsilon, delta))
    mechanism = "gaussian" if delta else "laplace"
    return Entry(created=NOW, title="Film", version="A", mechanism=mechanism, figures=3, sessions=40, loss=loss)


def test_a_ledger_lies_beside_the_sessions(tmp_path: Path) -> None:
    assert ledger_path(tmp_path) == tmp_path / IN_FOLDER
    assert ledger_path(tmp_path / "a.npz") == tmp_path / "a.npz.release-ledger.json"


def test_releases_add_up_to_the_budget_and_no_further(tmp_path: Path) -> None:
    """ε: 1 + 0.5 + 1.5 = 3; δ: 1e-6 + 2e-6 = 3e-6."""
    path = tmp_path / IN_FOLDER
    charge(path, entry(1.0), 3.0, 3e-6)
    charge(path, entry(0.5, 1e-6))
    after = charge(path, entry(1.5, 2e-6))
    assert after.spent == Loss(epsilon=Decimal(3), delta=Decimal("0.000003"))
    assert read_ledger(path) == after
    before = path.read_bytes()
    with pytest.raises(PolicyError, match=r"budget of these sessions is ε = 3, δ = 0\.000003; .* by 3 releases"):
        charge(path, entry(0.01))
    assert path.read_bytes() == before


def test_ten_tenths_are_one(tmp_path: Path) -> None:
    path = tmp_path / IN_FOLDER
    for _ in range(10):
        after = charge(path, entry(0.1), 1.0)
    assert str(after.spent) == "ε = 1"
    with pytest.raises(PolicyError):
        charge(path, entry(1e-9))


def test_a_delta_that_was_not_budgeted_is_refused(tmp_path: Path) -> None:
    path = tmp_path / IN_FOLDER
    charge(path, entry(1.0), 3.0)
    with pytest.raises(PolicyError, match=r"another of ε = 1, δ = 0\.000001 is refused"):
        charge(path, entry(1.0, 1e-6))


def test_without_a_budget_the_first_release_is_the_only_one(tmp_path: Path) -> None:
    path = tmp_path / IN_FOLDER
    charge(path, entry(1.0))
    with pytest.raises(PolicyError, match="by 1 release,"):
        charge(path, entry(0.5))


def test_a_budget_once_declared_stays(tmp_path: Path) -> None:
    path = tmp_path / IN_FOLDER
    charge(path, entry(1.0), 3.0)
    charge(path, entry(1.0), 3.0)
    with pytest.raises(SettingsError, match="is ε = 3, not ε = 5"):
        charge(path, entry(1.0), 5.0)


def test_a_first_release_larger_than_its_own_budget_leaves_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        charge(tmp_path / IN_FOLDER, entry(2.0), 1.0)
    assert not (tmp_path / IN_FOLDER).exists()


@pytest.mark.parametrize("content", ["", "{}", '{"schema_version": 2, "budget": {"epsilon": "1", "delta": "0"}}', "[]"])
def test_a_damaged_ledger_stops_everything_and_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / IN_FOLDER
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="no privacy ledger"):
        charge(path, entry())
    assert path.read_text(encoding="utf-8") == content


def test_a_ledger_that_cannot_be_written_is_told_with_its_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="--ledger"):
        charge(tmp_path / "file" / IN_FOLDER, entry())


@given(st.lists(st.floats(0.001, 10), min_size=1, max_size=20), st.floats(0.001, 30))
def test_what_is_spent_is_never_more_than_the_budget(losses: list[float], budget: float) -> None:
    ledger: Ledger | None = None
    for loss in losses:
        try:
            ledger = check(ledger, entry(loss), budget)
        except PolicyError:
            spent = ledger.spent.epsilon if ledger else Decimal(0)
            assert spent + Decimal(repr(loss)) > Decimal(repr(budget))
    if ledger:
        assert ledger.spent.epsilon == sum((Decimal(repr(float(e.loss.epsilon))) for e in ledger.entries), Decimal(0))
        assert ledger.spent.epsilon <= Decimal(repr(budget))


SPENDER = """
import sys
from pathlib import Path
from tests.report.test_ledger import charge, entry
from mien.core.errors import PolicyError
done = 0
for _ in range(8):
    try:
        charge(Path(sys.argv[1]), entry(0.1), 2.0)
        done += 1
    except PolicyError:
        pass
print(done)
"""


def test_processes_that_spend_at_once_spend_the_budget_once(tmp_path: Path) -> None:
    """Five processes try forty releases of 0.1: twenty fit into 2."""
    path = tmp_path / IN_FOLDER
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", SPENDER, str(path)]
    root = Path(__file__).resolve().parents[2]
    spenders = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=root) for _ in range(5)
    ]
    done = [int(spender.communicate(timeout=300)[0]) for spender in spenders]
    ledger = read_ledger(path)
    assert sum(done) == 20
    assert ledger is not None
    assert len(ledger.entries) == 20
    assert str(ledger.spent) == "ε = 2"
    assert {p.name for p in tmp_path.iterdir()} == {IN_FOLDER, f"{IN_FOLDER}.lock"}
