"""What ``mien live --record`` writes as it goes, so that a power cut loses five seconds at most."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mien.core.errors import MienError

if TYPE_CHECKING:
    from mien.core.audience import Analysis, Sink
    from mien.runtime.live.session import LiveSession

SYNC_SECONDS: Final = 2.0
"""With a step, what closes it and the wait for the next one, a power cut loses less than five seconds."""
REPORT_EVERY_SECONDS: Final = 60.0


class Record:
    """A folder for one session: lines as they are made, what they are of, and reports now and then.

    Args:
        folder: asked for; where it holds a session already, the first of its name and a number that holds none.
        min_group: the session's minimum group.
        by_zones: whether parts of the hall are written too.

    Attributes:
        folder: that is written.
        sinks: for the whole audience.
        zone_sinks: for a hall's parts.

    Raises:
        OutputError: it cannot be written.
    """

    def __init__(self, folder: Path, min_group: int, *, by_zones: bool) -> None:
        from mien.report.files import prepare_folder
        from mien.report.unfinished import TIMELINE, ZONES

        self.folder = _without_a_session(folder)
        prepare_folder(self.folder)
        self.sinks: Sequence[Sink] = [self._lines(TIMELINE, min_group)]
        self.zone_sinks: Sequence[Sink] = [self._lines(ZONES, min_group)] if by_zones else []
        self._described = False
        self._written_at: float | None = None
        self._writing: threading.Thread | None = None
        self._failures: list[str] = []

    def go_on(self, session: LiveSession, now: float) -> Sequence[str]:
        """Once a second or so while the session runs: write what is due; gives what went wrong, in words."""
        if not self._described:
            self._describe(session)
        if self._written_at is None:
            self._written_at = now
        if now - self._written_at >= REPORT_EVERY_SECONDS and not (self._writing and self._writing.is_alive()):
            self._written_at = now
            self._writing = threading.Thread(target=self._write_aside, args=(session.analysis(),), daemon=True)
            self._writing.start()
        failures = tuple(self._failures)
        del self._failures[: len(failures)]
        return failures

    def finish(self, analysis: Analysis) -> None:
        """Write the reports of the session that has ended.

        Raises:
            OutputError: they cannot be written; the lines stay, and ``mien recover`` makes reports of them.
        """
        from mien.report.unfinished import finish

        if self._writing is not None:
            self._writing.join()
        self._write(analysis)
        finish(self.folder)

    def _lines(self, name: str, min_group: int) -> Sink:
        from mien.sinks import jsonl

        return jsonl.create(self.folder / name, min_group=min_group, sync_seconds=SYNC_SECONDS)

    def _describe(self, session: LiveSession) -> None:
        from mien.report.unfinished import write_unfinished

        try:
            write_unfinished(self.folder, *session.described())
        except MienError as error:
            # Told every second, it would fill the screen; it is tried again each time.
            if self._written_at is None:
                self._failures.append(str(error))
        else:
            self._described = True

    def _write(self, analysis: Analysis) -> None:
        from mien.report import write_reports

        write_reports(analysis, self.folder, created=datetime.now(UTC))

    def _write_aside(self, analysis: Analysis) -> None:
        """Write the reports while the session goes on, which a full disk does not end."""
        try:
            self._write(analysis)
        except MienError as error:
            self._failures.append(f"the reports were not written: {error}")


def _without_a_session(folder: Path) -> Path:
    """The folder, or the first of its name and a number that holds no lines: a session overwrites no other.

    A box that is started again after a power cut goes on in a folder of its own.
    """
    from mien.report.unfinished import TIMELINE, is_unfinished

    free = folder
    for number in itertools.count(2):
        if not (free / TIMELINE).exists():
            break
        if is_unfinished(free):
            click.echo(
                f"{free} holds a session that was cut off, or still runs. If it was: mien recover {free}", err=True
            )
        free = folder.with_name(f"{folder.name}-{number}")
    if free != folder:
        click.echo(f"{folder} holds a session already: this one is written to {free}.", err=True)
    return free
