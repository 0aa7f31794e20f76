from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.analysis.scene_lists import EdlOptions, parse_csv, parse_edl, parse_webvtt, read_scenes
from mien.analysis.scenes import Scene
from mien.core.errors import InputError, SettingsError
from mien.report.timecode import FRAME_RATES, Timebase

CHAPTERS = """WEBVTT - chapters

NOTE made by hand
this --is a note

1
00:00.000 --> 01:30.500 align:start
<b>Arrival</b> &amp; key

00:01:30.500 --> 01:02:03.004

cellar
01:02:03.004 --> 01:02:04.000
The
cellar
"""

EDL = """TITLE: LATE SHOW
FCM: NON-DROP FRAME

001  AX       V     C        00:00:00:00 00:00:10:00 01:00:00:00 01:00:10:00
* FROM CLIP NAME: Arrival.mov
002  AX       A     C        00:00:00:00 00:00:10:00 01:00:00:00 01:00:10:00
* FROM CLIP NAME: atmosphere.wav
003  BL       V     C        00:00:00:00 00:00:01:00 01:00:10:00 01:00:11:00
004  A001C002 V     C        00:00:20:00 00:00:20:00 01:00:11:00 01:00:11:00
004  A001C003 V     D    024 00:00:05:00 00:00:09:12 01:00:11:00 01:00:15:12
* FROM CLIP NAME: Arrival.mov
* TO CLIP NAME: Cellar.mov
005  A001C004 AA/V  W001 012 00:00:05:00 00:00:06:00 01:00:15:12 01:00:16:12
"""


def at(rate: str, start_timecode: str = "01:00:00:00") -> EdlOptions:
    return EdlOptions(lambda drop: Timebase(FRAME_RATES[rate], drop), start_timecode)


def test_chapters_are_scenes_called_as_their_text() -> None:
    assert parse_webvtt(CHAPTERS) == (
        Scene("Arrival & key", 0, 90.5),
        Scene("Scene 2", 90.5, 3723.004),
        Scene("The cellar", 3723.004, 3724),
    )


def test_video_events_of_an_edl_are_scenes() -> None:
    assert parse_edl(EDL, at("24")) == (
        Scene("Arrival.mov", 0, 10),
        Scene("Cellar.mov", 11, 15.5),
        Scene("Scene 3", 15.5, 16.5),
    )


def test_drop_frame_timecode_keeps_up_with_the_clock() -> None:
    """An hour of 29.97 is 107,892 frames: labels are skipped, no time is."""
    text = "FCM: DROP FRAME\n001  AX  V  C  00:00:00;00 01:00:00;00 01:00:00;00 02:00:00;00\n"
    scene = parse_edl(text, at("29.97"))[0]
    assert scene.end_seconds == pytest.approx(float(107_892 / Fraction(30000, 1001)), abs=1e-9)
    counted = parse_edl(text.replace("DROP", "NON-DROP").replace(";", ":"), at("29.97"))[0]
    assert counted.end_seconds == pytest.approx(3603.6, abs=1e-9)


def test_markers_of_an_edl_are_scenes_of_their_own_length() -> None:
    text = (
        "001  001      V     C        01:00:02:00 01:00:02:01 01:00:02:00 01:00:02:01\n"
        "comment |C:ResolveColorRed |M:Cellar |D:48\n"
    )
    assert parse_edl(text, at("24")) == (Scene("Cellar", 2, 4),)


def test_the_film_may_begin_at_any_timecode() -> None:
    text = "001 AX V C 00:00:00:00 00:00:01:00 10:00:05:00 10:00:06:00"
    assert parse_edl(text, at("25", "10:00:00:00")) == (Scene("Scene 1", 5, 6),)
    with pytest.raises(InputError, match="before the film"):
        parse_edl(text, at("25", "11:00:00:00"))


def test_a_table_is_read_by_its_columns() -> None:
    text = "start_seconds,end_seconds,name,mood\n10,20,Cellar,dark\n0,10,,\n"
    assert parse_csv(text) == (Scene("Scene 2", 0, 10), Scene("Cellar", 10, 20))


@pytest.mark.parametrize(
    ("suffix", "text", "told"),
    [
        (".csv", "name,start_seconds\na,1\n", "no column end_seconds"),
        (".csv", "name,start_seconds,end_seconds\na,one,2\n", "line 2"),
        (".csv", "name,start_seconds,end_seconds\na,0,2\nb,1,3\n", "overlap"),
        (".vtt", "00:00.000 --> 00:01.000\na\n", "first line"),
        (".vtt", "WEBVTT\n\n00:00 --> 00:01\na\n", "line 3"),
        (".vtt", "WEBVTT\n", "no cue"),
        (".edl", "TITLE: EMPTY\n", "no video event"),
        (".txt", "", "no list of scenes"),
    ],
)
def test_what_is_wrong_with_a_list_is_told(tmp_path: Path, suffix: str, text: str, told: str) -> None:
    path = tmp_path / f"scenes{suffix}"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=told) as raised:
        read_scenes(path, at("24"))
    assert str(path) in str(raised.value)


def test_timecode_that_does_not_exist_is_told() -> None:
    with pytest.raises(SettingsError, match="no timecode 01:00:00:24 at 24"):
        parse_edl("001 AX V C 00:00:00:00 00:00:01:00 01:00:00:00 01:00:00:24", at("24"))
    with pytest.raises(SettingsError, match=r"late\.edl, line 2: .*'--frame-rate'"):
        parse_edl("TITLE: X\n001 AX V C 00:00:00:00 00:00:01:00 01:00:00:00 01:00:00:24", at("24"), "late.edl")
    with pytest.raises(SettingsError, match="only at"):
        parse_edl("FCM: DROP FRAME\n", at("25"))


def test_a_file_is_read_by_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "chapters.VTT"
    path.write_text("\ufeff" + CHAPTERS, encoding="utf-8")
    assert len(read_scenes(path)) == 3
    assert len(read_scenes(path.rename(tmp_path / "chapters.webvtt"))) == 3
    with pytest.raises(InputError, match="cannot read"):
        read_scenes(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"name,start_seconds,end_seconds\nCaf\xe9,0,1\n")
    with pytest.raises(InputError, match="UTF-8"):
        read_scenes(tmp_path / "latin.csv")
    with pytest.raises(SettingsError, match="--frame-rate"):
        read_scenes(tmp_path / "cut.edl")


@given(st.sampled_from(sorted(FRAME_RATES)), st.lists(st.integers(1, 5000), min_size=1, max_size=8))
def test_events_end_to_end_come_back_on_their_frames(rate: str, lengths: list[int]) -> None:
    base = Timebase(FRAME_RATES[rate])
    first = base.frame_of("01:00:00:00")
    lines, edges, begin = ["FCM: NON-DROP FRAME"], [], 0
    for number, length in enumerate(lengths, 1):
        codes = f"{base.timecode(first + begin)} {base.timecode(first + begin + length)}"
        lines.append(f"{number:03d}  AX       V     C        {codes} {codes}")
        edges.append((begin, begin + length))
        begin += length
    scenes = parse_edl("\n".join(lines), at(rate))
    assert [(base.frame_at(s.start_seconds), base.frame_at(s.end_seconds)) for s in scenes] == edges
