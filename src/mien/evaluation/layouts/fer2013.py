"""FER2013 as Kaggle's challenge gave it: one CSV of ``emotion``, ``pixels`` and ``Usage``.

0 angry, 1 disgust, 2 fear, 3 happy, 4 sad, 5 surprise, 6 neutral. ``Training``, ``PublicTest`` and ``PrivateTest`` are
the parts train, valid and test.
"""

from __future__ import annotations

from pathlib import Path

from mien.core.errors import InputError
from mien.evaluation.faces import VotedFaces
from mien.evaluation.layouts._reading import Gathering, Part, ReadOptions, csv_head, csv_rows, pixels_of

CODES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
USAGE: dict[str, Part] = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}
FILES = ("fer2013.csv", "icml_face_data.csv")


def recognises(path: Path) -> bool:
    """Such a CSV, or a folder that holds one under its usual name and none of FER+'s files."""
    if path.is_dir():
        return not (path / "fer2013new.csv").exists() and _file(path) is not None
    return path.suffix == ".csv" and csv_head(path) >= {"emotion", "pixels"}


def read(path: Path, options: ReadOptions) -> VotedFaces:
    """Every row of the part, in the file's order, each label as ten votes.

    Raises:
        InputError: there is no such file, or it has no parts and one was asked for.
        UnsupportedMediaError: rows cannot be used; the message names them.
    """
    file = _file(path) if path.is_dir() else path
    if file is None:
        raise InputError(f"{path} holds none of {', '.join(FILES)}")
    if options.part != "all" and "Usage" not in csv_head(file):
        raise InputError(f"{file} has no column 'Usage': it has no part {options.part!r}")
    gathering = Gathering(file, options)
    for line, row in csv_rows(file):
        usage = row.get("Usage", "Training").strip()
        if usage not in USAGE:
            gathering.complaints.add(line, f"Usage is {usage!r}, expected one of {', '.join(USAGE)}")
        elif options.part in ("all", USAGE[usage]):
            try:
                label, pixels = _label(row.get("emotion", "")), pixels_of(row.get("pixels", ""))
            except ValueError as error:
                gathering.complaints.add(line, error)
            else:
                gathering.add(line, pixels, label)
    return gathering.faces(CODES)


def _file(folder: Path) -> Path | None:
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def _label(code: str) -> str:
    if not code.strip().isdigit() or int(code) >= len(CODES):
        raise ValueError(f"emotion is {code!r}, expected 0 to {len(CODES) - 1}")
    return CODES[int(code)]
