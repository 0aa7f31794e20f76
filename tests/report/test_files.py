"""Every file is whole or absent, and an error names the folder and the remedy."""

from __future__ import annotations

import csv
import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from mien.core.errors import OutputError, PolicyError
from mien.core.labels import EMOTIONS
from mien.report import FILES, prepare_folder, write_reports
from mien.report.document import Report, build_report
from mien.report.files import all_or_none, whole_text_file
from mien.report.partial import cannot_write, written_whole
from mien.report.tables import columns
from tests.report.factory import CREATED, SHAPES, hall, nobody, one_person

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"hour"}))
def test_reports_are_written_whole_and_nothing_else(shape: str, tmp_path: Path) -> None:
    write_reports(SHAPES[shape](), tmp_path / "new" / "folder", created=CREATED)
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == sorted(FILES)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_reports(hall(), tmp_path / name, created=CREATED)
    for file in FILES:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_report_json_is_the_report(tmp_path: Path) -> None:
    write_reports(one_person(), tmp_path, created=CREATED)
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert Report.model_validate_json(text) == build_report(one_person(), CREATED)


def test_a_key_about_one_person_stops_the_report(tmp_path: Path) -> None:
    """PRV14: what a later change might carry past the types is caught before anything is written."""
    told = one_person()
    provenance = replace(told.provenance, settings={"stage": {"face_box": [1, 2, 3, 4]}})
    with pytest.raises(PolicyError, match=r"settings\.stage\.face_box names something about one person"):
        write_reports(replace(told, provenance=provenance), tmp_path, created=CREATED)
    assert list(tmp_path.iterdir()) == []


def test_a_report_says_what_its_privacy_is(tmp_path: Path) -> None:
    """PRV14: the privacy section of what is written."""
    for name, run, personal, least in (("one", one_person(), True, 1), ("hall", hall(), False, 5)):
        write_reports(run, tmp_path / name, created=CREATED)
        told = json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8"))
        suppressed = sum(row["state"] == "suppressed" for row in told["timeline"])
        assert told["privacy"]["personal_data"] is told["personal_data"] is personal
        assert (told["privacy"]["min_group"], told["privacy"]["steps_suppressed"]) == (least, suppressed)
        assert told["privacy"]["keys_checked"] > 50


def test_a_report_without_steps_is_valid_json(tmp_path: Path) -> None:
    write_reports(SHAPES["nothing"](), tmp_path, created=CREATED)
    assert json.loads((tmp_path / "report.json").read_text())["timeline"] == []


def test_an_earlier_report_is_replaced(tmp_path: Path) -> None:
    write_reports(one_person(), tmp_path, created=CREATED)
    write_reports(nobody(), tmp_path, created=CREATED)
    assert "No face was seen" in (tmp_path / "report.html").read_text(encoding="utf-8")


