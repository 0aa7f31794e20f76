"""ELAN files as pympi reads them: tiers without overlap, on the film's frames."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as Xml

import pympi
import pytest
from hypothesis import given

from mien.core.findings import Moment, MomentKind
from mien.report.document import build_report
from mien.report.markers import Sheet, Stretch, load_format
from mien.report.markers.elan import STRONGEST
from mien.report.reading import moments_of, stretches_of
from mien.report.timecode import Timebase
from tests.report.factory import CREATED, hall
from tests.report.markers.films import AT_EVERY_RATE, MOMENTS, film, moment, options

PAL = Timebase(Fraction(25))
Tier = list[tuple[int, int, str]]


def tiers(sheet: Sheet) -> dict[str, Tier]:
    """What pympi reads: annotations by tier, begin and end in milliseconds."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "film.eaf"
        path.write_text(load_format("elan").render(sheet), encoding="utf-8")
        read = pympi.Elan.Eaf(str(path))
    return {name: sorted(a[:3] for a in read.get_annotation_data_for_tier(name)) for name in read.get_tier_names()}


def sheet_of(moments: Sequence[Moment] = (), stretches: Sequence[Stretch] = ()) -> Sheet:
    return Sheet.of(moments, options(PAL), stretches)


@AT_EVERY_RATE
def test_moments_lie_on_the_film_s_frames_at_every_rate(timebase: Timebase) -> None:
    sheet = film(timebase)
    read = sorted(a for name, tier in tiers(sheet).items() if name != STRONGEST for a in tier)
    frames = [tuple(int(Fraction(ms, 1000) * timebase.rate) for ms in annotation[:2]) for annotation in read]
    assert frames == [(marker.start, marker.end) for marker in sheet.markers]


def test_stretches_are_told_as_they_are() -> None:
    told = tiers(sheet_of(stretches=[Stretch("fear", 0, 1.5), Stretch("neutral", 1.5, 2.001), Stretch("fear", 3, 4)]))
    assert told == {STRONGEST: [(0, 1500, "fear"), (1500, 2001, "neutral"), (3000, 4000, "fear")]}


def test_a_moment_tells_its_figures() -> None:
    told = tiers(sheet_of([moment(90, 95)]))["moments: fear"]
    assert told == [(90_000, 95_000, "FEAR 82 %; rise +61.2 points; 95 % interval 74 to 88 %; coverage 93 %")]


def test_each_kind_and_subject_has_its_tier() -> None:
    scare = moment(1, 2, "shock", kind=MomentKind.SCARE)
    tension = moment(1, 9, "shock", kind=MomentKind.SUSTAINED_TENSION)
    told = tiers(sheet_of([moment(1, 3), moment(2, 4, "surprise"), scare, tension]))
    assert set(told) == {STRONGEST, "moments: fear", "moments: surprise", "scare: shock", "sustained tension: shock"}


def test_what_overlaps_goes_to_a_further_tier() -> None:
    told = tiers(sheet_of([moment(1, 3), moment(2, 4), moment(3, 5)]))
    assert {name: [a[:2] for a in tier] for name, tier in told.items() if tier} == {
        "moments: fear": [(1000, 3000), (3000, 5000)],
        "moments: fear 2": [(2000, 4000)],
    }


@given(MOMENTS)
def test_no_tier_overlaps_and_nothing_is_lost(moments: list[Moment]) -> None:
    told = tiers(sheet_of(moments))
    assert sum(map(len, told.values())) == len(moments)
    for tier in told.values():
        assert all(begin < end for begin, end, _ in tier)
        assert all(a[1] <= b[0] for a, b in pairwise(tier))


def test_a_report_s_stretches_and_moments_are_all_there() -> None:
    report = build_report(hall(), CREATED)
    sheet = Sheet.of(moments_of(report), options(PAL), stretches_of(report))
    told = tiers(sheet)
    assert len(told[STRONGEST]) == len(sheet.stretches) > 3
    assert sum(len(tier) for name, tier in told.items() if name != STRONGEST) == len(moments_of(report))


def test_the_document_says_when_and_of_what() -> None:
    root = Xml.fromstring(load_format("elan").render(Sheet.of([], options(PAL, note="DEMO"))))
    assert root.attrib["DATE"] == "2026-11-21T12:00:00+00:00"
    assert root.attrib["FORMAT"] == "3.0"
    assert [(p.attrib["NAME"], p.text) for p in root.iter("PROPERTY")] == [("title", "A film"), ("note", "DEMO")]


def test_every_time_slot_and_type_that_is_named_exists() -> None:
    root = Xml.fromstring(load_format("elan").render(film(PAL)))
    slots = [slot.attrib["TIME_SLOT_ID"] for slot in root.iter("TIME_SLOT")]
    named = [a.attrib[f"TIME_SLOT_REF{i}"] for a in root.iter("ALIGNABLE_ANNOTATION") for i in (1, 2)]
    assert sorted(slots) == sorted(named)
    types = {t.attrib["LINGUISTIC_TYPE_ID"] for t in root.iter("LINGUISTIC_TYPE")}
    assert {tier.attrib["LINGUISTIC_TYPE_REF"] for tier in root.iter("TIER")} <= types


@pytest.mark.parametrize("name", ["ANNOTATION_DOCUMENT", "HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE"])
def test_parts_come_in_the_order_of_the_schema(name: str) -> None:
    root = Xml.fromstring(load_format("elan").render(film(PAL)))
    order = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE"]
    tags = [child.tag for child in root]
    assert tags == sorted(tags, key=order.index)
    assert name in {root.tag, *tags}
