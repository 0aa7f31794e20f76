"""What the audience watched, as whoever owns it tells: the film, when it was shown, and its scenes.

None of it is measured; the film itself is never copied. A report names the file, and its page refers to where it lies.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import quote

from pydantic import Field

from mien.analysis.alignment import Playback
from mien.analysis.film_time import FilmTime
from mien.analysis.scenes import Scene
from mien.analysis.series import Series
from mien.analysis.session_scenes import SceneReading, read_scenes_of
from mien.core.audience import Count, EmotionPercents, Percent, Seconds, Share, Timeline
from mien.core.errors import InputError, SettingsError, UnsupportedMediaError
from mien.report.parts import DIGITS, TIME_DIGITS, MediaClock, Part, known
from mien.report.wording import clock

STRONGEST: Final = 2
"""Emotions of a scene that are named."""


@dataclass(frozen=True, slots=True)
class FilmFile:
    """A film that its owner gives.

    Attributes:
        path: where it lies.
        duration_seconds: as its container declares it; None when it does not.
    """

    path: Path
    duration_seconds: float | None

    @classmethod
    def open(cls, path: Path, recordings: Sequence[Path] = ()) -> Self:
        """Look at a film.

        Args:
            path: the film.
            recordings: of the audience, none of which is a film to be shown.

        Raises:
            InputError: it does not exist.
            UnsupportedMediaError: it holds no moving picture.
            SettingsError: it is a recording of the audience.
        """
        import av

        if not path.is_file():
            raise InputError(f"the film {path} does not exist: give the file that the audience watched with '--film'.")
        if any(recording.exists() and path.samefile(recording) for recording in recordings):
            raise SettingsError(
                f"{path} is a recording of the audience: '--film' is what the audience watched. A report never shows "
                "its audience."
            )
        try:
            with av.open(str(path)) as media:
                if not media.streams.video:
                    raise UnsupportedMediaError(f"the film {path} holds no moving picture.")
                length = None if media.duration is None else media.duration / av.time_base
        except (av.error.FFmpegError, OSError) as error:
            raise UnsupportedMediaError(f"the film {path} cannot be read as a video.") from error
        return cls(path, length)

    def address(self, folder: Path) -> str:
        """What a page in ``folder`` calls it: a relative URL.

        Raises:
            SettingsError: there is no way from one to the other, as between drives of Windows.
        """
        try:
            relative = os.path.relpath(self.path.resolve(), folder.resolve())
        except ValueError as error:
            raise SettingsError(
                f"no path leads from {folder} to {self.path}: put the results on the film's drive."
            ) from error
        told = quote(Path(relative).as_posix())
        # A first part with a colon would be taken for a scheme.
        return f"./{told}" if not told.startswith(".") else told


@dataclass(frozen=True, slots=True)
class Screening:
    """What the audience watched.

    Attributes:
        film: the film, where its owner gives it.
        start_seconds: recorded second at which its first frame was shown.
        playback: a player's log, which tells more than a start; or None.
        scenes: in film time.
        scene_list: name of the file that they are from.
    """

    film: FilmFile | None = None
    start_seconds: float = 0.0
    playback: Playback | None = None
    scenes: tuple[Scene, ...] = ()
    scene_list: str | None = None

    def film_time(self, recorded_end: float) -> FilmTime:
        """When which part of the film was shown.

        Args:
            recorded_end: where the recording ends, seconds.

        Raises:
            SettingsError: the film would begin after the recording ended.
            InputError: it did not run while the recording was made.
        """
        if self.playback is not None:
            return FilmTime.of(self.playback, recorded_end)
        ends = self.film.duration_seconds if self.film is not None else None
        shown_until = recorded_end if ends is None else min(recorded_end, self.start_seconds + ends)
        return FilmTime.starting_at(self.start_seconds, shown_until)


class FilmStretchPart(Part):
    """A stretch in which the film ran, in seconds of the recording and of the film."""

    recorded_start_seconds: Seconds
    recorded_end_seconds: Seconds
    film_start_seconds: Seconds
    film_end_seconds: Seconds


class FilmPart(Part):
    """The film that the audience watched, and when. Its name is without its folder, and None where only the time was
    told; the film is not part of the report."""

    name: str | None
    duration_seconds: Seconds | None
    stretches: tuple[FilmStretchPart, ...]

    @classmethod
    def of(cls, film: FilmFile | None, time: FilmTime) -> Self:
        """From a film, where it was given, and when it was shown."""
        return cls(
            name=None if film is None else film.path.name,
            duration_seconds=None if film is None else known(film.duration_seconds, TIME_DIGITS),
            stretches=tuple(
                FilmStretchPart(
                    recorded_start_seconds=round(part.recorded_start, TIME_DIGITS),
                    recorded_end_seconds=round(part.recorded_end, TIME_DIGITS),
                    film_start_seconds=round(part.film_start, TIME_DIGITS),
                    film_end_seconds=round(part.film_end, TIME_DIGITS),
                )
                for part in time.stretches
            ),
        )


class RecordedPart(Part):
    """A stretch of the recording, seconds."""

    start_seconds: Seconds
    end_seconds: Seconds


class SceneReadingPart(Part):
    """One scene: when it was shown, and means over what was read in it. None where withheld, and why.

    ``start`` and ``end`` are of the film. Means weigh frames times coverage, and have no interval.
    """

    name: str
    start_seconds: Seconds
    end_seconds: Seconds
    start: MediaClock
    end: MediaClock
    recorded: tuple[RecordedPart, ...]
    emotions_percent: EmotionPercents | None
    shock_points: Percent | None
    shock_peak_points: Percent | None
    scares: Count | None
    readable_faces: Count | None
    coverage_share: Share | None
    read_share: Share
    withheld: str | None
    shock_withheld: str | None

    @classmethod
    def of(cls, reading: SceneReading) -> Self:
        """From an analysed scene."""
        scene, told = reading.scene, reading.emotions is not None
        return cls(
            name=scene.name,
            start_seconds=round(scene.start_seconds, TIME_DIGITS),
            end_seconds=round(scene.end_seconds, TIME_DIGITS),
            start=clock(scene.start_seconds),
            end=clock(scene.end_seconds),
            recorded=tuple(
                RecordedPart(start_seconds=round(a, TIME_DIGITS), end_seconds=round(b, TIME_DIGITS))
                for a, b in reading.recorded
            ),
            emotions_percent=None if reading.emotions is None else _percents(reading.emotions),
            shock_points=known(reading.shock, DIGITS),
            shock_peak_points=known(reading.shock_peak, DIGITS),
            scares=reading.scares,
            readable_faces=reading.readable if told else None,
            coverage_share=known(reading.coverage, DIGITS),
            read_share=round(reading.read_share, DIGITS),
            withheld=reading.withheld,
            shock_withheld=reading.shock_withheld,
        )


class ScenesPart(Part):
    """Scene by scene, in order of the film; ``source`` is the list's name."""

    source: str | None
    scenes: Annotated[tuple[SceneReadingPart, ...], Field(min_length=1)]


def _percents(values: Sequence[float]) -> EmotionPercents:
    return EmotionPercents.of([round(v, DIGITS) for v in values])


def tell(screening: Screening | None, timeline: Timeline, series: Series) -> tuple[FilmPart | None, ScenesPart | None]:
    """What a report tells of what was watched.

    Args:
        screening: as its owner tells; None where nothing is told.
        timeline: the audience's.
        series: its steps.
    """
    if screening is None or (screening.film is None and not screening.scenes):
        return None, None
    time = screening.film_time(float(series.end[-1]) if len(series) else 0.0)
    is_told = screening.film is not None or screening.playback is not None or screening.start_seconds != 0
    film = FilmPart.of(screening.film, time) if is_told else None
    if not screening.scenes:
        return film, None
    readings = read_scenes_of(
        series,
        screening.scenes,
        time,
        min_group=timeline.session.grant.min_group,
        shock=timeline.series.get("shock"),
        moments=timeline.moments,
    )
    return film, ScenesPart(source=screening.scene_list, scenes=tuple(map(SceneReadingPart.of, readings)))
