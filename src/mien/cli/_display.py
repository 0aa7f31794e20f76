"""The page of ``mien live --display``: its worker, its address, and what it is told once a second."""

from __future__ import annotations

import functools
import json
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from mien.core.audience import Timeline
    from mien.core.status import Status


class ShownPage:
    """The page while it is open, as a context.

    Args:
        names: what the cameras are called, in their order.
        label_set: of the session.
        pictures: whether pictures may be shown.
        note: a word on every picture, or empty.
        port: where to serve; None for a free port.
        workers: a process, or a thread.
    """

    def __init__(
        self,
        names: Sequence[str],
        label_set: str,
        *,
        pictures: bool,
        note: str,
        port: int | None,
        workers: Literal["process", "thread"],
    ) -> None:
        from mien.report.live_figures import LiveFigures
        from mien.report.live_page import PageOptions, open_page
        from mien.runtime.live.display import Display

        self._token = secrets.token_urlsafe(16)
        options = PageOptions(self._token, tuple(names), label_set, pictures=pictures, note=note)
        self.display = Display(functools.partial(open_page, options), port, len(names), workers)
        self._figures = LiveFigures()
        self.address = ""

    def __enter__(self) -> Self:
        """Open it.

        Raises:
            DeviceError: the port is taken.
        """
        from mien.report.live_page import address

        self.address = address(self.display.open(), self._token)
        return self

    def __exit__(self, *error: object) -> None:
        """Tell whoever looks that it is over, and close it."""
        self.display.close()

    def tell(self, status: Status, timeline: Timeline, notes: Sequence[str]) -> None:
        """Show how the session stands."""
        figures = self._figures.of(status, timeline, notes)
        self.display.tell(json.dumps(figures), [camera.frames_per_second for camera in status.cameras])
