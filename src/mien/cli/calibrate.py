"""``mien calibrate``: where the screen is, as a camera sees the faces that look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mien.cli._options import (
    choices,
    declaration,
    head_pose_option,
    inference,
    model_options,
    policy_options,
    profile_with,
    write_camera,
)
from mien.core.errors import SettingsError
from mien.core.settings import PROFILES


@click.command()
@click.argument("locator", metavar="INPUT")
@click.option("--from", "from_seconds", type=click.FloatRange(0), default=0.0, show_default=True,
              help="Where the stretch begins, seconds.")  # fmt: skip
@click.option("--to", "to_seconds", type=click.FloatRange(0, min_open=True), help="Where it ends, seconds.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("camera.yaml"), show_default=True,
              help="The camera's file, for 'mien analyze --camera'.")  # fmt: skip
@click.option("--profile", "profile_name", type=click.Choice(list(PROFILES)), default="cinema", show_default=True,
              help="Settings for a kind of audience.")  # fmt: skip
@policy_options
@click.option("--sample-hz", type=click.FloatRange(0, min_open=True), default=5.0, show_default=True,
              help="Read this many frames a second.")  # fmt: skip
@click.option("--tile", "tile_px", type=click.IntRange(128), help="Search tiles of this side, for tiny faces (pixels).")
@head_pose_option
@model_options
def command(locator: str, out: Path, **options: Any) -> None:
    """Find where the screen is from a stretch where the audience looks at it.

    INPUT is a recording of the hall by the camera that stays there. Writes one direction for the whole audience, how
    far its people spread about it and how many they were; nothing about single people, and nothing at all of fewer
    than five.
    """
    to_seconds = options["to_seconds"] if options["to_seconds"] is not None else float("inf")
    if to_seconds <= options["from_seconds"]:
        raise SettingsError(f"the stretch ends at {to_seconds:g} s, before it begins at {options['from_seconds']:g} s.")
    profile = profile_with(
        options["profile_name"],
        sampling={"sample_hz": options["sample_hz"]},
        detection={"tile_px": options["tile_px"]},
    )
    from mien.core.policy import authorise

    told = declaration(options, profile)
    authorise(told, profile)

    from mien.assembly import assemble
    from mien.runtime.calibrate import Stretch, calibrate
    from mien.sources import open_source

    source = open_source(locator, profile.sampling)
    try:
        networks = inference(options["threads"], options["providers"])
        asked = choices(options["detector"], options["classifier"], options["head_pose"])
        made = assemble(profile, told, asked, networks)
    except BaseException:
        source.close()
        raise
    camera = calibrate(source, made.pipeline, Stretch(options["from_seconds"], to_seconds))
    write_camera(out, camera)
    click.echo(f"Faces that look at the screen are turned by {camera.screen_yaw_degrees:+.1f}° (spread "
               f"{camera.yaw_spread_degrees:.1f}°, {camera.faces} faces at once).")  # fmt: skip
    if camera.screen_pitch_degrees is not None:
        click.echo(f"They look {camera.screen_pitch_degrees:+.1f}° down (spread {camera.pitch_spread_degrees:.1f}°).")
    limit = profile.audience.facing_yaw_degrees
    if camera.yaw_spread_degrees is not None and camera.yaw_spread_degrees > limit / 2:
        click.echo(
            f"Warning: they spread widely for the {limit:g}° within which a face counts as facing the screen. Did all "
            "look at it?",
            err=True,
        )
    click.echo(f"Wrote {out}.")
