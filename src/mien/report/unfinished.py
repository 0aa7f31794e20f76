"""What a live session leaves on the disk while it runs, from which its reports can be made when it was cut off.

Lines of snapshots are written as they are made; beside them lies what cannot be read from them: on what permission
the session measured, with which models and settings. The latter is taken away when the session ends well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from mien.core.audience import WHOLE_AUDIENCE, AudienceSnapshot, Provenance, Session, SnapshotLog
from mien.core.errors import InputError
from mien.report.partial import PartialFile, cannot_write

FILE: Final = "unfinished.json"
TIMELINE: Final = "timeline.jsonl"
"""Snapshots of the whole audience, a line each."""
ZONES: Final = "zones.jsonl"
"""Those of a hall's parts, where it is measured by them."""
CUT_OFF: Final = "cut_off"
"""Why such a session ended, in the words of ``Provenance.stopped_because``."""
SCHEMA_VERSION: Final = 1
_SESSION: Final = TypeAdapter(Session)
_PROVENANCE: Final = TypeAdapter(Provenance)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What is left of a session that was cut off.

    Attributes:
        session: what was run.
        provenance: without its counts, which nobody took down.
        whole: snapshots of the whole audience, in order of media time.
        zones: those of the hall's parts, by their names.
        unreadable: lines that hold no snapshot, or none that goes on in time: a power cut may leave one in part.
    """

    session: Session
    provenance: Provenance
    whole: SnapshotLog
    zones: Mapping[str, SnapshotLog]
    unreadable: int


def write_unfinished(folder: Path, session: Session, provenance: Provenance) -> None:
    """Say in ``folder`` what its lines are of, durably.

    Counts of frames and faces are left out: they go on, and those of faces would tell the size of a group that is not
    told about.

    Raises:
        OutputError: it cannot be written.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "session": _SESSION.dump_python(session, mode="json"),
        "provenance": _PROVENANCE.dump_python(_uncounted(provenance), mode="json"),
    }
    file = PartialFile(folder / FILE)
    try:
        file.temporary.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        file.remove()
        raise cannot_write(file.path, error) from error
    file.publish()


def is_unfinished(folder: Path) -> bool:
    """Whether the folder holds a session that is under way, or was cut off."""
    return (folder / FILE).is_file()


def finish(folder: Path) -> None:
    """The session's reports are written: nothing is left to be recovered.

    Raises:
        OutputError: the folder cannot be written.
    """
    try:
        (folder / FILE).unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(folder / FILE, error) from error


def read_unfinished(folder: Path) -> Unfinished:
    """What is left of the session in ``folder``.

    Raises:
        InputError: there is none, it ended well, or its description was damaged.
    """
    if not is_unfinished(folder):
        ended = (folder / "report.json").is_file()
        raise InputError(
            f"{folder} holds no session that was cut off: "
            + (
                "the one in it ended well, and its reports are there."
                if ended
                else f"there is no {FILE}. Name the folder that 'mien live --record' wrote."
            )
        )
    session, provenance = _described(folder / FILE)
    whole, first_unreadable = _lines(folder / TIMELINE)
    parts, second_unreadable = _lines(folder / ZONES)
    zones: dict[str, SnapshotLog] = {}
    for snapshot in parts:
        zones.setdefault(snapshot.zone, SnapshotLog()).append(snapshot)
    zones.pop(WHOLE_AUDIENCE, None)
    return Unfinished(session, provenance, whole, zones, first_unreadable + second_unreadable)


def _uncounted(provenance: Provenance) -> Provenance:
    fallback = provenance.fallback
    return replace(
        provenance,
        frames_read=0,
        frames_detected=None,
        sightings=None,
        sightings_read=None,
        frames_brightened=None,
        fallback=None if fallback is None else replace(fallback, frames_searched=None, frames_with_faces=None),
        cameras=tuple(replace(camera, frames_read=0) for camera in provenance.cameras),
        stopped_because=CUT_OFF,
    )


def _described(path: Path) -> tuple[Session, Provenance]:
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if told.get("schema_version") != SCHEMA_VERSION:
            raise InputError(f"{path} was written by another version of Mien. Use that version to recover it.")
        return _SESSION.validate_python(told["session"]), _PROVENANCE.validate_python(told["provenance"])
    except (OSError, ValueError, KeyError, AttributeError, ValidationError) as error:
        raise InputError(
            f"{path} cannot be read as what a live session writes ({type(error).__name__}). The lines beside it are "
            f"whole: {TIMELINE} is plain JSON."
        ) from error


def _lines(path: Path) -> tuple[SnapshotLog, int]:
    """The snapshots of a file, and how many lines hold none; a missing file holds nothing."""
    log, unreadable = SnapshotLog(), 0
    latest: dict[str, float] = {}
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    for line in lines:
        try:
            snapshot = AudienceSnapshot.model_validate_json(line)
        except ValidationError:
            unreadable += 1
            continue
        if snapshot.media_time > latest.get(snapshot.zone, -1.0):
            latest[snapshot.zone] = snapshot.media_time
            log.append(snapshot)
        else:
            unreadable += 1
    return log, unreadable
