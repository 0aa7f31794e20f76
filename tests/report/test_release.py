"""``release.json`` and ``release.csv``: the guarantee in full, and nothing of a session but noise."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from mien.analysis.contributions import Bounds, CountingRule, Figure, Stretch
from mien.analysis.noise import PrivacyLoss
from mien.analysis.release import Plan, ReleaseOptions, estimates, plan
from mien.core.privacy import assert_no_personal_keys
from mien.report import schema
from mien.report.ledger import Entry, Loss, check
from mien.report.release import ReleaseDocument, build_release, lines, write_release
from tests.report.factory import CREATED

GOLDEN = Path(__file__).with_name("release.golden.json")
FIGURES = (
    Figure("fear", Stretch("Cellar", 60, 90), Bounds(0, 100)),
    Figure("fear", Stretch("Cellar", 60, 90), Bounds(0, 100), above=50),
    Figure("sentiment", Stretch("whole", 0, None), Bounds(-100, 100)),
)
RULE = CountingRule(0.5, {"seat": frozenset({"front", "balcony"})})


def made(mechanism: str = "laplace") -> Plan:
    if mechanism == "gaussian":
        return plan(400, FIGURES, ReleaseOptions(PrivacyLoss(2.0, 1e-6), "gaussian", largest_error=20))
    return plan(400, FIGURES, ReleaseOptions(PrivacyLoss(2.0), largest_error=20))


def document(mechanism: str = "laplace", counted: float = 380.0) -> ReleaseDocument:
    """A release whose noisy vector is given: means of -0.5, 0.25 and 0.1 half ranges."""
    planned = made(mechanism)
    noisy = [*(round(m * u * 380) for m, u in zip((-0.5, 0.25, 0.1), planned.units, strict=True))]
    loss = Loss.of(planned.noise.loss)
    entry = Entry(created=CREATED, title="Film", version="A", mechanism=mechanism, figures=3, sessions=400, loss=loss)
    return build_release(
        estimates(planned, (*noisy, round(counted * planned.count_units))),
        check(None, entry, 5.0),
        RULE,
        CREATED,
        title="Film",
        version="A",
        demo=True,
        software="OpenDP 0.16.0",
    )


def test_a_release_is_as_it_was(tmp_path: Path) -> None:
    """The contract with whoever reads these files; a change of it needs another ``schema_version``."""
    write_release(document(), tmp_path)
    assert json.loads((tmp_path / "release.json").read_text(encoding="utf-8")) == json.loads(
        GOLDEN.read_text(encoding="utf-8")
    )


def test_the_packaged_schema_is_current() -> None:
    assert schema.packaged("release") == schema.text("release"), (
        "run: python -m mien.report.schema release > src/mien/report/release.schema.json"
    )


@pytest.mark.parametrize("mechanism", ["laplace", "gaussian"])
@pytest.mark.parametrize("counted", [380, 3], ids=["told", "withheld"])
def test_every_release_validates_and_comes_back(mechanism: str, counted: float) -> None:
    told = document(mechanism, counted)
    written = told.model_dump(mode="json")
    jsonschema.validate(written, json.loads(schema.packaged("release")))
    assert ReleaseDocument.model_validate_json(json.dumps(written)) == told
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**written, "names": ["anna"]}, json.loads(schema.packaged("release")))


def test_the_guarantee_is_told_in_full() -> None:
    told = document("gaussian").guarantee
    assert (told.epsilon, told.delta, told.mechanism, told.norm) == (2.0, 1e-6, "gaussian", "L2")
    assert told.rho == made("gaussian").noise.rho
    assert told.unit.startswith("One session")
    assert "number of sessions is public" in told.neighbours
    assert document().guarantee.rho is None


def test_the_budget_is_that_of_the_ledger() -> None:
    told = document().budget
    assert (str(told.total), str(told.spent), told.releases) == ("ε = 5", "ε = 2", 1)


def test_figures_carry_their_part_of_the_budget_and_their_error() -> None:
    told = document()
    assert [f.kind for f in told.figures] == ["mean", "share_above", "mean"]
    assert sum(f.budget_share for f in told.figures) == pytest.approx(1)
    assert [f.value for f in told.figures] == [25, 62.5, 10]
    for figure in told.figures:
        assert figure.low is not None
        assert figure.high is not None
        assert figure.high - figure.low < 2.2 * figure.expected_error
    assert told.sessions.filtered == "seat is balcony or front"


def test_nothing_in_a_release_but_estimates_depends_on_the_noisy_vector() -> None:
    one, other = (document(counted=c).model_dump() for c in (380, 220))
    for told in (one, other):
        for part in (told["sessions"], *told["figures"]):
            for key in ("counted", "value", "low", "high", "withheld"):
                part.pop(key, None)
    assert one == other


def test_no_key_promises_something_about_one_person() -> None:
    assert "guarantee" in assert_no_personal_keys(document().model_dump(mode="json"))


def test_the_table_holds_the_figures(tmp_path: Path) -> None:
    write_release(document(), tmp_path)
    with (tmp_path / "release.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["series"], r["name"], r["kind"], float(r["value"])) for r in rows] == [
        ("fear", "Cellar", "mean", 25),
        ("fear", "Cellar", "share_above", 62.5),
        ("sentiment", "whole", "mean", 10),
    ]
    assert rows[2]["end_seconds"] == ""
    np.testing.assert_allclose([float(r["expected_error"]) for r in rows], made().errors)


def test_a_terminal_reads_them_too() -> None:
    assert lines(document().figures)[1].startswith("fear above 50, % of sessions, Cellar (01:00–01:30): 62.5 (")
    assert lines(document(counted=3).figures)[0].endswith("withheld: about 3 sessions count, fewer than 10")
