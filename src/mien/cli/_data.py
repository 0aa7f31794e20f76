"""Options of every command that reads labelled faces: which of them, under which names, and at which size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mien.evaluation.faces import VotedFaces
    from mien.evaluation.layouts import Colour, Part

F = TypeVar("F", bound=Callable[..., Any])

PARTS = ("all", "train", "valid", "test")
"""As in ``mien.evaluation.layouts``, which costs too much to import for a list."""


def data_options(parts: Mapping[str, str]) -> Callable[[F], F]:
    """``--layout``, ``--label-map`` and ``--labels`` of all data sets of a command, and an option for the part of each.

    Args:
        parts: names of these options, and the data set that each is about: ``{"--part": "DATA"}``.
    """
    of, lie = " and ".join(parts.values()), "lies" if len(parts) == 1 else "lie"

    def decorate(command: F) -> F:
        for option in (
            click.option("--labels", callback=_labels, metavar="A,B,…",
                         help="Classes of the data where they are not the eight emotions: a label set's name, or "
                         "names with commas between."),
            click.option("--label-map", multiple=True, callback=_label_map, metavar="THEIRS=OURS",
                         help="What a class of the data is: a class, unknown, not-a-face or ignore. May be given "
                         "several times."),
            *(click.option(name, type=click.Choice(PARTS), default="all", show_default=True,
                           help=f"Which part of {data} to read, where it has parts.")
              for name, data in reversed(list(parts.items()))),
            click.option("--layout", help=f"How {of} {lie}, save a file .npz; found out when not given."),
        ):  # fmt: skip
            command = option(command)
        return command

    return decorate


def picture_options(*, default: str | None = None) -> Callable[[F], F]:
    """``--size`` and ``--colour`` of pictures in files.

    Args:
        default: where they come from when they are not given; 48 pixels and grey when None.
    """
    told: str | bool = default or True

    def decorate(command: F) -> F:
        for option in (
            click.option("--colour", type=click.Choice(["grey", "rgb"]), default=None if default else "grey",
                         help="Of pictures read from files.", show_default=told),
            click.option("--size", "size_px", type=click.IntRange(16, 512), default=None if default else 48,
                         help="Side of pictures read from files, pixels.", show_default=told),
        ):  # fmt: skip
            command = option(command)
        return command

    return decorate


def read_data(
    path: Path,
    options: Mapping[str, Any],
    part: str = "part",
    *,
    size_px: int = 48,
    colour: Colour = "grey",
    labels: tuple[str, ...] = (),
) -> VotedFaces:
    """Labelled faces as the options say: :func:`read_all_data` of one data set."""
    return read_all_data({part: path}, options, size_px=size_px, colour=colour, labels=labels)[0]


def read_all_data(
    paths: Mapping[str, Path],
    options: Mapping[str, Any],
    *,
    size_px: int = 48,
    colour: Colour = "grey",
    labels: tuple[str, ...] = (),
) -> list[VotedFaces]:
    """Labelled faces of every data set of a command, as the options say.

    Args:
        paths: of the data sets, by the name of the option that says which part of it is read.
        options: of a command with :func:`data_options`.
        size_px, colour: of pictures in files.
        labels: the classes where ``--labels`` names none.

    Raises:
        InputError, UnsupportedMediaError: one cannot be read.
        SettingsError: there is no such layout, or ``--label-map`` names a class that none of them has.
    """
    from mien.evaluation.label_map import check_label_map

    read = [_read(path, options, part, size_px, colour, labels) for part, path in paths.items()]
    check_label_map(options["label_map"], [faces.called for faces in read], "--label-map")
    return read


def _read(
    path: Path, options: Mapping[str, Any], part: str, size_px: int, colour: Colour, labels: tuple[str, ...]
) -> VotedFaces:
    from mien.evaluation.faces import load_voted_faces
    from mien.evaluation.layouts import ReadOptions, load_layout

    if options["layout"] is not None:
        load_layout(options["layout"])
    chosen: Part = options[part]
    how = ReadOptions(chosen, size_px, colour, options["label_map"], options["labels"] or labels)
    # Of two data sets under one --layout, one may be an npz.
    return load_voted_faces(path, how, None if path.suffix == ".npz" else options["layout"])


def _label_map(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    told = {}
    for pair in given:
        theirs, equals, ours = pair.rpartition("=")
        if not (theirs.strip() and equals and ours.strip()):
            raise click.BadParameter(f"{pair!r} is not THEIRS=OURS, such as 1=surprise", context, option)
        told[theirs.strip()] = ours.strip()
    return told


def _labels(context: click.Context, option: click.Parameter, given: str | None) -> tuple[str, ...]:
    from mien.core.labels import LABEL_SETS

    if given is None:
        return ()
    if given in LABEL_SETS:
        return LABEL_SETS[given].labels
    names = tuple(name.strip() for name in given.split(","))
    if len(names) < 2 or not all(names) or len(set(names)) < len(names):
        raise click.BadParameter(
            f"{given!r} is neither a label set ({', '.join(LABEL_SETS)}) nor two or more different names with commas "
            "between",
            context,
            option,
        )
    return names
