"""What every marker format promises, whichever there are."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from mien.report.markers import Sheet, formats, load_format, write_markers
from mien.report.timecode import Timebase
from tests.report.markers.films import AT_EVERY_RATE, film, moment, options

PAL = Timebase(Fraction(25))
EVERY_FORMAT = pytest.mark.parametrize("name", formats())


def test_there_are_the_formats_of_edit_suites() -> None:
    assert {"edl", "elan", "fcp7", "fcpxml", "otio", "resolve-csv", "webvtt"} <= set(formats())


@EVERY_FORMAT
def test_a_format_says_how_its_files_end(name: str) -> None:
    assert load_format(name).SUFFIX.startswith(".")


@EVERY_FORMAT
@AT_EVERY_RATE
def test_every_marker_is_in_the_file_at_every_rate(name: str, timebase: Timebase) -> None:
    sheet = film(timebase)
    text = load_format(name).render(sheet)
    assert text.endswith("\n")
    for marker in sheet.markers:
        assert text.count(marker.name) >= sum(other.name == marker.name for other in sheet.markers)


@EVERY_FORMAT
def test_a_film_without_moments_has_a_file(name: str) -> None:
    assert load_format(name).render(Sheet.of([], options(PAL)))


@EVERY_FORMAT
def test_the_same_moments_give_the_same_file(name: str, tmp_path: Path) -> None:
    sheet = film(PAL)
    for path in (tmp_path / "a", tmp_path / "b"):
        write_markers(sheet, name, path)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert b"\r\r" not in (tmp_path / "a").read_bytes()


@EVERY_FORMAT
def test_a_title_with_anything_in_it_breaks_no_format(name: str) -> None:
    sheet = Sheet.of([moment(1, 2)], options(PAL, title="<&>\"'\x01 --> | ü 映画 \ufffe\n001"))
    text = load_format(name).render(sheet)
    assert text.encode()
    assert text.count("FEAR 82 %") == 1
    if text.startswith("<?xml"):
        Xml.fromstring(text)


@EVERY_FORMAT
def test_moments_of_any_subject_are_markers(name: str) -> None:
    assert "VALENCE -3" in load_format(name).render(
        Sheet.of([moment(1, 2, "valence", value=-3.0, rise=-10.0)], options(PAL))
    )
