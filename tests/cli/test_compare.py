"""``mien compare`` from files of sessions to a verdict."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from mien.analysis.session_files import save_npz
from mien.analysis.sessions import SessionSet
from mien.cli import main
from mien.report import write_reports
from mien.report.comparison import ComparisonDocument
from tests.report.factory import CREATED, hall

STEPS = 60
SCARE = slice(30, 34)
"""Steps of half a second in which B is scarier."""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def version(seed: int, planted: float = 0.0, sessions: int = 14, **changes: Any) -> SessionSet:
    random = np.random.default_rng(seed)
    fear = 25 + random.normal(0, 3, (sessions, 1)) + random.normal(0, 5, (sessions, STEPS))
    fear[:, SCARE] += planted
    return SessionSet.of(
        {"fear": fear, "shock": fear / 2}, step_seconds=0.5, **{"readable": [20] * sessions, **changes}
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("versions")
    seats = {"seat": ["front", "back"] * 7}
    save_npz(version(1, attributes=seats), folder / "theatrical.npz")
    save_npz(version(2, 20.0, attributes=seats), folder / "director.npz")
    return folder / "theatrical.npz", folder / "director.npz"


def document(folder: Path) -> ComparisonDocument:
    return ComparisonDocument.model_validate_json((folder / "comparison.json").read_text(encoding="utf-8"))


def test_a_planted_scare_is_found_at_its_second_and_nothing_else(files: tuple[Path, Path], tmp_path: Path) -> None:
    done = run(*files, "--series", "fear", "--out", tmp_path / "out", "--seed", 3)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "director is " in done.stdout
    told = document(tmp_path / "out")
    assert [(f.start_seconds, f.end_seconds) for f in told.comparisons[0].findings] == [(15, 17)]
    assert [v.version for v in told.versions] == ["theatrical", "director"]
    with (tmp_path / "out" / "comparison.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == STEPS


def test_the_same_seed_gives_the_same_figures(files: tuple[Path, Path], tmp_path: Path) -> None:
    told = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        run(*files, "--series", "fear", "--out", tmp_path / name, "--seed", seed, "--quiet")
        told.append(json.loads((tmp_path / name / "comparison.json").read_text(encoding="utf-8")))
        del told[-1]["created"]
    assert told[0] == told[1]
    assert told[0] != told[2]


def test_several_series_share_the_level(files: tuple[Path, Path], tmp_path: Path) -> None:
    run(*files, "--series", "fear", "--series", "shock", "--out", tmp_path, "--quiet")
    told = document(tmp_path)
    assert [c.series for c in told.comparisons] == ["fear", "shock"]
    assert told.options.comparisons == 2


def test_a_version_with_an_inserted_scene_is_laid_over_the_other(files: tuple[Path, Path], tmp_path: Path) -> None:
    """B has ten seconds more from 5 to 15; after them everything is ten seconds later."""
    whole = version(2, 20.0)
    fear = whole.values("fear")
    inserted = np.concatenate([fear[:, :10], np.full((14, 20), 90.0), fear[:, 10:]], axis=1)
    save_npz(SessionSet.of({"fear": inserted}, step_seconds=0.5, readable=[20] * 14), tmp_path / "long.npz")
    table = tmp_path / "offsets.csv"
    table.write_text("from_seconds,to_seconds,shift_seconds\n0,5,0\n15,40,-10\n", encoding="utf-8")
    done = run(files[0], tmp_path / "long.npz", "--series", "fear", "--offsets", table, "--out", tmp_path / "out")
    assert done.exit_code == 0
    comparison = document(tmp_path / "out").comparisons[0]
    assert [(f.start_seconds, f.end_seconds) for f in comparison.findings] == [(15, 17)]
    assert comparison.only_b_seconds == ((5, 15),)
    assert comparison.only_a_seconds == ()


def test_scenes_are_compared_beside_the_timeline(files: tuple[Path, Path], tmp_path: Path) -> None:
    scenes = tmp_path / "scenes.vtt"
    scenes.write_text(
        "WEBVTT\n\n00:00.000 --> 00:15.000\nHall\n\n00:15.000 --> 00:17.000\nCellar\n\n00:17.000 --> 00:30.000\nEnd\n",
        encoding="utf-8",
    )
    done = run(*files, "--series", "fear", "--scenes", scenes, "--out", tmp_path / "out")
    assert done.exit_code == 0
    found = document(tmp_path / "out").comparisons[0].scenes
    assert found is not None
    assert [s.name_a for s in found.scenes if s.shown] == ["Cellar"]
    assert "'Cellar'" in done.stdout
    tables = document(tmp_path / "out").scene_tables
    assert [t.version for t in tables] == ["theatrical", "director"]
    assert tables[1].scenes[1].rank == 1, "the cellar is the director's scariest scene"
    assert document(tmp_path / "out").options.comparisons == 2, "the timeline and the scenes share the level"


def test_a_segment_is_compared_from_ten_people_on(files: tuple[Path, Path], tmp_path: Path) -> None:
    done = run(*files, "--series", "fear", "--segment", "seat=front", "--out", tmp_path / "front")
    assert done.exit_code == 0
    assert set(document(tmp_path / "front").comparisons[0].curve["sessions_a"]) == {7.0}
    assert document(tmp_path / "front").filtered == "seat is front"
    assert "Only a part was compared: seat is front." in done.stdout
    refused = run(*files, "--series", "fear", "--segment", "seat=balcony", "--out", tmp_path / "few")
    assert refused.exit_code == 6
    assert "fewer than 10" in refused.stderr
    assert not (tmp_path / "few").exists()


def test_a_stretch_of_time_is_compared_by_itself(files: tuple[Path, Path], tmp_path: Path) -> None:
    run(*files, "--series", "fear", "--from", 20, "--to", 25, "--out", tmp_path, "--quiet")
    comparison = document(tmp_path).comparisons[0]
    assert (comparison.start_seconds, len(comparison.curve["difference"])) == (20, 10)
    assert comparison.verdict.shown is False


def test_one_session_of_a_version_shows_curves_and_infers_nothing(tmp_path: Path) -> None:
    for evening, name in enumerate(("a", "b")):
        write_reports(hall(minutes=1, evening=evening), tmp_path / name / "friday", created=CREATED)
    done = run(tmp_path / "a", tmp_path / "b", "--series", "fear", "--out", tmp_path / "out")
    assert done.exit_code == 0
    assert "Nothing is concluded about fear" in done.stdout
    assert done.stdout.startswith("DEMO")
    comparison = document(tmp_path / "out").comparisons[0]
    assert comparison.verdict.shown is None
    assert any(comparison.curve["difference"])
    assert set(comparison.curve["p"]) == {None}


def test_steps_that_a_scale_cut_off_in_all_sessions_show_a_difference_and_no_certainty(tmp_path: Path) -> None:
    """Shock is clamped: at 0 in all of A and at 100 in all of B, nothing tells how other sessions would scatter."""
    paths = []
    for seed, level in ((1, 0.0), (2, 100.0)):
        cut = version(seed)
        cut.series["shock"][:, SCARE] = level
        paths.append(tmp_path / f"{'ab'[seed - 1]}.npz")
        save_npz(cut, paths[-1])
    done = run(*paths, "--series", "shock", "--out", tmp_path / "out")
    assert done.exit_code == 0
    assert "100.0 points above a (family-wise p = " in done.stdout
    assert "within each version all sessions agree to the last digit there, so no band is told" in done.stdout
    [comparison] = document(tmp_path / "out").comparisons
    [finding] = comparison.findings
    assert (finding.at_peak.effect_hedges_g, finding.at_peak.family_low, finding.at_peak.detectable) == (None,) * 3
    assert comparison.curve["difference"][31] == 100
    assert comparison.curve["high"][31] is None
    assert comparison.curve["high"][29] is not None
    assert comparison.detectable_typically is not None
    assert comparison.detectable_typically > 1


@pytest.mark.parametrize("segments", [(), ("--segment", "seat=front")])
@pytest.mark.parametrize("coarser", [1.0, 0.75])
def test_other_steps_tell_nothing_of_a_person_who_was_withheld(
    tmp_path: Path, segments: tuple[str, ...], coarser: float
) -> None:
    """At 20 s one person of twelve is read. A mean over a longer step must not hold what the shorter one withheld."""
    found = []
    for read in (5.0, 95.0):
        paths = []
        for seed in (1, 2):
            full = version(seed, sessions=12, readable=[1] * 12, min_group=5, attributes={"seat": ["front"] * 12})
            full.series["fear"][1:, 40] = np.nan
            full.series["fear"][0, 40] = read
            paths.append(tmp_path / f"{'ab'[seed - 1]}.npz")
            save_npz(full, paths[-1])
        out = tmp_path / f"out-{read}"
        done = run(*paths, "--series", "fear", "--step-seconds", coarser, *segments, "--out", out, "--quiet")
        assert done.exit_code == 0, done.stderr
        found.append(document(out).comparisons[0].curve)
    assert found[0] == found[1]


def test_offsets_tell_nothing_of_a_person_who_was_withheld(tmp_path: Path) -> None:
    table = tmp_path / "offsets.csv"
    table.write_text("from_seconds,to_seconds,shift_seconds\n0,29,0.2\n", encoding="utf-8")
    found = []
    for read in (5.0, 95.0):
        paths = []
        for seed in (1, 2):
            full = version(seed, sessions=12, readable=[1] * 12, min_group=5)
            full.series["fear"][1:, 40] = np.nan
            full.series["fear"][0, 40] = read
            paths.append(tmp_path / f"{'ab'[seed - 1]}.npz")
            save_npz(full, paths[-1])
        out = tmp_path / f"out-{read}"
        assert run(*paths, "--series", "fear", "--offsets", table, "--out", out, "--quiet").exit_code == 0
        found.append(document(out).comparisons[0].curve)
    assert found[0] == found[1]


def test_a_stretch_says_that_scenes_are_compared_whole(files: tuple[Path, Path], tmp_path: Path) -> None:
    scenes = tmp_path / "scenes.csv"
    scenes.write_text("name,start_seconds,end_seconds\nlate,26,29\n", encoding="utf-8")
    done = run(*files, "--series", "fear", "--from", 0, "--to", 20, "--scenes", scenes, "--out", tmp_path / "out")
    assert "from 0 s, up to 20 s, along the timeline only: scenes are compared whole" in done.stdout


def test_a_recording_given_as_two_sessions_is_refused(tmp_path: Path) -> None:
    for folder in ("a/friday", "a/saturday", "b/friday", "c/sunday"):
        write_reports(hall(minutes=1, evening=len(folder)), tmp_path / folder, created=CREATED)
    twice = run(tmp_path / "a", tmp_path / "b", "--series", "fear", "--out", tmp_path / "out")
    assert twice.exit_code == 3
    assert "'friday' of version 'b'" in twice.stderr
    assert "'friday' of version 'a'" in twice.stderr
    write_reports(hall(minutes=1, evening=len("c/sunday")), tmp_path / "c" / "copy", created=CREATED)
    within = run(tmp_path / "b", tmp_path / "c", "--series", "fear", "--out", tmp_path / "out")
    assert within.exit_code == 3
    assert "'sunday'" in within.stderr
    assert "'copy'" in within.stderr


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--series", "awe"), 3, "awe"),
        (("--series", "fear", "--series", "fear"), 2, "twice"),
        (("--series", "fear", "--name", "x"), 2, "--name"),
        (("--series", "fear", "--name", "x", "--name", "x"), 2, "name them apart"),
        (("--series", "fear", "--offsets", "none", "--offsets", "none"), 2, "--offsets"),
        (("--series", "fear", "--offsets", "nowhere.csv"), 3, "nowhere.csv"),
        (("--series", "fear", "--segment", "seat"), 2, "ATTRIBUTE=VALUE"),
        (("--series", "fear", "--segment", "diet=vegan"), 3, "no attribute 'diet'"),
        (("--series", "fear", "--scenes", "film.txt"), 3, "no list of scenes"),
        (("--series", "fear", "--scenes", "film.edl"), 2, "frame rate"),
        (("--series", "fear", "--from", "900"), 2, "no step"),
        (("--series", "fear", "--shuffles", "3"), 2, "shuffles"),
        ((), 2, "--series"),
    ],
)
def test_what_cannot_be_compared_is_told(
    files: tuple[Path, Path], tmp_path: Path, options: tuple[str, ...], code: int, told: str
) -> None:
    done = run(*files, *options, "--out", tmp_path / "out")
    assert (done.exit_code, told in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "out").exists()


def test_one_version_is_nothing_to_compare(files: tuple[Path, Path], tmp_path: Path) -> None:
    done = run(files[0], "--series", "fear", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "two versions" in done.stderr
    missing = run(files[0], tmp_path / "none", "--series", "fear", "--out", tmp_path / "out")
    assert missing.exit_code == 3
