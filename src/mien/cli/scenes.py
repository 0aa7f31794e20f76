"""``mien scenes``: the scenes of a film as a list."""

from __future__ import annotations

from pathlib import Path

import click

from mien.cli._options import scenes_of


@click.command()
@click.argument("film", type=click.Path(path_type=Path), metavar="FILM|LIST")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="CSV file to write.")
@click.option("--threshold", type=click.FloatRange(0, 255, min_open=True, max_open=True), default=27.0,
              show_default=True, help="Least change between two pictures of a cut.")  # fmt: skip
@click.option("--min-scene-seconds", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True,
              help="Shorter scenes are joined.")  # fmt: skip
@click.option("--frame-rate", metavar="RATE", help="Of an EDL: 23.976, 24, 25, 29.97, 30, 50, 59.94 or 60.")
@click.option("--start-timecode", default="01:00:00:00", show_default=True, help="Of the film's first frame in an EDL.")
def command(
    film: Path, out: Path, threshold: float, min_scene_seconds: float, frame_rate: str | None, start_timecode: str
) -> None:
    """Find the scenes of a film at its cuts (extra [scenes]), or read them from an EDL or WebVTT chapters."""
    import csv

    from mien.analysis.scene_detection import DetectionOptions, detect_scenes
    from mien.analysis.scene_lists import SUFFIXES
    from mien.report.files import whole_text_file

    if film.suffix.lower() in SUFFIXES:
        scenes = scenes_of(film, frame_rate, start_timecode)
    else:
        scenes = detect_scenes(film, DetectionOptions(threshold, min_scene_seconds))
    with whole_text_file(out) as file:
        writer = csv.writer(file)
        writer.writerow(("name", "start_seconds", "end_seconds"))
        writer.writerows((s.name, round(s.start_seconds, 6), round(s.end_seconds, 6)) for s in scenes)
    click.echo(f"{out}: {len(scenes)} scene{'' if len(scenes) == 1 else 's'}")
