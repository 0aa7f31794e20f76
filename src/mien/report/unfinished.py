"""What a live session leaves on the disk while it runs, from which its reports can be made when it was cut off.

Lines of snapshots are written as they are made; beside them lies what cannot be read from them: on what permission
the session measured, with which models and settings. The latter is taken away when the session ends well. The folder is
held for as long as its session runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from pydantic import TypeAdapter, ValidationError

from mien.core.audience import WHOLE_AUDIENCE, AudienceSnapshot, Provenance, Session, SnapshotLog
from mien.core.durability import sync_folder
from mien.core.errors import InputError
from mien.core.settings import AudienceSettings
from mien.report.partial import PartialFile, cannot_write

try:
    import fcntl
except ImportError:  # Windows: nothing keeps two sessions, or one and its recovery, out of one folder.
    fcntl = None  # type: ignore[assignment]

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


class HeldFolder:
    """A folder that no other session, and no recovery, works in. It ends with the process, however that ends.

    Args:
        folder: that exists.

    Attributes:
        held: False where somebody else holds it.
        locked: False where nobody is kept out, because its file system has no locks.
    """

    def __init__(self, folder: Path) -> None:
        self.held, self.locked = True, False
        self._handle: int | None = None
        if fcntl is None:
            return
        with contextlib.suppress(OSError):  # A file system without locks: as where there are none.
            self._handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        if self._handle is None:
            return
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.locked = True
        except BlockingIOError:
            self.held = False
            self.release()
        except OSError:
            self.release()

    def release(self) -> None:
        """Let others in."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def __enter__(self) -> Self:
        """It is held already, or not."""
        return self

    def __exit__(self, *error: object) -> None:
        """Let others in."""
        self.release()


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What is left of a session that was cut off.

    Attributes:
        session: what was run.
        provenance: without its counts, which nobody took down.
        whole: snapshots of the whole audience, in order of media time.
        zones: those of the hall's parts, by their names.
        audience: the session's settings, for its metrics.
        unreadable: lines that hold no snapshot of the session, or none that goes on in time: a power cut may leave one
            in part.
        whole_but_for_the_end: whether no such line has a readable one after it.
        missing: steps between others of which no line tells; they are gaps among the snapshots.
    """

    session: Session
    provenance: Provenance
    whole: SnapshotLog
    zones: Mapping[str, SnapshotLog]
    audience: AudienceSettings
    unreadable: int
    whole_but_for_the_end: bool
    missing: int


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
        sync_folder(folder)
    except OSError as error:
        raise cannot_write(folder / FILE, error) from error


def has_session(folder: Path) -> bool:
    """Whether a session was recorded to the folder, whatever became of it. A start that failed leaves an empty file."""
    return is_unfinished(folder) or any(_holds_lines(folder / name) for name in (TIMELINE, ZONES))


def silent_seconds(folder: Path) -> float:
    """How long ago the last line was written."""
    ages = [time.time() - (folder / name).stat().st_mtime for name in (TIMELINE, ZONES) if (folder / name).exists()]
    return min(ages, default=float("inf"))


def reported_until(folder: Path, session: Session) -> float:
    """The end of the last step that the reports in ``folder`` tell of, media time in seconds; 0 where there are none
    of that session."""
    try:
        told = json.loads((folder / "report.json").read_bytes())
        last = told["timeline"][-1]
        of = told["session"]["session_id"]
        until = float(last["media_time_seconds"]) + float(last["duration_seconds"])
    except (OSError, ValueError, LookupError, TypeError):
        return 0.0
    return until if of == session.session_id else 0.0


def clear_leftovers(folder: Path) -> None:
    """Take away what a report that was being written when the session was cut off left under names of its own."""
    for left in folder.glob(".*.partial"):
        with contextlib.suppress(OSError):
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def read_unfinished(folder: Path) -> Unfinished:
    """What is left of the session in ``folder``.

    Raises:
        InputError: there is none, it ended well, or what is left of it cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder. Name the one that 'mien live --record' wrote.")
    if not is_unfinished(folder):
        raise InputError(_why_there_is_none(folder))
    session, provenance, audience = _described(folder / FILE)
    if not (folder / TIMELINE).is_file():
        raise InputError(f"{folder} lacks {TIMELINE}, which holds what was measured. Put it back, then recover.")
    whole, parts = (_Lines(folder / name, session) for name in (TIMELINE, ZONES))
    if whole.unreadable and not len(whole.log):
        raise InputError(
            f"none of the {whole.unreadable} lines of {folder / TIMELINE} can be read: it is damaged, or was written "
            "by another version of Mien. Nothing was changed."
        )
    zones: dict[str, SnapshotLog] = {}
    for snapshot in parts.log:
        if snapshot.zone != WHOLE_AUDIENCE:
            zones.setdefault(snapshot.zone, SnapshotLog()).append(snapshot)
    return Unfinished(
        session,
        provenance,
        whole.log,
        zones,
        audience,
        whole.unreadable + parts.unreadable,
        whole.ends_well and parts.ends_well,
        whole.missing,
    )