class TestTable:
    def read(self, shape: str, folder: Path) -> list[dict[str, str]]:
        write_reports(SHAPES[shape](), folder, created=CREATED)
        with (folder / "timeline.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def test_has_units_in_its_columns(self) -> None:
        names = columns(hall().timeline)
        assert {"media_time_seconds", "coverage_share", "readable_faces", "fear_percent", "fear_low_percent"} < {*names}
        assert {"cinema7_happy_percent", "unread_blurred_sightings"} < {*names}
        assert {"shock_points", "shock_low_points", "epm_0_to_10", "engagement_30s_1_to_5"} < {*names}
        timeline = hall().timeline
        compound = replace(timeline, session=replace(timeline.session, label_set="compound12"))
        assert "compound12_happily_surprised_percent" in columns(compound)
        assert not any(name.startswith("ferplus8") for name in columns(one_person().timeline))
        assert len(set(names)) == len(names)

    def test_has_a_row_a_step_whose_emotions_add_up(self, tmp_path: Path) -> None:
        rows = self.read("hall", tmp_path)
        assert len(rows) == 720
        for row in rows:
            if row["state"] == "read":
                assert sum(float(row[f"{e}_percent"]) for e in EMOTIONS) == pytest.approx(100, abs=0.01)
                assert float(row["fear_low_percent"]) <= float(row["fear_percent"]) <= float(row["fear_high_percent"])

    def test_tells_steps_without_figures_explicitly(self, tmp_path: Path) -> None:
        rows = self.read("hall", tmp_path)
        withheld = [row for row in rows if row["state"] == "suppressed"]
        gaps = [row for row in rows if row["state"] == "gap"]
        assert (len(withheld), len(gaps)) == (24, 10)
        told = {name for row in withheld for name, cell in row.items() if cell}
        assert told == {"media_time_seconds", "media_time_mmss", "duration_seconds", "state"}
        assert all(row["frames"] == "0" and row["fear_percent"] == "" for row in gaps)

    def test_one_person_has_empty_intervals_and_no_face_is_not_zero_percent(self, tmp_path: Path) -> None:
        rows = self.read("one_person", tmp_path)
        assert {row["fear_low_percent"] for row in rows} == {""}
        assert rows[-1]["state"] == "no_face"
        assert rows[-1]["happiness_percent"] == ""
        assert rows[-1]["coverage_share"] == "0.0"


class TestFailure:
    def test_a_file_in_the_folder_s_place_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("kept")
        with pytest.raises(OutputError, match=r"out: it is a file; choose a folder"):
            write_reports(nobody(), tmp_path / "out", created=CREATED)
        assert (tmp_path / "out").read_text() == "kept"

    def test_a_folder_below_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match=r"file/out"):
            prepare_folder(tmp_path / "file" / "out")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_an_unwritable_folder_is_named(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(OutputError, match="permission denied"):
                prepare_folder(tmp_path)
        finally:
            tmp_path.chmod(0o700)

    @pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
    def test_what_is_half_written_is_removed_and_what_was_there_stays(
        self, error: BaseException, tmp_path: Path
    ) -> None:
        def write_half() -> None:
            with whole_text_file(tmp_path / "report.json") as file:
                file.write("half")
                raise error

        (tmp_path / "report.json").write_text("earlier")
        with pytest.raises((OutputError, KeyboardInterrupt)):
            write_half()
        assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
        assert (tmp_path / "report.json").read_text() == "earlier"

    def test_a_disk_that_fills_up_is_told(self, tmp_path: Path) -> None:
        def write() -> None:
            with whole_text_file(tmp_path / "report.json"), Path("/dev/full").open("w", buffering=1) as file:
                file.write("x\n")

        if not Path("/dev/full").exists():
            pytest.skip("needs /dev/full")
        with pytest.raises(OutputError, match="full"):
            write()

    def test_a_writer_s_own_error_is_told_where_it_is_named(self, tmp_path: Path) -> None:
        class FullError(Exception):
            pass

        def write(*failures: type[Exception]) -> None:
            with written_whole(tmp_path / "table.parquet", *failures) as temporary:
                temporary.write_bytes(b"half")
                raise FullError("no room")

        with pytest.raises(OutputError, match=r"table\.parquet"):
            write(FullError)
        with pytest.raises(FullError):
            write()
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("code", "told"),
        [(errno.EACCES, "permission denied"), (errno.EROFS, "read-only"), (errno.EIO, "Input/output error")],
    )
    def test_every_reason_names_the_folder_and_the_remedy(self, code: int, told: str) -> None:
        message = str(cannot_write(Path("some/out"), OSError(code, os.strerror(code))))
        assert "some/out" in message
        assert told in message
        assert "folder" in message

    def test_files_get_the_usual_permissions(self, tmp_path: Path) -> None:
        write_reports(nobody(), tmp_path, created=CREATED)
        mask = os.umask(0o022)
        os.umask(mask)
        assert (tmp_path / "report.html").stat().st_mode & 0o777 == 0o666 & ~mask


def test_that_the_files_are_there_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = list[tuple[int, list[str]]]()

    def watched(handle: int) -> None:
        kept.append((os.fstat(handle).st_ino, sorted(place.name for place in tmp_path.iterdir())))

    monkeypatch.setattr(os, "fsync", watched)
    with all_or_none(tmp_path) as folder:
        for name in ("a", "b"):
            (folder / name).write_text(name, encoding="utf-8")
    assert kept[-1][0] == tmp_path.stat().st_ino
    assert {"a", "b"} <= set(kept[-1][1])


def test_what_cannot_be_written_is_named_as_the_user_knows_it(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as refused, all_or_none(tmp_path) as folder:
        raise cannot_write(folder / "report.json", OSError(errno.ENOSPC, "No space left on device"))
    assert f"cannot write {tmp_path / 'report.json'}: the disk is full" in str(refused.value)
    assert list(tmp_path.iterdir()) == []
