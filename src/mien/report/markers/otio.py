"""OpenTimelineIO (``.otio``): markers on a timeline of one gap; needs the extra ``[edit]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mien.core.errors import SettingsError
from mien.report.markers._sheet import Marker, Sheet

SUFFIX: Final = ".otio"

COLOURS: Final[Mapping[str, str]] = {
    "neutral": "WHITE",
    "happiness": "GREEN",
    "surprise": "YELLOW",
    "sadness": "BLUE",
    "anger": "RED",
    "disgust": "ORANGE",
    "fear": "PURPLE",
    "contempt": "PINK",
    "shock": "MAGENTA",
}
"""Emotion or metric to ``otio.schema.MarkerColor``; any other is cyan."""


def render(sheet: Sheet) -> str:
    """The timeline as JSON. Times count frames at the exact rate; markers count from the film's first frame.

    Raises:
        SettingsError: opentimelineio is not installed.
    """
    try:
        import opentimelineio as otio
    except ImportError as error:
        raise SettingsError("OpenTimelineIO files need opentimelineio: pip install 'mien[edit]'") from error
    rate = float(sheet.options.frame_rate)

    def time(frames: int) -> Any:
        return otio.opentime.RationalTime(frames, rate)

    def marker_of(marker: Marker) -> Any:
        return otio.schema.Marker(
            name=marker.name,
            marked_range=otio.opentime.TimeRange(time(marker.start), time(marker.frames)),
            color=COLOURS.get(marker.subject, "CYAN"),
            metadata={"mien": {"moments": [_told(marker, i) for i in range(len(marker.moments))]}},
            comment=marker.comment,
        )

    timeline = otio.schema.Timeline(
        name=sheet.title,
        global_start_time=time(sheet.options.start_frame),
        metadata={"mien": {"drop_frame": sheet.options.drop_frame}},
    )
    film = otio.schema.Gap(source_range=otio.opentime.TimeRange(time(0), time(sheet.frames)))
    timeline.tracks.append(otio.schema.Track("V1", [film], kind=otio.schema.TrackKind.Video))
    timeline.tracks.markers.extend(marker_of(marker) for marker in sheet.markers)
    text: str = otio.adapters.write_to_string(timeline, "otio_json")
    return text + "\n"


def _told(marker: Marker, index: int) -> dict[str, object]:
    moment = marker.moments[index]
    return {
        "kind": moment.kind.value,
        "subject": moment.subject,
        "peak_frame": marker.peaks[index],
        "value": moment.value,
        "rise": moment.rise,
        "low": moment.low,
        "high": moment.high,
        "coverage": moment.coverage,
    }
