"""Every format is read back by a reader that is not ours where there is one, and lands on the same frames."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as Xml

import opentimelineio as otio
import pytest
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import OutputError, SettingsError
from mien.core.labels import EMOTIONS
from mien.report.markers import Sheet, _resolve, load_format, write_markers
from mien.report.markers import otio as otio_format
from mien.report.timecode import Timebase
from tests.report.markers.films import AT_EVERY_RATE, MOMENTS, TIMEBASES, film, moment, options

STARTS = pytest.mark.parametrize("start", ["00:00:00:00", "01:00:00:00", "09:59:50:00"])
PAL = Timebase(Fraction(25))
SHEETS = st.builds(lambda moments, base: Sheet.of(moments, options(base)), MOMENTS, st.sampled_from(TIMEBASES))

Read = list[tuple[int, int, str]]
"""First frame counted from the film's first, frames, and name of each marker."""


def told(sheet: Sheet) -> Read:
    return [(m.start, m.frames, m.name) for m in sheet.markers]


def frames(time: otio.opentime.RationalTime) -> int:
    assert float(time.value).is_integer()
    return int(time.value)


def ranges(timeline: otio.schema.Timeline) -> Read:
    marked = [(m.marked_range, m.name) for m in timeline.tracks.markers]
    return [(frames(where.start_time), frames(where.duration), name) for where, name in marked]


def read_otio(text: str, sheet: Sheet) -> Read:
    timeline = otio.adapters.read_from_string(text, "otio_json")
    assert frames(timeline.global_start_time) == sheet.options.start_frame
    assert frames(timeline.duration()) == sheet.frames
    assert timeline.duration().rate == pytest.approx(float(sheet.options.frame_rate), rel=1e-12)
    return [
        (frames(m.marked_range.start_time), frames(m.marked_range.duration), m.name) for m in timeline.tracks.markers
    ]


def read_edl(text: str, sheet: Sheet) -> Read:
    if not sheet.markers:
        assert "001" not in text
        return []
    timeline = otio.adapters.read_from_string(text, "cmx_3600", rate=float(sheet.options.frame_rate))
    assert timeline.name == "A film"
    read = []
    [track] = timeline.tracks
    at = 0 if track.source_range is None else -frames(track.source_range.start_time)
    for item in track:
        if isinstance(item, otio.schema.Clip):
            assert frames(item.source_range.start_time) == at
            assert frames(item.duration()) == 1
            [note] = item.metadata["cmx_3600"]["comments"]
            found = re.fullmatch(r"rise .* \|C:ResolveColor[A-Z][a-z]+ \|M:(.*) \|D:(\d+)", note)
            assert found is not None
            read.append((at - sheet.options.start_frame, int(found[2]), found[1]))
        at += frames(item.duration())
    return read


def read_fcp7(text: str, sheet: Sheet) -> Read:
    timeline = otio.adapters.read_from_string(text, "fcp_xml")
    assert timeline.name == "A film"
    assert frames(timeline.global_start_time) == sheet.options.start_frame
    assert timeline.global_start_time.rate == pytest.approx(float(sheet.options.frame_rate), rel=1e-6)
    timecode = Xml.fromstring(text).find("./sequence/timecode")
    assert timecode is not None
    assert timecode.findtext("string") == sheet.timecode(0)
    assert timecode.findtext("displayformat") == ("DF" if sheet.options.drop_frame else "NDF")
    return [
        (frames(m.marked_range.start_time), frames(m.marked_range.duration), m.name) for m in timeline.tracks.markers
    ]


def read_fcpxml(text: str, sheet: Sheet) -> Read:
    """The adapter reads no marker of a gap and rounds times, so it only opens the file; the times are read here."""
    [timeline] = otio.adapters.read_from_string(text, "fcpx_xml")
    assert timeline.name == "A film"
    root = Xml.fromstring(text)
    sequence, gap = root.find(".//sequence"), root.find(".//spine/gap")
    duration = root.find("./resources/format[@id='r1']")
    assert sequence is not None
    assert gap is not None
    assert duration is not None
    frame = seconds(duration.attrib["frameDuration"])
    assert frame == 1 / sheet.options.frame_rate
    assert sequence.attrib["tcFormat"] == ("DF" if sheet.options.drop_frame else "NDF")
    begin = seconds(sequence.attrib["tcStart"])
    assert begin == seconds(gap.attrib["start"]) == seconds(gap.attrib["offset"]) == frame * sheet.options.start_frame
    assert seconds(gap.attrib["duration"]) == seconds(sequence.attrib["duration"]) == frame * sheet.frames
    read = []
    for marker in gap.iterfind("marker"):
        first, length = (seconds(marker.attrib["start"]) - begin) / frame, seconds(marker.attrib["duration"]) / frame
        assert first.denominator == length.denominator == 1
        read.append((first.numerator, length.numerator, marker.attrib["value"]))
    return read


def seconds(text: str) -> Fraction:
    assert text.endswith("s")
    return Fraction(text.removesuffix("s"))


def read_resolve_csv(text: str, sheet: Sheet) -> Read:
    rate = float(sheet.options.frame_rate)

    def frame(timecode: str) -> int:
        return frames(otio.opentime.from_timecode(timecode, rate))

    read = []
    for row in csv.DictReader(io.StringIO(text)):
        first, end = frame(row["Record In"]), frame(row["Record Out"])
        assert frame(row["Dur"]) == end - first == int(row["Frames"])
        assert int(row["Frame"]) == first - sheet.options.start_frame
        read.append((first - sheet.options.start_frame, end - first, row["Name"]))
    return read


