"""ELAN annotations (``.eaf``, EAF 3.0): the strongest label per stretch, and the moments, in whole milliseconds.

ELAN allows no overlap inside a tier, so every kind and subject of moment has its own. Moments are given on the film's
frames as in the other formats, counted from its beginning; stretches as they are in the report.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Final
from xml.etree import ElementTree as Xml

from mien.core.findings import Moment, MomentKind
from mien.report.markers._sheet import Sheet, comment_of, name_of, plain
from mien.report.markers._xml import child, document

SUFFIX: Final = ".eaf"
STRONGEST: Final = "strongest label"
"""The tier of stretches."""

_SCHEMA_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"
_TYPE: Final = "measured"

Annotation = tuple[int, int, str]
"""Begin and end in milliseconds, and text."""


def render(sheet: Sheet) -> str:
    """The document."""
    created = sheet.options.created or datetime.now(UTC)
    root = Xml.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "Mien",
            "DATE": created.isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": _SCHEMA_INSTANCE,
            "xsi:noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
        },
    )
    header = child(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    child(header, "PROPERTY", sheet.title, NAME="title")
    if sheet.options.note:
        child(header, "PROPERTY", sheet.options.note, NAME="note")
    order = child(root, "TIME_ORDER")
    numbers = count(1)
    for name, held in _tiers(sheet):
        tier = child(root, "TIER", LINGUISTIC_TYPE_REF=_TYPE, TIER_ID=name)
        for begin, end, text in held:
            number = next(numbers)
            slots = (f"ts{2 * number - 1}", f"ts{2 * number}")
            for slot, time in zip(slots, (begin, end), strict=True):
                child(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(time))
            aligned = child(
                child(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=f"a{number}",
                TIME_SLOT_REF1=slots[0],
                TIME_SLOT_REF2=slots[1],
            )
            child(aligned, "ANNOTATION_VALUE", text)
    child(root, "LINGUISTIC_TYPE", GRAPHIC_REFERENCES="false", LINGUISTIC_TYPE_ID=_TYPE, TIME_ALIGNABLE="true")
    return document(root)


def _tiers(sheet: Sheet) -> Iterator[tuple[str, list[Annotation]]]:
    """Every tier with its annotations in order, none of which overlap."""
    stretches = [(round(1000 * s.start), round(1000 * s.end), s.label) for s in sheet.stretches]
    yield STRONGEST, [annotation for annotation in stretches if annotation[0] < annotation[1]]
    by_name: dict[str, list[Annotation]] = {}
    for moment in (moment for marker in sheet.markers for moment in marker.moments):
        by_name.setdefault(_tier_of(moment), []).append(_marked(moment, sheet))
    for name in sorted(by_name):
        for number, held in enumerate(_apart(by_name[name]), start=1):
            yield name if number == 1 else f"{name} {number}", held


def _marked(moment: Moment, sheet: Sheet) -> Annotation:
    timebase = sheet.options.timebase
    first = timebase.frame_at(moment.start)
    end = max(first + 1, timebase.frame_at(moment.end))
    return sheet.milliseconds(first), sheet.milliseconds(end), f"{name_of(moment)}; {comment_of(moment)}"


def _tier_of(moment: Moment) -> str:
    kind = "moments" if moment.kind is MomentKind.PEAK else moment.kind.value.replace("_", " ")
    return f"{kind}: {plain(moment.subject)}"


def _apart(annotations: list[Annotation]) -> list[list[Annotation]]:
    """The annotations on as few tiers as keep them from overlapping."""
    tiers: list[list[Annotation]] = []
    for annotation in sorted(annotations):
        free = next((tier for tier in tiers if tier[-1][1] <= annotation[0]), None)
        if free is None:
            tiers.append([annotation])
        else:
            free.append(annotation)
    return tiers
