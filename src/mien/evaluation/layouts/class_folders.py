"""Pictures in a folder for each class, named after it (``happy/1.jpg``), perhaps below folders of parts (``train``).

Names are those of the classes or what checkpoints call the emotions (``angry``, ``Joy``); ``label_map`` translates.
"""

from __future__ import annotations

from pathlib import Path

from mien.core.errors import InputError
from mien.core.labels import COMPOUND12, EMOTIONS
from mien.evaluation.faces import VotedFaces
from mien.evaluation.label_map import translated
from mien.evaluation.layouts._reading import Gathering, Part, ReadOptions, class_column, pictures_in

PART_FOLDERS: dict[str, Part] = {
    "train": "train", "training": "train", "train_set": "train",
    "val": "valid", "valid": "valid", "validation": "valid", "val_set": "valid",
    "test": "test", "testing": "test", "test_set": "test",
}  # fmt: skip


def recognises(path: Path) -> bool:
    """A folder of folders with pictures, perhaps below folders of parts, of which one is named after a known class.

    Folders with numbers for names are not recognised: for them the layout is named and a ``label_map`` given.
    """
    return any(_is_class(folder.name) and pictures_in(folder) for folder in _class_folders(path, "all"))


def read(path: Path, options: ReadOptions) -> VotedFaces:
    """Every picture of the part, by class and file name, each label as ten votes.

    Raises:
        InputError: no such part.
        UnsupportedMediaError: pictures cannot be read or a folder's name is no class; the message names them.
    """
    folders = _class_folders(path, options.part)
    if not folders:
        raise InputError(f"{path} has no part {options.part!r}: no folder of that name with a folder for each class")
    gathering = Gathering(path, options, _labels(folders, options))
    for folder in folders:
        for picture in pictures_in(folder):
            file = picture.relative_to(path).as_posix()
            gathering.add(file, picture, folder.name, file)
    return gathering.faces(folder.name for folder in _class_folders(path, "all"))


def _is_class(name: str) -> bool:
    try:
        class_column(name, COMPOUND12.labels, {})
    except ValueError:
        return False
    return True


def _labels(folders: list[Path], options: ReadOptions) -> tuple[str, ...]:
    """The canonical eight, or ``compound12`` when a folder is named after one of its compounds."""
    for folder in folders:
        try:
            class_column(folder.name, EMOTIONS, options.label_map)
        except ValueError:
            name = translated(folder.name, options.label_map).lower().replace("_", " ")
            if name in COMPOUND12.labels:
                return COMPOUND12.labels
    return EMOTIONS


def _class_folders(path: Path, part: Part) -> list[Path]:
    if not path.is_dir():
        return []
    inside = sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    parts = [f for f in inside if f.name.lower() in PART_FOLDERS]
    if not parts:
        return inside if part == "all" else []
    chosen = [f for f in parts if part in ("all", PART_FOLDERS[f.name.lower()])]
    return [below for f in chosen for below in sorted(f.iterdir()) if below.is_dir()]
