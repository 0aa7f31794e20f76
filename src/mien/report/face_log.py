"""The face log of one's own footage: where each face was and what it showed, on explicit request only.

It holds boxes, so it is personal data. It names no track: rows of one face cannot be joined from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mien.core.faces import FaceReading, Frame, FrameReading
from mien.report.partial import MemoryFile
from mien.report.row_file import RowFile

COLUMNS: Final = (
    "media_time_seconds",
    "frame_index",
    "x_px",
    "y_px",
    "width_px",
    "height_px",
    "label",
    "confidence",
    "detector_ms",
    "classifier_ms",
    "unread_reason",
)


class FaceLog:
    """Writes one CSV row a face and frame (a ``FrameObserver``).

    The file appears under its name when :meth:`close` returns, after an interrupted run with the rows so far. An
    unread face has no label and no confidence (0–1); milliseconds are those of its whole frame.

    Args:
        path: the CSV file to write; an existing one is replaced at the end. Or a file in memory.

    Raises:
        OutputError: the folder cannot be written, or later the disk is full.
    """

    def __init__(self, path: Path | MemoryFile) -> None:
        self._rows = RowFile(path, COLUMNS)

    def observe(self, frame: Frame, reading: FrameReading) -> None:
        """Add a frame's faces."""
        self._rows.add([_row(reading, face) for face in reading.faces])

    def close(self, *, complete: bool) -> None:
        """Finish the file."""
        self._rows.close()

    def discard(self) -> None:
        """Remove what was written, finished or not."""
        self._rows.discard()


def _row(reading: FrameReading, face: FaceReading) -> tuple[object, ...]:
    left, top, right, bottom = (float(v) for v in face.box)
    return (
        f"{reading.media_time:.6f}",
        reading.index,
        f"{left:.1f}",
        f"{top:.1f}",
        f"{right - left:.1f}",
        f"{bottom - top:.1f}",
        face.label or "",
        "" if face.confidence is None else f"{face.confidence:.4f}",
        f"{reading.detector_ms:.3f}",
        f"{reading.classifier_ms:.3f}",
        "" if face.unread is None else face.unread.value,
    )
