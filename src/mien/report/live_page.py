"""The page that shows a live session: the picture as the overlay draws it, and beside it what the audience shows.

It runs in a process of its own, is served to this machine only, and keeps nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2

from mien.core.faces import FaceReading, FrameReading, UInt8Array
from mien.core.labels import EMOTIONS, label_set
from mien.report.live_server import ADDRESS, LiveServer
from mien.report.overlay import EmotionHistory, Overlay, OverlayOptions
from mien.report.pages import render_page

WITHHELD: Final = (
    "No picture is shown: it would show single people, which needs the basis own_recording or consent. "
    "The figures are of the whole group."
)
"""What stands in a picture's place."""


@dataclass(frozen=True, slots=True)
class PageOptions:
    """How the page is served.

    Attributes:
        token: the secret in its address.
        cameras: what they are called, in their order.
        label_set: of the session, by name.
        pictures: whether pictures are shown, or only figures.
        note: a word on every picture (``DEMO``), or empty.
        pictures_per_second: most of one camera.
        most_of_a_core: share 0–1 of one core that drawing takes; crowds are drawn less often for it.
        max_side_px: larger pictures are shrunk to this before they are drawn on.
        jpeg_quality: 0–100.
    """

    token: str
    cameras: Sequence[str]
    label_set: str
    pictures: bool = True
    note: str = ""
    pictures_per_second: float = 15.0
    most_of_a_core: float = 0.2
    max_side_px: int = 960
    jpeg_quality: int = 82


def address(port: int, token: str) -> str:
    """Where the page is."""
    return f"http://{ADDRESS}:{port}/{token}/"


def open_page(options: PageOptions, port: int | None) -> LivePage:
    """Serve a page.

    Args:
        options: how.
        port: where; None for a free port.

    Raises:
        DeviceError: the port is taken.
    """
    # One thread: whoever looks on is not to take a core from the networks.
    cv2.setNumThreads(1)
    return LivePage(options, port)


class LivePage:
    """Draws pictures and serves them; see :func:`open_page`."""

    def __init__(self, options: PageOptions, port: int | None) -> None:
        self._options = options
        labels = label_set(options.label_set)
        self._overlay = Overlay(labels, OverlayOptions(note=options.note))
        self._histories = [EmotionHistory(labels) for _ in options.cameras]
        self._server = LiveServer(
            page(options),
            options.token,
            port or 0,
            len(options.cameras) if options.pictures else 0,
            options.pictures_per_second,
        )
        self.port = self._server.port

    @property
    def watched(self) -> bool:
        """Whether somebody looks at a picture."""
        return self._server.watched

    def wanted(self) -> frozenset[int]:
        """Cameras, from 0, of which somebody waits for a picture."""
        return self._server.wanted()

    def remember(self, camera: int, reading: FrameReading) -> None:
        """Take a reading for the faces' history."""
        self._histories[camera].add(reading)

    def show(self, camera: int, image: UInt8Array, reading: FrameReading, frames_per_second: float) -> None:
        """Draw a frame (uint8 H×W×3 RGB) and serve it."""
        started = time.thread_time()
        self._histories[camera].add(reading)
        small, drawn = shrunk(image, reading, self._options.max_side_px)
        picture = self._overlay.draw(small, drawn, self._histories[camera], frames_per_second=frames_per_second)
        _, jpeg = cv2.imencode(
            ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, self._options.jpeg_quality]
        )
        spent = time.thread_time() - started
        self._server.show(camera, jpeg.tobytes(), rest_seconds=spent / self._options.most_of_a_core - spent)

    def tell(self, figures: str) -> None:
        """Serve figures, one line of JSON."""
        self._server.tell(figures)

    def close(self) -> None:
        """Tell whoever looks that it is over."""
        self._server.close()


def page(options: PageOptions) -> str:
    """The page itself, HTML."""
    return render_page(
        "live.html.j2",
        ("report.css", "live.css"),
        ("live.js",),
        served=True,
        cameras=list(options.cameras),
        pictures=options.pictures,
        withheld=WITHHELD,
        emotions=EMOTIONS,
    )


def shrunk(image: UInt8Array, reading: FrameReading, max_side_px: int) -> tuple[UInt8Array, FrameReading]:
    """A picture of at most this side, and its reading in its pixels; small ones as they are."""
    height, width = image.shape[:2]
    scale = max_side_px / max(height, width)
    if scale >= 1:
        return image, reading
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small: UInt8Array = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA)  # type: ignore[assignment]
    return small, replace(reading, faces=tuple(_scaled(face, scale) for face in reading.faces))


def _scaled(face: FaceReading, scale: float) -> FaceReading:
    return replace(face, box=face.box * scale, landmarks=face.landmarks * scale)
