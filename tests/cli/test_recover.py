"""``mien recover``: what it keeps where it could not read everything, and what it says of counts that nobody knows."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mien import report
from mien.cli import TRUNCATED, main
from mien.cli._record import Record
from mien.core.audience import WHOLE_AUDIENCE, CameraInput
from mien.core.errors import InputError, OutputError
from mien.report import write_reports
from mien.report.unfinished import FILE, TIMELINE, ZONES, HeldFolder, write_unfinished
from mien.sinks.jsonl import create
from tests.report.factory import CREATED, analysis_of, percents, read_step, suppressed_step

STEPS = [read_step(0.0, percents(fear=12.5)), read_step(0.5, percents(fear=25.0)), read_step(1.0, percents())]


def cut(folder: Path, *further: bytes, suppressed: bool = False) -> Path:
    """What a session leaves that was cut off."""
    steps = [*STEPS, suppressed_step(1.5)] if suppressed else STEPS
    analysis = analysis_of(steps)
    write_unfinished(folder, analysis.timeline.session, analysis.provenance)
    sink = create(folder / TIMELINE)
    for step in steps:
        sink.write(step)
    sink.close(complete=False)
    with (folder / TIMELINE).open("ab") as file:
        file.writelines(further)
    return folder


def recovered(folder: Path, *, exit_code: int = 0) -> tuple[str, dict[str, Any]]:
    done = CliRunner().invoke(main, ["recover", str(folder), "--quiet"])
    assert done.exit_code == exit_code, done.output
    if exit_code not in (0, TRUNCATED):
        return done.output, {}
    told: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return done.output, told


def test_half_a_line_at_the_end_is_told_and_ends_the_matter(tmp_path: Path) -> None:
    said, told = recovered(cut(tmp_path, b'{"session_id": "te'))
    assert "1 line could not be read and is left out" in said
    assert len(told["timeline"]) == 3
    assert not (tmp_path / FILE).exists()


def test_damage_before_readable_lines_keeps_the_way_back(tmp_path: Path) -> None:
    last = STEPS[-1].model_copy(update={"media_time": 1.5}).model_dump_json(exclude_none=True)
    said, told = recovered(cut(tmp_path, b"\0\0\0\n", last.encode() + b"\n"), exit_code=TRUNCATED)
    assert "unfinished.json is kept" in said
    assert len(told["timeline"]) == 4
    assert (tmp_path / FILE).exists()


def test_how_many_frames_were_read_is_not_known_where_steps_are_withheld(tmp_path: Path) -> None:
    _, told = recovered(cut(tmp_path, suppressed=True))
    assert told["provenance"]["frames_read"] is None
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "from an unknown number of frames" in page
    assert "An unknown number read" in page


def test_steps_that_are_missing_between_others_are_told_as_a_gap(tmp_path: Path) -> None:
    late = STEPS[-1].model_copy(update={"media_time": 61.5}).model_dump_json(exclude_none=True)
    said, told = recovered(cut(tmp_path, late.encode() + b"\n"), exit_code=TRUNCATED)
    assert "120 steps are missing between others, and told as a gap" in said
    assert told["coverage"]["steps_gap"] == 120
    assert told["provenance"]["frames_read"] is None


def test_a_report_that_tells_more_than_the_lines_is_left_as_it_is(tmp_path: Path) -> None:
    """A file that was cut short, or lines that waited for room on the disk when the power went."""
    longer = analysis_of([*STEPS, *(read_step(1.5 + k / 2, percents()) for k in range(60))])
    write_reports(longer, cut(tmp_path), created=CREATED)
    before = (tmp_path / "report.json").read_bytes()
    said, _ = recovered(tmp_path, exit_code=InputError.exit_code)
    assert "tells of 31.5 s, timeline.jsonl of 1.5 s only" in said
    assert "Nothing was changed" in said
    assert (tmp_path / "report.json").read_bytes() == before
    assert (tmp_path / FILE).exists()
    (tmp_path / "report.json").unlink()
    assert len(recovered(tmp_path)[1]["timeline"]) == 3


def test_a_report_of_the_last_minute_gives_way_to_the_lines(tmp_path: Path) -> None:
    write_reports(analysis_of([*STEPS, read_step(1.5, percents())]), cut(tmp_path), created=CREATED)
    assert len(recovered(tmp_path)[1]["timeline"]) == 3


def test_what_a_report_left_that_was_being_written_is_cleared_away(tmp_path: Path) -> None:
    folder = cut(tmp_path)
    (folder / ".x1y2.partial").mkdir()
    (folder / ".x1y2.partial" / "report.json").write_text("{", encoding="utf-8")
    (folder / ".unfinished.json.ab.partial").write_text("{", encoding="utf-8")
    recovered(folder)
    assert not list(folder.glob(".*"))


def test_a_hall_comes_back_in_the_order_of_its_zones_and_without_a_sum_of_its_frames(tmp_path: Path) -> None:
    analysis = analysis_of(
        STEPS,
        cameras=tuple(CameraInput(f"{zone}.mp4", "file", None, 0.0, 36, (zone,)) for zone in ("stalls", "balcony")),
    )
    write_unfinished(tmp_path, analysis.timeline.session, analysis.provenance)
    for name, zones in ((TIMELINE, [WHOLE_AUDIENCE]), (ZONES, ["balcony", "stalls"])):
        sink = create(tmp_path / name)
        for step in STEPS:
            for zone in zones:
                sink.write(step.model_copy(update={"zone": zone}))
        sink.close(complete=False)
    _, told = recovered(tmp_path)
    assert [zone["zone"] for zone in told["zones"]] == ["stalls", "balcony"]
    assert told["provenance"]["frames_read"] is None, "a step of a hall holds the frames of the camera that had most"


def test_where_no_lock_tells_a_session_that_still_writes_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network file system."""

    def refuses(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuses)
    folder = cut(tmp_path)
    said, _ = recovered(folder, exit_code=InputError.exit_code)
    assert "may still run" in said
    assert (folder / FILE).exists()
    assert not (folder / "report.json").exists()
    os.utime(folder / TIMELINE, (0, 0))
    recovered(folder)


def test_a_folder_that_somebody_works_in_is_left_alone(tmp_path: Path) -> None:
    with HeldFolder(cut(tmp_path)):
        assert "still runs, or is being recovered" in recovered(tmp_path, exit_code=InputError.exit_code)[0]


def test_a_start_that_failed_left_no_lines(tmp_path: Path) -> None:
    (tmp_path / TIMELINE).touch()
    said, _ = recovered(tmp_path, exit_code=InputError.exit_code)
    assert "holds no session that was cut off. Name the folder" in said


def test_where_the_disk_is_full_the_lines_can_be_taken_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*arguments: object, **options: object) -> None:
        raise OutputError("the disk is full.")

    monkeypatch.setattr(report, "write_reports", refuses)
    said, _ = recovered(cut(tmp_path), exit_code=OutputError.exit_code)
    assert f"copy {tmp_path} elsewhere, and recover it there" in said
    assert (tmp_path / FILE).exists()


def test_a_folder_without_a_name_of_its_own_is_numbered_by_its_real_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tonight"
    folder.mkdir()
    cut(folder)
    monkeypatch.chdir(folder)
    record = Record(Path(), 1, by_zones=False)
    assert record.folder == tmp_path / "tonight-2"
    again = Record(Path(os.pardir) / "tonight", 1, by_zones=False)
    assert again.folder.resolve() == tmp_path / "tonight-3", "the second is held by the first of them"
    for one in (record, again):
        one.whole.close(complete=False)
