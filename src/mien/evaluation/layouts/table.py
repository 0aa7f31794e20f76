"""A CSV of one's own: ``image`` (a path beside the CSV) with ``label``, or with a column of votes for each emotion.

Optional columns: ``part`` (train, valid, test); ``unknown`` and ``not-a-face`` beside votes.
"""

from __future__ import annotations

from pathlib import Path

from mien.core.errors import InputError
from mien.core.labels import EMOTIONS
from mien.evaluation.faces import VotedFaces
from mien.evaluation.layouts._reading import PARTS, Gathering, ReadOptions, csv_head, csv_rows, whole_numbers


def recognises(path: Path) -> bool:
    """A CSV with ``image`` and either ``label`` or votes for every emotion."""
    if path.suffix != ".csv" or not path.is_file():
        return False
    head = csv_head(path)
    return "image" in head and ("label" in head or head >= set(EMOTIONS))


def read(path: Path, options: ReadOptions) -> VotedFaces:
    """Every row of the part, in the file's order; a label counts as ten votes.

    Raises:
        InputError: a part was asked for and there is no column ``part``.
        UnsupportedMediaError: rows cannot be used; the message names them.
    """
    head = csv_head(path)
    if options.part != "all" and "part" not in head:
        raise InputError(f"{path} has no column 'part': it has no part {options.part!r}")
    gathering = Gathering(path, options, options.labels or EMOTIONS)
    called: set[str] = set()
    for line, row in csv_rows(path):
        part = row.get("part", "").strip()
        if "label" in head:
            called.add(row["label"].strip())
        if "part" in head and part not in PARTS[1:]:
            gathering.complaints.add(line, f"part is {part!r}, expected one of {', '.join(PARTS[1:])}")
        elif options.part in ("all", part):
            try:
                label = row["label"] if "label" in head else _votes(row, gathering.labels)
                gathering.add(line, path.parent / row["image"], label, row["image"])
            except ValueError as error:
                gathering.complaints.add(line, error)
    return gathering.faces(sorted(called))


def _votes(row: dict[str, str], labels: tuple[str, ...]) -> list[int]:
    extra = [row.get(name, "") or "0" for name in ("unknown", "not-a-face")]
    return whole_numbers([row.get(name, "") for name in labels] + extra)
