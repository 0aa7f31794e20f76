"""``mien markers`` from a report on disk to a file an edit suite opens."""

from __future__ import annotations

import json
from pathlib import Path

import opentimelineio as otio
import pytest
from click.testing import CliRunner, Result

from mien.cli import main
from mien.cli.markers import FORMATS, KINDS
from mien.core.findings import MomentKind
from mien.report import write_reports
from mien.report.markers import formats
from mien.report.reading import moments_of, read_report
from tests.report.factory import CREATED, hall


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hall")
    write_reports(hall(), folder, created=CREATED)
    return folder / "report.json"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["markers", *map(str, arguments)])


def test_every_format_is_offered_without_being_imported() -> None:
    assert tuple(FORMATS) == formats()


@pytest.mark.parametrize("to", formats())
def test_a_report_becomes_a_file(to: str, report: Path, tmp_path: Path) -> None:
    done = run(report, "--to", to, "--frame-rate", "23.976", "--out", tmp_path / "film")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{tmp_path / 'film'}: ")
    text = (tmp_path / "film").read_text(encoding="utf-8")
    assert ("DEMO: rise" if to != "elan" else ">DEMO<") in text
    assert "FEAR" in text


def test_markers_lie_where_the_scares_were(report: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.otio"
    run(report, "--to", "otio", "--frame-rate", "29.97", "--drop-frame", "--start-timecode", "10:00:00;00",
        "--title", "Cut 3", "--out", path)  # fmt: skip
    timeline = otio.adapters.read_from_file(str(path))
    assert timeline.name == "DEMO Cut 3"
    assert timeline.global_start_time.to_timecode() == "10:00:00;00"
    fears = [m.marked_range for m in timeline.tracks.markers if m.color == "PURPLE"]
    for second in (92, 171, 262):
        assert any(
            r.start_time.to_seconds() - 1 <= second <= (r.start_time + r.duration).to_seconds() + 1 for r in fears
        )


def test_every_kind_of_moment_can_be_chosen() -> None:
    assert [kind.replace("-", "_") for kind in KINDS] == [kind.value for kind in MomentKind]


@pytest.mark.parametrize("kinds", [("scare",), ("peak", "scare"), ("missed-opportunity",), KINDS])
def test_only_moments_of_the_kinds_asked_for_are_marked(kinds: tuple[str, ...], report: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.otio"
    asked = [word for kind in kinds for word in ("--kind", kind)]
    done = run(report, "--to", "otio", *asked, "--frame-rate", "24", "--out", path)
    assert done.exit_code == 0, done.stderr
    markers = otio.adapters.read_from_file(str(path)).tracks.markers
    marked = [told["kind"] for marker in markers for told in marker.metadata["mien"]["moments"]]
    chosen = {kind.replace("-", "_") for kind in kinds}
    assert sorted(marked) == sorted(m.kind for m in moments_of(read_report(report)) if m.kind in chosen)


def test_the_report_has_kinds_to_choose_from(report: Path) -> None:
    assert {"peak", "scare"} <= {moment.kind for moment in moments_of(read_report(report))}


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--frame-rate", "23.98"), 2, "unknown frame rate '23.98'"),
        (("--frame-rate", "25", "--kind", "jump"), 2, "'jump' is not one of"),
        (("--frame-rate", "25", "--drop-frame"), 2, "no drop-frame timecode at 25"),
        (("--frame-rate", "25", "--start-timecode", "1 o'clock"), 2, "is no timecode"),
        (("--frame-rate", "29.97", "--start-timecode", "00:01:00;00"), 2, "ask for drop-frame"),
        (("--frame-rate", "29.97", "--drop-frame", "--start-timecode", "00:01:00;00"), 2, "skips it"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    options: tuple[str, ...], code: int, told: str, report: Path, tmp_path: Path
) -> None:
    done = run(report, "--to", "edl", *options, "--out", tmp_path / "film.edl")
    assert done.exit_code == code
    assert told in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_inputs_and_outputs_that_fail_have_their_codes(report: Path, tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("{}")
    rate = ("--to", "edl", "--frame-rate", "25")
    assert run(tmp_path / "absent.json", *rate, "--out", tmp_path / "a").exit_code == 3
    assert run(tmp_path / "no.json", *rate, "--out", tmp_path / "a").exit_code == 3
    assert run(report, *rate, "--out", tmp_path / "absent" / "a").exit_code == 8
    assert run(report, "--to", "ale", "--frame-rate", "25", "--out", tmp_path / "a").exit_code == 2


def test_markers_lie_on_the_film_where_the_report_knows_when_it_ran(report: Path, tmp_path: Path) -> None:
    """The film began 20 s into the recording and ended at 200 s of it: the scare at 262 s was after its end."""
    told = json.loads(report.read_text(encoding="utf-8"))
    stretch = {
        "recorded_start_seconds": 20,
        "recorded_end_seconds": 200,
        "film_start_seconds": 0,
        "film_end_seconds": 180,
    }
    told["film"] = {"name": "film.mp4", "duration_seconds": 180, "stretches": [stretch]}
    (tmp_path / "report.json").write_text(json.dumps(told))
    plain, shifted = tmp_path / "plain.otio", tmp_path / "film.otio"
    run(report, "--to", "otio", "--frame-rate", "25", "--out", plain)
    done = run(tmp_path / "report.json", "--to", "otio", "--frame-rate", "25", "--out", shifted)
    assert "were left out: the film did not run then" in done.stdout

    def starts(path: Path) -> list[float]:
        markers = otio.adapters.read_from_file(str(path)).tracks.markers
        return sorted(m.marked_range.start_time.to_seconds() for m in markers)

    inside = [at - 20 for at in starts(plain) if 20 <= at < 195]
    assert inside
    assert all(any(abs(at - one) < 0.1 for one in starts(shifted)) for at in inside)
    assert all(0 <= at < 180 for at in starts(shifted))