def _why_there_is_none(folder: Path) -> str:
    lines = _holds_lines(folder / TIMELINE)
    if lines and (folder / "report.json").is_file():
        return f"{folder} holds no session that was cut off: the reports of the one in it are there."
    if lines:
        return (
            f"{folder} lacks {FILE}, without which nobody can tell on what permission its lines were measured. They "
            f"are whole: {TIMELINE} is plain JSON."
        )
    return f"{folder} holds no session that was cut off. Name the folder that 'mien live --record' wrote."


def _uncounted(provenance: Provenance) -> Provenance:
    fallback = provenance.fallback
    return replace(
        provenance,
        frames_read=None,
        frames_detected=None,
        sightings=None,
        sightings_read=None,
        frames_brightened=None,
        fallback=None if fallback is None else replace(fallback, frames_searched=None, frames_with_faces=None),
        cameras=tuple(replace(camera, frames_read=None) for camera in provenance.cameras),
        stopped_because=CUT_OFF,
    )


def _described(path: Path) -> tuple[Session, Provenance, AudienceSettings]:
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if told.get("schema_version") != SCHEMA_VERSION:
            raise InputError(f"{path} was written by another version of Mien. Use that version to recover it.")
        provenance = _PROVENANCE.validate_python(told["provenance"])
        audience = AudienceSettings.model_validate(provenance.settings["audience"])
        return _SESSION.validate_python(told["session"]), provenance, audience
    except (OSError, ValueError, KeyError, AttributeError, ValidationError) as error:
        raise InputError(
            f"{path} cannot be read as what a live session writes ({type(error).__name__}). The lines beside it are "
            f"whole: {TIMELINE} is plain JSON."
        ) from error


def _holds_lines(path: Path) -> bool:
    """Whether a file of lines has any. A start that failed leaves an empty one."""
    return path.exists() and path.stat().st_size > 0


class _Lines:
    """The snapshots of a file; a missing one holds nothing.

    Attributes:
        log: in order of media time, of each zone; where lines are missing between others, gaps, as a session tells
            what it missed.
        unreadable: lines that hold none of the session's, or none that goes on in time.
        ends_well: whether no such line has a readable one after it.
        missing: gaps that were put in.
    """

    def __init__(self, path: Path, session: Session) -> None:
        self.log, self.unreadable, self.ends_well, self.missing = SnapshotLog(), 0, True, 0
        latest: dict[str, AudienceSnapshot] = {}
        try:
            lines = path.read_bytes().splitlines() if path.exists() else []
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
        for line in lines:
            try:
                snapshot = AudienceSnapshot.model_validate_json(line)
            except ValidationError:
                self.unreadable += 1
                continue
            before = latest.get(snapshot.zone)
            if snapshot.session_id != session.session_id or (before and snapshot.media_time <= before.media_time):
                self.unreadable += 1
                continue
            for gap in _gaps(before, snapshot, session.step_seconds) if before else ():
                self.log.append(gap)
                self.missing += 1
            latest[snapshot.zone] = snapshot
            self.log.append(snapshot)
            self.ends_well = self.ends_well and not self.unreadable


def _gaps(before: AudienceSnapshot, after: AudienceSnapshot, step_seconds: float) -> Iterator[AudienceSnapshot]:
    """Steps that no line tells of, between two that lines do."""
    missing = round((after.media_time - before.end_time) / step_seconds) if step_seconds else 0
    for number in range(1, missing + 1):
        yield before.gap(after_seconds=number * step_seconds)
