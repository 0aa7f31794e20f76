"""RAF-DB's compound half (Li et al., 2017): ``EmoLabel/list_patition_label.txt``, ``Image/aligned``, eleven compounds.

For ``compound12``, give its labels and a ``label_map`` that says what becomes ``other``.
"""

from __future__ import annotations

from pathlib import Path

from mien.evaluation.faces import VotedFaces
from mien.evaluation.layouts import _rafdb
from mien.evaluation.layouts._reading import ReadOptions

CODES = (
    "happily surprised",
    "happily disgusted",
    "sadly fearful",
    "sadly angry",
    "sadly surprised",
    "sadly disgusted",
    "fearfully angry",
    "fearfully surprised",
    "angrily surprised",
    "angrily disgusted",
    "disgustedly surprised",
)


def recognises(path: Path) -> bool:
    """A folder with the list, and a code above 7 or a name that says *compound*."""
    found = _rafdb.codes(path)
    return bool(found) and (max(found) > 7 or "compound" in path.resolve().name.lower())


def read(path: Path, options: ReadOptions) -> VotedFaces:
    """Every picture of the part, in the list's order, each label as ten votes; errors as :func:`_rafdb.read_list`."""
    return _rafdb.read_list(path, options, CODES, CODES)
