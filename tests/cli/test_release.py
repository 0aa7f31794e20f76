"""``mien release`` from files of sessions to figures, and what it refuses without spending anything."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from mien.analysis.session_files import save_npz
from mien.analysis.sessions import SessionSet
from mien.cli import main
from mien.report import write_reports
from mien.report.ledger import read_ledger
from mien.report.release import ReleaseDocument
from tests.analysis.audiences import sessions
from tests.report.factory import CREATED, hall

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["release", *map(str, arguments)])


@pytest.fixture
def forty(tmp_path: Path) -> Path:
    """40 viewers at home, a minute each, fear about 20 points; half of them said that they sat in front."""
    drawn = sessions(np.random.default_rng(1), 40, 120, version="home")
    whole = SessionSet.of(
        {"fear": np.clip(drawn.values("fear"), 0, 100)},
        step_seconds=0.5,
        attributes={"seat": ["front", "back"] * 20},
        min_group=1,
    )
    save_npz(whole, tmp_path / "forty.npz")
    return tmp_path / "forty.npz"


def document(folder: Path) -> ReleaseDocument:
    return ReleaseDocument.model_validate_json((folder / "release.json").read_text(encoding="utf-8"))


def ledger_of(version: Path) -> Path:
    return version.with_name(f"{version.name}.release-ledger.json")


def test_forty_sessions_are_released_and_what_it_cost_is_kept(forty: Path, tmp_path: Path) -> None:
    done = run(forty, "--series", "fear", "--epsilon", 2, "--budget", 3, "--title", "Film", "--out", tmp_path / "out")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "differentially private for each session with ε = 2" in done.stdout
    assert "Spent: ε = 2 of ε = 3" in done.stdout
    told = document(tmp_path / "out")
    assert (told.title, told.version, told.sessions.given, len(told.figures)) == ("Film", "forty", 40, 1)
    assert told.figures[0].value == pytest.approx(20, abs=15)
    assert told.guarantee.software.startswith("OpenDP ")
    with (tmp_path / "out" / "release.csv").open(encoding="utf-8", newline="") as file:
        assert [row["series"] for row in csv.DictReader(file)] == ["fear"]
    ledger = read_ledger(ledger_of(forty))
    assert ledger is not None
    assert [(str(e.loss), e.figures, e.sessions) for e in ledger.entries] == [("ε = 2", 1, 40)]


def test_a_release_makes_new_noise_every_time(forty: Path, tmp_path: Path) -> None:
    told = []
    for name in ("one", "two"):
        windows = ("--window", 20, "--to", 60, "--max-error", 25)
        run(forty, "--series", "fear", "--epsilon", 2, "--budget", 4, *windows, "--out", tmp_path / name, "--quiet")
        told.append([figure.value for figure in document(tmp_path / name).figures])
    assert len(told[0]) == 3
    assert told[0] != told[1]
    spent = run(forty, "--series", "fear", "--epsilon", 2, "--out", tmp_path / "three")
    assert spent.exit_code == 6
    assert "ε = 4 of it is spent by 2 releases" in spent.stderr
    assert not (tmp_path / "three").exists()


def test_scenes_shares_and_bounds_become_figures(forty: Path, tmp_path: Path) -> None:
    scenes = tmp_path / "scenes.csv"
    scenes.write_text("name,start_seconds,end_seconds\nHall,0,20\nCellar,20,60\n", encoding="utf-8")
    done = run(
        forty, "--series", "fear", "--scenes", scenes, "--overall", "--above", "fear=15", "--bounds", "fear=0:40",
        "--epsilon", 8, "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    told = document(tmp_path / "out").figures
    assert [(f.name, f.kind, f.bound_high) for f in told] == [
        *((name, "mean", 40) for name in ("Hall", "Cellar", "whole")),
        *((name, "share_above", 40) for name in ("Hall", "Cellar", "whole")),
    ]
    assert [f.expected_error / told[0].expected_error for f in told[3:]] == pytest.approx([2.5] * 3)


def test_windows_lie_up_to_the_end_that_was_told(forty: Path, tmp_path: Path) -> None:
    done = run(forty, "--series", "fear", "--window", 25, "--to", 60, "--epsilon", 8, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert [(f.start_seconds, f.end_seconds) for f in document(tmp_path / "out").figures] == [(0, 25), (25, 50)]


def test_gaussian_noise_spends_its_delta(forty: Path, tmp_path: Path) -> None:
    done = run(forty, "--series", "fear", "--epsilon", 5, "--mechanism", "gaussian", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert document(tmp_path / "out").guarantee.delta == 1e-6
    assert "Spent: ε = 5, δ = 0.000001 of ε = 5, δ = 0.000001" in done.stdout


def test_a_segment_is_hidden_in_the_count(forty: Path, tmp_path: Path) -> None:
    arguments = ("--series", "fear", "--epsilon", 10, "--segment", "seat=front", "--out")
    assert run(forty, *arguments, tmp_path / "out").exit_code == 0
    told = document(tmp_path / "out")
    assert told.sessions.filtered == "seat is front"
    assert told.sessions.given == 40
    assert told.sessions.counted == pytest.approx(20, abs=4)


def test_reports_of_a_folder_are_sessions(tmp_path: Path) -> None:
    for k in range(12):
        write_reports(hall(minutes=1, evening=k), tmp_path / "halls" / f"evening {k}", created=CREATED)
    arguments = ("--series", "fear", "--bounds", "fear=0:50", "--epsilon", 10, "--out")
    done = run(tmp_path / "halls", *arguments, tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("DEMO")
    assert document(tmp_path / "out").sessions.given == 12
    assert (tmp_path / "halls" / "release-ledger.json").is_file()
    inside = run(tmp_path / "halls", *arguments, tmp_path / "halls" / "out")
    assert inside.exit_code == 2
    assert "among the sessions" in inside.stderr


def test_a_plan_tells_the_error_and_spends_nothing(forty: Path) -> None:
    done = run(forty, "--series", "fear", "--epsilon", 2, "--plan")
    assert done.exit_code == 0
    assert "fear, whole: ±5.1 for 100.0% of the budget" in done.stdout
    assert not ledger_of(forty).exists()


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--series", "fear", "--epsilon", "0.5"), 2, "noise would drown 1 of 1 figures"),
        (("--series", "awe", "--epsilon", "2"), 2, "--bounds awe=LOW:HIGH"),
        (("--series", "awe", "--bounds", "awe=0:1", "--epsilon", "2"), 3, "no series 'awe'"),
        (("--series", "fear", "--series", "fear", "--epsilon", "2"), 2, "twice"),
        (("--series", "fear", "--epsilon", "11"), 2, "at 10 or below"),
        (("--series", "fear", "--epsilon", "2", "--delta", "1e-6"), 2, "leave out '--delta'"),
        (("--series", "fear", "--epsilon", "2", "--bounds", "fear"), 2, "SERIES="),
        (("--series", "fear", "--epsilon", "2", "--bounds", "fear=3"), 2, "LOW:HIGH"),
        (("--series", "fear", "--epsilon", "2", "--bounds", "fear=a:b"), 2, "no number"),
        (("--series", "fear", "--epsilon", "2", "--above", "shock=3"), 2, "not among"),
        (("--series", "fear", "--epsilon", "2", "--window", "5"), 2, "'--window' needs '--to'"),
        (("--series", "fear", "--epsilon", "2", "--window", "5", "--to", "4"), 2, "no window"),
        (("--series", "fear", "--epsilon", "2", "--scenes", "film.txt"), 3, "no list of scenes"),
        (("--series", "fear", "--epsilon", "2", "--segment", "diet=vegan"), 3, "diet"),
        (("--series", "fear", "--epsilon", "2", "--budget", "1"), 6, "budget of these sessions is ε = 1"),
        (("--series", "fear"), 2, "--epsilon"),
    ],
)
def test_what_is_refused_costs_nothing(
    forty: Path, tmp_path: Path, options: tuple[str, ...], code: int, told: str
) -> None:
    done = run(forty, *options, "--out", tmp_path / "out")
    assert (done.exit_code, told in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "out").exists()
    assert not ledger_of(forty).exists()


def test_fewer_sessions_than_the_smallest_group_are_refused(tmp_path: Path) -> None:
    for number, group, told in ((9, 1, "10 sessions or more, and here are 9"), (40, 41, "41 sessions or more")):
        drawn = sessions(np.random.default_rng(1), number, 20, min_group=group)
        save_npz(drawn, tmp_path / "few.npz")
        done = run(tmp_path / "few.npz", "--series", "fear", "--epsilon", 9, "--out", tmp_path / "out")
        assert done.exit_code == 6
        assert told in done.stderr


def test_a_place_that_cannot_be_written_costs_nothing(forty: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = run(forty, "--series", "fear", "--epsilon", 2, "--out", tmp_path / "file")
    assert done.exit_code == 8
    assert not ledger_of(forty).exists()


def test_either_a_folder_or_a_plan(forty: Path, tmp_path: Path) -> None:
    assert run(forty, "--series", "fear", "--epsilon", 2).exit_code == 2
    assert run(forty, "--series", "fear", "--epsilon", 2, "--plan", "--out", tmp_path / "out").exit_code == 2


def test_without_the_extra_it_says_which(forty: Path, tmp_path: Path) -> None:
    """In a process of its own, where OpenDP cannot be imported."""
    script = (
        "import sys; sys.modules['opendp'] = None; from mien.cli import main; "
        f"main(['release', {str(forty)!r}, '--series', 'fear', '--epsilon', '2', '--out', {str(tmp_path / 'out')!r}])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *filter(None, sys.path)])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert "mien[dp]" in done.stderr
    assert not ledger_of(forty).exists()


def test_the_document_is_plain_json(forty: Path, tmp_path: Path) -> None:
    run(forty, "--series", "fear", "--epsilon", 2, "--out", tmp_path / "out", "--quiet")
    assert set(json.loads((tmp_path / "out" / "release.json").read_text(encoding="utf-8"))) == set(
        ReleaseDocument.model_fields
    )
