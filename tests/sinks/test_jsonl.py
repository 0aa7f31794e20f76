"""Lines of JSON: both shapes, whose data they may hold, and that every line is whole."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mien.core.audience import AudienceSnapshot, Durable, LabelView
from mien.core.errors import OutputError, PolicyError
from mien.core.labels import CINEMA7
from mien.sinks._records import anonymised_record
from mien.sinks.jsonl import create
from tests.sinks.snapshots import snapshot, suppressed

PERCENTS = (5.0, 5.0, 45.2, 5.0, 7.46, 12.34, 20.0)


def cinema_view() -> LabelView:
    return LabelView(label_set="cinema7", percents=dict(zip(CINEMA7.labels, PERCENTS, strict=True)))


def test_each_snapshot_comes_back_as_it_went_in(tmp_path: Path) -> None:
    told = [snapshot(0.0), suppressed(0.5), snapshot(1.0, view=cinema_view())]
    sink = create(tmp_path / "a.jsonl")
    for one in told:
        sink.write(one)
    sink.close(complete=True)
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert [AudienceSnapshot.model_validate_json(line) for line in lines] == told
    assert set(json.loads(lines[1])) == {
        "schema_version",
        "session_id",
        "source",
        "zone",
        "media_time",
        "duration_seconds",
        "suppressed",
        "demo",
    }


def test_a_line_can_be_read_as_soon_as_it_is_written(tmp_path: Path) -> None:
    sink = create(tmp_path / "a.jsonl")
    sink.write(snapshot())
    assert (tmp_path / "a.jsonl").read_bytes().endswith(b"}\n")
    sink.close(complete=False)


def test_the_anonymised_record_has_the_published_shape() -> None:
    record = anonymised_record(snapshot(view=cinema_view()))
    published = """{"session_id": "abc123", "timestamp": 125.5, "audience_size": 32,
        "emotions": {"angry": 5.0, "disgust": 5.0, "fear": 45.2, "happy": 5.0, "sad": 7.5, "surprise": 12.3,
                     "neutral": 20.0},
        "privacy_level": "anonymized", "contains_pii": false}"""
    assert json.dumps(record) == json.dumps(json.loads(published))
    assert type(record["timestamp"]) is float
    assert type(record["audience_size"]) is int


def test_without_a_view_the_anonymised_record_uses_the_canonical_names() -> None:
    emotions = anonymised_record(snapshot())["emotions"]
    assert emotions["fear"] == 45.2
    assert emotions["surprise"] == 12.3
    assert emotions["neutral"] == 20.0
    assert "contempt" in emotions


def test_only_groups_at_or_above_the_minimum_are_told_anonymised(tmp_path: Path) -> None:
    sink = create(tmp_path / "a.jsonl", shape="anonymised", min_group=5)
    for one in (snapshot(0.0, 5), suppressed(0.5), snapshot(1.0, 4), snapshot(1.5, 6)):
        sink.write(one)
    sink.close(complete=True)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [(line["timestamp"], line["audience_size"]) for line in lines] == [(0.0, 5), (1.5, 6)]


@pytest.mark.parametrize("few", [1, 4])
def test_a_session_that_tells_of_few_people_is_never_called_anonymised(tmp_path: Path, few: int) -> None:
    with pytest.raises(PolicyError, match=f"groups of {few}: so few people are not anonymous"):
        create(tmp_path / "a.jsonl", shape="anonymised", min_group=few)
    assert not (tmp_path / "a.jsonl").exists()


@pytest.mark.parametrize("one", [suppressed(), snapshot(readable=1), snapshot(readable=4)])
def test_who_is_no_group_has_no_anonymised_record(one: AudienceSnapshot) -> None:
    with pytest.raises(ValueError, match="holds no group"):
        anonymised_record(one)


def test_a_missing_folder_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.jsonl cannot be written: No such file or directory"):
        create(tmp_path / "absent" / "a.jsonl")


FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.sinks.snapshots import snapshot
from mien.core.errors import OutputError
from mien.sinks.jsonl import create

sink = create(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
try:
    for index in range(100):
        sink.write(snapshot(index / 2))
except OutputError as error:
    sink.close(complete=False)
    sys.exit(str(error))
"""


def test_a_file_that_cannot_grow_is_an_error_and_keeps_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    ran = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, timeout=60)
    assert "a.jsonl cannot be written: File too large" in ran.stderr
    content = path.read_text()
    assert content.endswith("\n")
    told = [AudienceSnapshot.model_validate_json(line).media_time for line in content.splitlines()]
    assert told == [index / 2 for index in range(len(told))]
    assert len(told) >= 3


def test_what_a_power_cut_may_cost_is_bounded_by_what_was_made_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps of a second, as they are made; what the disk was not asked to keep is gone."""
    path, now = tmp_path / "a.jsonl", 0.0
    kept: list[int] = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        fsync(handle)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            kept.append(os.fstat(handle).st_size)

    monkeypatch.setattr(os, "fsync", watched)
    sink = create(path, sync_seconds=2.0, clock=lambda: now)
    lost: list[float] = []
    for step in range(200):
        now = step + 1.0
        before = path.read_bytes()[: kept[-1] if kept else 0].count(b"\n")
        lost.append(now - before)
        sink.write(snapshot(float(step)))
    assert max(lost) <= 4.0
    assert len(kept) <= 101, "and not at every line"
    sink.close(complete=False)
    assert kept[-1] == path.stat().st_size


def test_a_line_that_was_written_is_not_refused_because_the_disk_is_slow_to_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is told that a line was refused writes it again."""
    now, fsync = 0.0, os.fsync

    def refuses(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    sink = create(tmp_path / "a.jsonl", sync_seconds=2.0, clock=lambda: now)
    assert isinstance(sink, Durable)
    monkeypatch.setattr(os, "fsync", refuses)
    for now in (1.0, 3.0, 4.0):
        sink.write(snapshot(now))
    for _ in range(2):
        now += 1.0
        with pytest.raises(OutputError, match="No space left"):
            sink.keep()
    monkeypatch.setattr(os, "fsync", fsync)
    sink.keep()
    sink.close(complete=True)
    lines = (tmp_path / "a.jsonl").read_bytes().splitlines()
    assert [AudienceSnapshot.model_validate_json(line).media_time for line in lines] == [1.0, 3.0, 4.0]


def test_that_a_file_is_there_is_durable_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: folders.append(os.fstat(handle).st_ino))
    create(tmp_path / "a.jsonl", sync_seconds=2.0).close(complete=True)
    assert folders[0] == tmp_path.stat().st_ino


def test_lines_become_durable_though_none_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that goes away leaves its last steps to the clock."""
    now, kept, fsync = 0.0, list[int](), os.fsync

    def watched(handle: int) -> None:
        kept.append(os.fstat(handle).st_size)
        fsync(handle)

    sink = create(tmp_path / "a.jsonl", sync_seconds=2.0, clock=lambda: now)
    monkeypatch.setattr(os, "fsync", watched)
    assert isinstance(sink, Durable)
    now = 1.0
    sink.write(snapshot(0.0))
    sink.keep()
    assert kept == []
    now = 2.0
    sink.keep()
    assert kept == [(tmp_path / "a.jsonl").stat().st_size]
    sink.close(complete=True)
