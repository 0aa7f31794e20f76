"""What a live session leaves while it runs: it comes back as it was written, and damage at its end costs one line."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from mien.core.audience import Analysis, AudienceSnapshot, CameraInput, FallbackUse, ModelIdentity
from mien.core.errors import InputError, OutputError
from mien.report.unfinished import (
    CUT_OFF,
    FILE,
    TIMELINE,
    ZONES,
    HeldFolder,
    finish,
    has_session,
    is_unfinished,
    read_unfinished,
    write_unfinished,
)
from mien.sinks.jsonl import create
from tests.report.factory import analysis_of, gap_step, percents, read_step, suppressed_step

STEPS = [read_step(0.0, percents(fear=12.5)), gap_step(0.5), suppressed_step(1.0), read_step(1.5, percents())]


def left(folder: Path, snapshots: list[AudienceSnapshot] = STEPS) -> Analysis:
    """A session that was cut off after these steps."""
    analysis = analysis_of(snapshots)
    provenance = replace(
        analysis.provenance,
        fallback=FallbackUse(ModelIdentity("centerface", None), 12, 3),
        cameras=(CameraInput("left.mp4", "file", None, 0.0, 44, ("left",)),),
        frames_brightened=4,
    )
    write_unfinished(folder, analysis.timeline.session, provenance)
    sink = create(folder / TIMELINE)
    for snapshot in snapshots:
        sink.write(snapshot)
    sink.close(complete=False)
    return replace(analysis, provenance=provenance)


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    wrote, read = left(tmp_path), read_unfinished(tmp_path)
    assert read.session == wrote.timeline.session
    assert list(read.whole) == STEPS
    assert (dict(read.zones), read.unreadable) == ({}, 0)
    for name in (
        "input_name",
        "input_sha256",
        "detector",
        "classifier",
        "software",
        "settings",
        "profile",
        "head_pose",
    ):
        assert getattr(read.provenance, name) == getattr(wrote.provenance, name)
    assert read.provenance.stopped_because == CUT_OFF


def test_counts_that_would_tell_the_size_of_a_group_are_never_written(tmp_path: Path) -> None:
    left(tmp_path)
    told = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))["provenance"]
    counts = "frames_detected", "sightings", "sightings_read", "frames_brightened"
    assert [told[name] for name in counts] == [None] * 4
    assert told["frames_read"] is told["cameras"][0]["frames_read"] is None
    assert told["fallback"]["model"]["name"] == "centerface"
    assert told["fallback"]["frames_searched"] is told["fallback"]["frames_with_faces"] is None


@pytest.mark.parametrize("rest", [b'{"session_id": "te', b"\0" * 512, b"{}\n", b"\xff\xfe\n"])
def test_damage_at_the_end_costs_the_line_it_hits(tmp_path: Path, rest: bytes) -> None:
    left(tmp_path)
    with (tmp_path / TIMELINE).open("ab") as file:
        file.write(rest)
    read = read_unfinished(tmp_path)
    assert list(read.whole) == STEPS
    assert (read.unreadable, read.whole_but_for_the_end) == (1, True)


def test_damage_in_the_middle_is_told_from_damage_at_the_end(tmp_path: Path) -> None:
    left(tmp_path)
    lines = (tmp_path / TIMELINE).read_bytes().splitlines()
    (tmp_path / TIMELINE).write_bytes(b"\n".join([lines[0], b"?", *lines[2:]]) + b"\n")
    read = read_unfinished(tmp_path)
    assert list(read.whole) == [STEPS[0], gap_step(0.5), *STEPS[2:]], "told as what a session misses is told"
    assert (read.unreadable, read.whole_but_for_the_end, read.missing) == (1, False, 1)


def test_a_hole_in_the_lines_is_as_many_gaps_as_steps_are_missing(tmp_path: Path) -> None:
    left(tmp_path, [STEPS[0], read_step(60.5, percents())])
    read = read_unfinished(tmp_path)
    assert read.missing == 120
    assert [step.media_time for step in read.whole] == [k / 2 for k in range(122)]
    assert [step.frames for step in read.whole][1:121] == [0] * 120


def test_lines_of_another_session_are_none_of_this_one(tmp_path: Path) -> None:
    left(tmp_path)
    stray = read_step(2.0, percents()).model_copy(update={"session_id": "another"})
    with (tmp_path / TIMELINE).open("ab") as file:
        file.write(stray.model_dump_json(exclude_none=True).encode() + b"\n")
    assert list(read_unfinished(tmp_path).whole) == STEPS
    assert read_unfinished(tmp_path).unreadable == 1


def test_lines_of_a_part_alone_take_the_folder(tmp_path: Path) -> None:
    assert not has_session(tmp_path)
    (tmp_path / TIMELINE).touch()
    assert not has_session(tmp_path), "a start that failed"
    (tmp_path / ZONES).write_text("{}\n", encoding="utf-8")
    assert has_session(tmp_path)


def test_that_nothing_is_left_to_recover_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left(tmp_path)
    states = list[tuple[int, bool]]()
    monkeypatch.setattr(os, "fsync", lambda handle: states.append((os.fstat(handle).st_ino, is_unfinished(tmp_path))))
    finish(tmp_path)
    assert states == [(tmp_path.stat().st_ino, False)]


def test_lines_of_another_version_are_not_given_up(tmp_path: Path) -> None:
    left(tmp_path)
    text = (tmp_path / TIMELINE).read_text(encoding="utf-8")
    (tmp_path / TIMELINE).write_text(text.replace('"schema_version":1', '"schema_version":2'), encoding="utf-8")
    with pytest.raises(InputError, match=r"none of the 4 lines .* another version of Mien\. Nothing was changed"):
        read_unfinished(tmp_path)
    assert is_unfinished(tmp_path)


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    with HeldFolder(tmp_path) as ours:
        assert ours.held
        with HeldFolder(tmp_path) as theirs:
            assert not theirs.held
        with HeldFolder(tmp_path / "absent") as nowhere:
            assert (nowhere.held, nowhere.locked) == (True, False)
    with HeldFolder(tmp_path) as later:
        assert (later.held, later.locked) == (True, True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_what_is_no_folder_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with HeldFolder(tmp_path / "pipe") as ours:
        assert not ours.locked


def test_a_line_that_does_not_go_on_in_time_is_left_out(tmp_path: Path) -> None:
    left(tmp_path, [STEPS[0], STEPS[3], STEPS[3], STEPS[1]])
    read = read_unfinished(tmp_path)
    assert [snapshot.media_time for snapshot in read.whole if snapshot.frames] == [0.0, 1.5]
    assert read.unreadable == 2


def test_parts_of_a_hall_come_back_apart(tmp_path: Path) -> None:
    left(tmp_path)
    sink = create(tmp_path / ZONES)
    parts = [step.model_copy(update={"zone": zone}) for step in STEPS for zone in ("stalls", "balcony")]
    for part in parts:
        sink.write(part)
    sink.close(complete=False)
    read = read_unfinished(tmp_path)
    assert read.zones.keys() == {"stalls", "balcony"}
    assert list(read.zones["balcony"]) == parts[1::2]
    assert read.unreadable == 0


def test_before_the_first_line_there_is_what_was_run_and_nothing_else(tmp_path: Path) -> None:
    analysis = left(tmp_path, [])
    assert read_unfinished(tmp_path).session == analysis.timeline.session
    assert len(read_unfinished(tmp_path).whole) == 0


def test_a_timeline_that_is_missing_is_asked_for(tmp_path: Path) -> None:
    left(tmp_path)
    (tmp_path / TIMELINE).unlink()
    with pytest.raises(InputError, match="Put it back, then recover"):
        read_unfinished(tmp_path)
    assert is_unfinished(tmp_path)


def test_a_session_that_ended_well_leaves_nothing_to_recover(tmp_path: Path) -> None:
    left(tmp_path)
    assert is_unfinished(tmp_path)
    finish(tmp_path)
    assert not is_unfinished(tmp_path)
    finish(tmp_path)
    with pytest.raises(InputError, match=r"lacks unfinished\.json, without which nobody can tell on what permission"):
        read_unfinished(tmp_path)
    (tmp_path / "report.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="the reports of the one in it are there"):
        read_unfinished(tmp_path)
    (tmp_path / TIMELINE).unlink()
    with pytest.raises(InputError, match="Name the folder that 'mien live --record' wrote"):
        read_unfinished(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        read_unfinished(tmp_path / "report.json")


@pytest.mark.parametrize("content", ["", "[]", '{"schema_version": 1}', '{"schema_version": 1, "session": {}}', None])
def test_a_damaged_description_is_told_with_what_is_whole(tmp_path: Path, content: str | None) -> None:
    left(tmp_path)
    if content is None:
        told = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
        told["provenance"]["settings"]["audience"]["min_group"] = "few"
        content = json.dumps(told)
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"unfinished\.json cannot be read .* timeline\.jsonl is plain JSON"):
        read_unfinished(tmp_path)


def test_one_of_another_version_says_so(tmp_path: Path) -> None:
    left(tmp_path)
    (tmp_path / FILE).write_text('{"schema_version": 2}', encoding="utf-8")
    with pytest.raises(InputError, match="another version of Mien"):
        read_unfinished(tmp_path)


def test_a_folder_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    analysis = analysis_of(STEPS)
    with pytest.raises(OutputError, match="cannot write"):
        write_unfinished(tmp_path / "absent", analysis.timeline.session, analysis.provenance)
