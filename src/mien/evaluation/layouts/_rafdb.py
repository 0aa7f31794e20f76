"""What both halves of RAF-DB (Li et al., 2017) share: a list of files with codes, and aligned pictures."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from mien.core.errors import InputError
from mien.evaluation.faces import VotedFaces
from mien.evaluation.layouts._reading import Gathering, ReadOptions

# The list's file name is spelled like this in the published archive.
LISTS = ("EmoLabel/list_patition_label.txt", "list_patition_label.txt", "EmoLabel/list_partition_label.txt")
PICTURE_HOMES = ("Image/aligned", "aligned")


def list_file(path: Path) -> Path | None:
    """The list of a RAF-DB folder."""
    return next((path / name for name in LISTS if (path / name).is_file()), None)


def codes(path: Path) -> set[int]:
    """Every code in the list of a RAF-DB folder; empty where there is none."""
    file = list_file(path)
    if file is None:
        return set()
    words = (line.split() for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    return {int(w[1]) for w in words if len(w) == 2 and w[1].isdigit()}


def read_list(path: Path, options: ReadOptions, names: Sequence[str], labels: Sequence[str]) -> VotedFaces:
    """Faces of a RAF-DB folder.

    Args:
        path: the folder with ``EmoLabel`` and ``Image``.
        options: what to read; RAF-DB has the parts train and test.
        names: what code 1, 2, … mean.
        labels: the classes.

    Raises:
        InputError: the list or the pictures are missing, or the part is ``valid``.
        UnsupportedMediaError: rows cannot be used; the message names them.
    """
    file = list_file(path)
    home = next((path / name for name in PICTURE_HOMES if (path / name).is_dir()), None)
    if file is None or home is None:
        raise InputError(f"{path} is not RAF-DB: it needs {LISTS[0]} and {PICTURE_HOMES[0]}")
    if options.part == "valid":
        raise InputError(
            f"{path}: RAF-DB has the parts train and test. Split train for validation, and leave test out of it: "
            f"mien data split {shlex.quote(str(path))} --part train --out DIR"
        )
    gathering = Gathering(file, options, labels)
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        words, where = line.split(), f"line {number}"
        if not words:
            continue
        if len(words) != 2 or not words[1].isdigit() or not 1 <= int(words[1]) <= len(names):
            gathering.complaints.add(where, f"{line.strip()!r} is not a file and a code from 1 to {len(names)}")
            continue
        if options.part == "all" or words[0].startswith(f"{options.part}_"):
            picture = Path(words[0])
            aligned = home / f"{picture.stem}_aligned{picture.suffix}"
            gathering.add(where, aligned, names[int(words[1]) - 1], words[0])
    return gathering.faces(names)
