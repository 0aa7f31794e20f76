"""What ``mien live --record`` writes as it goes, so that a power cut loses five seconds at most."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mien.core.errors import MienError, OutputError

if TYPE_CHECKING:
    from mien.core.audience import Analysis, AudienceSnapshot, Sink
    from mien.report.unfinished import HeldFolder
    from mien.runtime.live.session import LiveSession

SYNC_SECONDS: Final = 2.0
"""With a step, what closes it and the wait for the next one, a power cut loses less than five seconds."""
REPORT_EVERY_SECONDS: Final = 60.0
REPORT_SHARE: Final = 0.05
"""Of one core's time that reports take while a session runs: after three hours they take 17 s to write on a processor
of 2 GHz (``python -m benchmarks.reports``), and are written every six minutes."""


class Record:
    """A folder for one session: lines as they are made, what they are of, and reports now and then.

    Args:
        folder: asked for; where it holds a session already, the first of its name and a number that holds none.
        min_group: the session's minimum group.
        by_zones: whether parts of the hall are written too.

    Attributes:
        folder: that is written, and held until :meth:`finish`.
        whole: sink for the whole audience.
        parts: sinks for a hall's parts.

    Raises:
        OutputError: it cannot be written.
    """

    def __init__(self, folder: Path, min_group: int, *, by_zones: bool) -> None:
        from mien.report.unfinished import TIMELINE, ZONES
        from mien.sinks import jsonl

        self.folder, self._ours = _claimed(folder)
        names = (TIMELINE, ZONES) if by_zones else (TIMELINE,)
        self._lines = [
            jsonl.create(self.folder / name, min_group=min_group, sync_seconds=SYNC_SECONDS) for name in names
        ]
        self.whole = _Described(self, self._lines[0])
        self.parts: Sequence[Sink] = [_Described(self, lines) for lines in self._lines[1:]]
        self._session: LiveSession | None = None
        self._described = False
        self._written_at: float | None = None
        self._wait_seconds = REPORT_EVERY_SECONDS
        self._writing: threading.Thread | None = None
        self._failures: list[str] = []

    def of(self, session: LiveSession) -> None:
        """Whose record it is; before it runs."""
        self._session = session

    def describe(self) -> None:
        """Say what the lines are of, before the first of them is written.

        Raises:
            OutputError: it cannot be written.
        """
        from mien.report.unfinished import write_unfinished

        if self._described:
            return
        assert self._session is not None
        write_unfinished(self.folder, *self._session.described())
        self._described = True

    def go_on(self, session: LiveSession, now: float) -> Sequence[str]:
        """Once a second or so while the session runs: write what is due; gives what went wrong, in words."""
        from mien.core.audience import Durable

        for lines in self._lines:
            try:
                if isinstance(lines, Durable):
                    lines.keep()
            except OutputError as error:
                self._failures.append(str(error))
        if self._written_at is None:
            self._written_at = now
        if now - self._written_at >= self._wait_seconds and not (self._writing and self._writing.is_alive()):
            self._written_at = now
            self._writing = threading.Thread(target=self._write_aside, args=(session.analysis(),), daemon=True)
            self._writing.start()
        failures = tuple(self._failures)
        del self._failures[: len(failures)]
        return failures

    def finish(self, analysis: Analysis) -> None:
        """Write the reports of the session that has ended, and let go of the folder.

        Raises:
            OutputError: they cannot be written; the lines stay, and ``mien recover`` makes reports of them.
        """
        from mien.report.unfinished import finish

        try:
            if self._writing is not None:
                self._writing.join()
            self._write(analysis)
            finish(self.folder)
        except OutputError as error:
            raise OutputError(f"{error} {self._left()}".rstrip()) from error
        except KeyboardInterrupt:
            click.echo(f"The reports were not written. {self._left()}".rstrip(), err=True)
            raise
        finally:
            self._ours.release()

    def _left(self) -> str:
        """What to do where the reports could not be written; nothing where there is nothing to make them of."""
        from mien.report.unfinished import is_unfinished

        if not is_unfinished(self.folder):
            return ""
        return f"What lies in {self.folder} stays: 'mien recover {self.folder}' makes the reports of it."

    def _write(self, analysis: Analysis) -> None:
        from mien.report import write_reports

        write_reports(analysis, self.folder, created=datetime.now(UTC))

    def _write_aside(self, analysis: Analysis) -> None:
        """Write the reports while the session goes on, which a full disk does not end."""
        from mien.report.unfinished import write_unfinished

        before = time.thread_time()
        try:
            # What has become of its settings meanwhile, such as what was spared for heat.
            write_unfinished(self.folder, analysis.timeline.session, analysis.provenance)
            self._write(analysis)
        except MienError as error:
            self._failures.append(f"the reports were not written: {error}")
        self._wait_seconds = max(REPORT_EVERY_SECONDS, (time.thread_time() - before) / REPORT_SHARE)


class _Described:
    """Lines that are written once it is said what they are of.

    Args:
        record: says it.
        lines: the file.
    """

    def __init__(self, record: Record, lines: Sink) -> None:
        self._record, self._lines = record, lines

    def write(self, snapshot: AudienceSnapshot) -> None:
        """Write the snapshot's line."""
        self._record.describe()
        self._lines.write(snapshot)

    def close(self, *, complete: bool) -> None:
        """Make the lines durable."""
        self._lines.close(complete=complete)


def _claimed(folder: Path) -> tuple[Path, HeldFolder]:
    """The folder, or the first of its name and a number that no session was recorded to: none overwrites another.

    A box that is started again after a power cut goes on in a folder of its own.
    """
    from mien.report.files import prepare_folder
    from mien.report.unfinished import HeldFolder, has_session, is_unfinished

    free, named = folder, folder if folder.name not in ("", "..") else folder.resolve()
    for number in itertools.count(2):
        prepare_folder(free)
        ours = HeldFolder(free)
        if ours.held and not has_session(free):
            break
        if not ours.held:
            click.echo(f"{free} holds a session that still runs.", err=True)
        elif is_unfinished(free):
            click.echo(f"{free} holds a session that was cut off. Its reports: mien recover {free}", err=True)
        ours.release()
        free = named.with_name(f"{named.name}-{number}")
    if free != folder:
        click.echo(f"{folder} holds a session already: this one is written to {free}.", err=True)
    return free, ours
