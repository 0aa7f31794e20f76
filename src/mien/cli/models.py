"""``mien models``: what is fetched, from where, and whether it is intact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mien.cli._data import data_options, read_data
from mien.cli._options import given

if TYPE_CHECKING:
    from mien.weights import Progress, Store


CARD = "docs/model-cards/{name}.md"
SHIPPED_LICENCE = "Apache-2.0"
UNASKED = ("backbone", "classifier")
"""Kinds that are fetched only by name."""


@click.group()
@click.pass_context
def command(context: click.Context) -> None:
    """List, fetch and check model weights and demo clips."""
    from mien.weights import Store

    context.obj = context.obj or Store.from_environment()


@command.command("list")
@click.pass_obj
def list_files(store: Store) -> None:
    """List the models that ship with Mien and every file that it fetches. 'mien models show NAME' tells all of one."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("name", "kind", "licence"):
        table.add_column(heading, no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("where", no_wrap=True)
    for name, (kind, folder) in _shipped().items():
        size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
        table.add_row(name, kind, SHIPPED_LICENCE, _size(size), "shipped")
    for name, entry in store.entries.items():
        here = "here" if store.locate(name) else "not fetched"
        table.add_row(name, entry.kind.value, entry.licence, _size(entry.size_bytes), here)
    Console().print(table)


@command.command()
@click.argument("name", metavar="NAME")
@click.pass_obj
def show(store: Store, name: str) -> None:
    """Tell all of one file or model: its terms, its hash, where it is and where it can be had."""
    shipped = _shipped()
    if name in shipped:
        kind, folder = shipped[name]
        told = [("kind", kind), ("licence", SHIPPED_LICENCE), ("card", CARD.format(name=name)), ("where", str(folder))]
    else:
        entry = store.entry(name)
        told = [
            ("kind", entry.kind.value),
            ("file", f"{entry.file}, {_size(entry.size_bytes)}"),
            ("sha256", entry.sha256),
            ("licence", entry.licence),
            ("terms", entry.terms),
            ("input", entry.input),
            ("where", str(store.locate(name) or "not fetched")),
            *(("from", str(source)) for source in entry.sources),
        ]
    for title, words in told:
        click.echo(f"{title:8} {words}")


def _shipped() -> dict[str, tuple[str, Path]]:
    """Kind and folder of each model in the package."""
    from mien import models

    faces = {name: ("classifier", folder) for name, folder in models.bundled().items()}
    return faces | {name: ("texts", folder) for name, folder in models.bundled_text().items()}


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Every registered file but what training starts from and classifiers of others.",
)
@click.pass_obj
def pull(store: Store, names: Sequence[str], everything: bool) -> None:
    """Fetch files by NAME, or what `mien analyze` needs.

    Without a NAME that is the preferred face detector or, where it cannot be had, the next best.
    """
    for name in names:
        store.entry(name)
    if names or everything:
        _pull_each(store, names or [e.name for e in store.entries.values() if e.kind.value not in UNASKED])
    else:
        _pull_detector(store)


@command.command("join")
@click.argument("members", nargs=-1, required=True, metavar="MODEL...")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The model folder to write; new.")
@click.option("--data", type=click.Path(path_type=Path),
              help="Labelled faces that none was trained on: the temperature is fitted to their votes.")  # fmt: skip
@data_options({"--part": "--data"})
def join_models(members: Sequence[str], out: Path, data: Path | None, **options: Any) -> None:
    """Make one model of several: it answers the mean of what they answer, and takes as long as all of them.

    MODEL is a shipped model's name or a model folder. All have to see the same crops in the same form.
    """
    from mien.classifiers.model_folder import read_preprocess
    from mien.conversion.joining import join
    from mien.evaluation.calibration import is_at_bound

    if data is None:
        _refuse_without_data(options)
    folders = [_member(name) for name in members]
    faces = None
    if data is not None:
        seen = read_preprocess(folders[0])
        faces = read_data(data, options, size_px=seen.crop.size, colour=seen.input.colour)
    join(folders, out, faces, str(data))
    temperature = read_preprocess(out).temperature
    if faces is not None and is_at_bound(temperature):
        click.echo(
            f"The votes of {data} ask for a temperature beyond {temperature:.1f}, the last that is tried: see with "
            f"'mien evaluate {out} DATA', on other faces, whether its shares can be trusted.",
            err=True,
        )
    click.echo(f"model folder: {out}")


def _refuse_without_data(options: dict[str, Any]) -> None:
    from mien.core.errors import SettingsError

    if needless := given(*options):
        raise SettingsError(f"{needless[0]} is of the faces of --data: name them with '--data DATA'.")


def _member(name: str) -> Path:
    """Folder of a model that holds its graph."""
    from mien.assembly import find_classifier
    from mien.core.errors import SettingsError

    files = find_classifier(name)
    if files.registered:
        raise SettingsError(
            f"{name} is a model of others, of which Mien has a description only: make a folder of your own with 'mien "
            f"export {name} --to onnx --out DIR', and join that."
        )
    return files.folder


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.pass_context
def verify(context: click.Context, names: Sequence[str]) -> None:
    """Check the copies on this machine against the registered hashes.

    Exits with 7 when one differs, or when a file that was named is not there. Nothing is fetched or changed.
    """
    from mien.core.errors import WeightsError

    store: Store = context.obj
    failed = False
    for name in names or store.entries:
        copies = store.verify(name)
        if not copies:
            failed = failed or name in names
            click.echo(f"{name}: not fetched")
        for copy in copies:
            failed = failed or copy.problem is not None
            click.echo(f"{name}: {copy.path}: {copy.problem or 'intact'}")
    if failed:
        context.exit(WeightsError.exit_code)


def _pull_each(store: Store, names: Sequence[str]) -> None:
    from mien.core.errors import WeightsError

    failures: list[str] = []
    for name in names:
        try:
            _pull(store, name)
        except WeightsError as error:
            failures.append(str(error))
    if failures:
        raise WeightsError("\n".join(failures))


def _pull_detector(store: Store) -> None:
    """The files of the first preferred detector whose files can all be had."""
    from mien.assembly import PREFERRED_DETECTORS
    from mien.core import plugins
    from mien.core.errors import WeightsError

    for detector in PREFERRED_DETECTORS:
        try:
            for name in plugins.load("detectors", detector).WEIGHTS:
                _pull(store, name)
        except WeightsError as error:
            click.echo(f"{error}\nThe detector {detector} cannot be used without it.", err=True)
        else:
            return
    raise WeightsError("no face detector can be had; each source that was tried is listed above")


def _pull(store: Store, name: str) -> None:
    fetched = False
    with _bar(name) as update:

        def progress(done_bytes: int, total_bytes: int) -> None:
            nonlocal fetched
            fetched = True
            update(done_bytes, total_bytes)

        path = store.resolve(name, progress=progress)
    click.echo(f"{name}: {path} ({'fetched' if fetched else 'already there'})")


@contextmanager
def _bar(name: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
