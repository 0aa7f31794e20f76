"""RAF-DB's basic half (Li et al., 2017): ``EmoLabel/list_patition_label.txt`` and ``Image/aligned``, seven emotions."""

from __future__ import annotations

from pathlib import Path

from mien.core.labels import EMOTIONS
from mien.evaluation.faces import VotedFaces
from mien.evaluation.layouts import _rafdb
from mien.evaluation.layouts._reading import ReadOptions

CODES = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")


def recognises(path: Path) -> bool:
    """A folder with the list, no code above 7, and a name that does not say *compound*."""
    found = _rafdb.codes(path)
    return bool(found) and max(found) <= len(CODES) and "compound" not in path.resolve().name.lower()


def read(path: Path, options: ReadOptions) -> VotedFaces:
    """Every picture of the part, in the list's order, each label as ten votes; errors as :func:`_rafdb.read_list`."""
    return _rafdb.read_list(path, options, CODES, EMOTIONS)
