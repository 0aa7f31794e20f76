"""``mien recover``: what it keeps where it could not read everything, and what it says of counts that nobody knows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from mien.cli import main
from mien.cli._record import Record
from mien.report.unfinished import FILE, TIMELINE, write_unfinished
from mien.sinks.jsonl import create
from tests.report.factory import analysis_of, percents, read_step, suppressed_step

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


def recovered(folder: Path) -> tuple[str, dict[str, object]]:
    done = CliRunner().invoke(main, ["recover", str(folder), "--quiet"])
    assert done.exit_code == 0, done.output
    told: dict[str, object] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return done.output, told


def test_half_a_line_at_the_end_is_told_and_ends_the_matter(tmp_path: Path) -> None:
    said, told = recovered(cut(tmp_path, b'{"session_id": "te'))
    assert "1 line could not be read and is left out" in said
    assert len(told["timeline"]) == 3  # type: ignore[arg-type]
    assert not (tmp_path / FILE).exists()


def test_damage_before_readable_lines_keeps_the_way_back(tmp_path: Path) -> None:
    last = STEPS[-1].model_copy(update={"media_time": 1.5}).model_dump_json(exclude_none=True)
    said, told = recovered(cut(tmp_path, b"\0\0\0\n", last.encode() + b"\n"))
    assert "unfinished.json is kept" in said
    assert len(told["timeline"]) == 4  # type: ignore[arg-type]
    assert (tmp_path / FILE).exists()


def test_how_many_frames_were_read_is_not_known_where_steps_are_withheld(tmp_path: Path) -> None:
    _, told = recovered(cut(tmp_path, suppressed=True))
    assert told["provenance"]["frames_read"] is None  # type: ignore[index]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "from an unknown number of frames" in page
    assert "An unknown number read" in page


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