READERS: dict[str, Callable[[str, Sheet], Read]] = {
    "edl": read_edl,
    "fcp7": read_fcp7,
    "fcpxml": read_fcpxml,
    "otio": read_otio,
    "resolve-csv": read_resolve_csv,
}


@STARTS
@AT_EVERY_RATE
@pytest.mark.parametrize("name", sorted(READERS))
def test_a_film_is_read_back_frame_by_frame(name: str, timebase: Timebase, start: str) -> None:
    sheet = film(timebase, start)
    assert READERS[name](load_format(name).render(sheet), sheet) == told(sheet)


@pytest.mark.parametrize("name", sorted(READERS))
@given(sheet=SHEETS)
def test_any_moments_are_read_back(name: str, sheet: Sheet) -> None:
    assert READERS[name](load_format(name).render(sheet), sheet) == told(sheet)


class TestChapters:
    def cues(self, sheet: Sheet) -> list[tuple[int, int, str]]:
        """Begin and end in milliseconds and text of each cue."""

        def milliseconds(text: str) -> int:
            hours, minutes, rest = text.split(":")
            return (int(hours) * 60 + int(minutes)) * 60_000 + int(rest.replace(".", ""))

        captions = webvtt.from_string(load_format("webvtt").render(sheet)).captions
        return [(milliseconds(c.start), milliseconds(c.end), c.text) for c in captions]

    @AT_EVERY_RATE
    def test_seeking_to_a_chapter_shows_its_frame(self, timebase: Timebase) -> None:
        sheet = film(timebase)
        shown = [int(Fraction(begin, 1000) * timebase.rate) for begin, _, _ in self.cues(sheet)]
        assert shown == [marker.start for marker in sheet.markers]

    @given(sheet=SHEETS)
    def test_chapters_follow_one_another_and_last_some_time(self, sheet: Sheet) -> None:
        cues = self.cues(sheet)
        assert [text for _, _, text in cues] == [marker.name for marker in sheet.markers]
        assert all(begin < end for begin, end, _ in cues)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(cues))

    def test_the_file_opens_with_its_mark(self) -> None:
        assert load_format("webvtt").render(film(PAL)).startswith("WEBVTT - A film\n\nNOTE rise +61.2 points")


def test_a_film_without_moments_has_no_marker_anywhere() -> None:
    sheet = Sheet.of([], options(PAL))
    for name, read in READERS.items():
        assert read(load_format(name).render(sheet), sheet) == []


def test_opentimelineio_carries_every_figure() -> None:
    two = [moment(1, 2, rise=60.0), moment(1, 2, "surprise", rise=20.0, low=None, high=None)]
    told = json.loads(load_format("otio").render(Sheet.of(two, options(PAL))))
    [marker] = told["tracks"]["markers"]
    assert marker["color"] == "PURPLE"
    assert marker["comment"].startswith("rise +60.0 points")
    first, second = marker["metadata"]["mien"]["moments"]
    assert first == {
        "kind": "peak",
        "subject": "fear",
        "peak_frame": 25,
        "value": 82.4,
        "rise": 60.0,
        "low": 74.0,
        "high": 88.0,
        "coverage": 0.931,
    }
    assert (second["subject"], second["low"]) == ("surprise", None)


def test_every_emotion_has_a_colour_of_its_own_where_a_format_has_names_for_them() -> None:
    for colours in (otio_format.COLOURS, _resolve.COLOURS):
        assert {*EMOTIONS} < {*colours}
        assert len(set(colours.values())) == len(colours)
    known = {getattr(otio.schema.MarkerColor, name) for name in dir(otio.schema.MarkerColor) if name.isupper()}
    assert {*otio_format.COLOURS.values(), "CYAN"} <= known


def test_final_cut_colours_are_those_of_our_pictures() -> None:
    [colour] = Xml.fromstring(load_format("fcp7").render(Sheet.of([moment(1, 2)], options(PAL)))).iter("color")
    assert [part.text for part in colour] == ["170", "96", "240", "255"]


def test_drop_frame_is_told_by_its_separator() -> None:
    sheet = film(Timebase(Fraction(30000, 1001), True))
    dropped, kept = load_format("edl").render(sheet), load_format("edl").render(film(PAL))
    assert "FCM: DROP FRAME\n" in dropped
    assert "FCM: NON-DROP FRAME\n" in kept
    for text, separator in ((dropped, ";"), (kept, ":")):
        events = [line.split()[-4:] for line in text.splitlines() if re.match(r"\d{3}  001 ", line)]
        assert len(events) == len(sheet.markers)
        assert {time[8] for times in events for time in times} == {separator}
    assert "01:00:00;00" in load_format("resolve-csv").render(sheet)


def test_an_unknown_format_names_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"unknown marker format 'ale': choose one of .*edl.*webvtt"):
        load_format("ale")


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentimelineio", None)
    with pytest.raises(SettingsError, match=re.escape("pip install 'mien[edit]'")):
        load_format("otio").render(film(PAL))


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"absent"):
        write_markers(film(PAL), "edl", tmp_path / "absent" / "film.edl")
