"""``--film``, ``--film-start``, ``--playback`` and ``--scenes``: what the audience watched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mien.cli._options import scenes_of
from mien.core.errors import SettingsError

if TYPE_CHECKING:
    from mien.report.screening import Screening

F = TypeVar("F", bound=Callable[..., Any])


def screening_options(command: F) -> F:
    """What the audience watched, and when."""
    path = click.Path(path_type=Path)
    for option in (
        click.option("--start-timecode", default="01:00:00:00", show_default=True,
                     help="Of the film's first frame in an EDL."),
        click.option("--frame-rate", metavar="RATE", help="Of an EDL: 23.976, 24, 25, 29.97, 30, 50, 59.94 or 60."),
        click.option("--scenes", "scene_list", type=path, metavar="LIST",
                     help="Scenes of the film as .edl, .vtt or .csv, in film time: marked, and told one by one."),
        click.option("--playback", type=path, metavar="LOG.json",
                     help="A player's log: which second of the film was shown when [default: playback.json in the "
                     "results' folder, if there is one]."),
        click.option("--film-start", type=float, metavar="SECONDS",
                     help="Recorded second at which the film's first frame was shown; below 0 where it was already "
                     "running [default: 0]."),
        click.option("--film", type=path, metavar="FILM",
                     help="What the audience watched, from its owner: report.html plays it from where it lies, beside "
                     "the timeline. It is never copied."),
    ):  # fmt: skip
        command = option(command)
    return command


def screening_of(options: Mapping[str, Any], folder: Path, recordings: Sequence[str]) -> Screening:
    """What was asked for, looked at before any time is spent on measuring.

    Args:
        options: of the command.
        folder: of the results.
        recordings: of the audience.

    Raises:
        InputError: a film, log or list that does not exist or is none.
        SettingsError: what makes no sense together.
    """
    from mien.analysis.alignment import read_playback
    from mien.analysis.session_rows import PLAYBACK
    from mien.report.screening import FilmFile, Screening

    film, start, log, scene_list = (options[name] for name in ("film", "film_start", "playback", "scene_list"))
    if start is not None and log is not None:
        raise SettingsError("--film-start and --playback both say when the film was shown: give one of them.")
    if film is None and scene_list is None:
        if start is not None or log is not None:
            raise SettingsError("--film-start and --playback belong to a --film or to --scenes: give one.")
        return Screening()
    beside = folder / PLAYBACK
    if log is None and start is None and beside.is_file():
        log = beside
    opened = None if film is None else FilmFile.open(film, [Path(recording) for recording in recordings])
    if opened is not None:
        opened.address(folder)
    return Screening(
        film=opened,
        start_seconds=start or 0.0,
        playback=None if log is None else read_playback(log),
        scenes=() if scene_list is None else scenes_of(scene_list, options["frame_rate"], options["start_timecode"]),
        scene_list=None if scene_list is None else scene_list.name,
    )
