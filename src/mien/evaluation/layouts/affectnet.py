"""AffectNet (Mollahosseini et al., 2017), in both forms that its authors gave out.

Lists: ``training.csv`` and ``validation.csv`` with file, face box and ``expression`` beside the pictures.
Or ``train_set`` and ``val_set``, each with ``images/N.jpg`` and ``annotations/N_exp.npy``.

0 neutral, 1 happy, 2 sad, 3 surprise, 4 fear, 5 disgust, 6 anger, 7 contempt, 8 none, 9 uncertain, 10 no face. None and
uncertain count as *unknown*.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.core.errors import InputError
from mien.core.faces import UInt8Array
from mien.evaluation.faces import VotedFaces
from mien.evaluation.layouts._reading import (
    Gathering,
    Part,
    ReadOptions,
    csv_head,
    csv_rows,
    pictures_in,
    square,
    whole_picture,
)

CODES = (
    "neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt",
    "unknown", "unknown", "not-a-face",
)  # fmt: skip
LISTS: dict[str, Part] = {"training.csv": "train", "validation.csv": "valid"}
SETS: dict[str, Part] = {"train_set": "train", "val_set": "valid"}
HOMES = ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images", ".")
BOX = ("face_x", "face_y", "face_width", "face_height")


def recognises(path: Path) -> bool:
    """A folder with one of the lists or one of the sets."""
    if not path.is_dir():
        return False
    lists = any({"subDirectory_filePath", "expression"} <= csv_head(path / name) for name in LISTS)
    return lists or any((path / name / "annotations").is_dir() for name in SETS)


def read(path: Path, options: ReadOptions) -> VotedFaces:
    """Every face of the part, each label as ten votes. Memory: side² (three times that in colour) bytes a face.

    Raises:
        InputError: the part is missing.
        UnsupportedMediaError: rows cannot be used; the message names them.
    """
    gathering = Gathering(path, options)
    lists = [n for n, part in LISTS.items() if options.part in ("all", part) and (path / n).is_file()]
    sets = [n for n, part in SETS.items() if options.part in ("all", part) and (path / n).is_dir()]
    if not lists and not sets:
        raise InputError(f"{path} has no part {options.part!r} of AffectNet")
    for name in lists:
        _read_list(path, name, gathering)
    for name in sets if not lists else ():
        _read_set(path / name, gathering)
    return gathering.faces(CODES)


def _read_list(path: Path, name: str, gathering: Gathering) -> None:
    home = next((path / h for h in HOMES if (path / h).is_dir()), path)
    for line, row in csv_rows(path / name):
        try:
            label = _label(row.get("expression", ""))
            if label == "not-a-face":
                continue
            file = row.get("subDirectory_filePath", "")
            gathering.add(f"{name} {line}", _face(home / file, row, gathering.options), label, file)
        except ValueError as error:
            gathering.complaints.add(f"{name} {line}", error)


def _read_set(folder: Path, gathering: Gathering) -> None:
    for picture in pictures_in(folder / "images"):
        annotation = folder / "annotations" / f"{picture.stem}_exp.npy"
        where = f"{folder.name}/{picture.name}"
        try:
            label = _label(str(np.load(annotation, allow_pickle=False)))
        except FileNotFoundError:
            gathering.complaints.add(where, f"no annotation {annotation.name}")
        except (ValueError, OSError) as error:
            gathering.complaints.add(where, error)
        else:
            gathering.add(where, picture, label, f"{folder.name}/images/{picture.name}")


def _label(code: str) -> str:
    if not code.strip().isdigit() or int(code) >= len(CODES):
        raise ValueError(f"expression is {code!r}, expected 0 to {len(CODES) - 1}")
    return CODES[int(code)]


def _face(path: Path, row: dict[str, str], options: ReadOptions) -> UInt8Array:
    """The face box of an upright picture, cut and scaled; the whole picture where the list gives no box."""
    try:
        box = [round(float(row[name])) for name in BOX]
    except (KeyError, ValueError):
        box = []
    whole = whole_picture(path, options.colour)
    if box:
        left, top, width, height = box
        right, bottom = min(left + width, whole.shape[1]), min(top + height, whole.shape[0])
        if max(left, 0) >= right or max(top, 0) >= bottom:
            raise ValueError(f"the face box {box} lies outside {path.name}")
        whole = whole[max(top, 0) : bottom, max(left, 0) : right]
    return square(whole, options.size_px)
