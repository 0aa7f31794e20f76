"""Faces of one's own footage in the columns of py-feat's ``Fex``, on explicit request only.

``feat.utils.io.read_feat`` takes the file for one of its ``Detectorv1``. What Mien does not measure stays empty, which
pandas reads as NaN: action units, the head's translation, 65 of the 68 landmarks. There are no columns for a face's
embedding or identity, since none is computed. It holds boxes, so it is personal data.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from mien.core.faces import LANDMARK_NAMES, FaceReading, Frame, FrameReading
from mien.core.labels import EMOTIONS
from mien.report.partial import MemoryFile
from mien.report.row_file import RowFile

FILE: Final = "fex.csv"

FACEBOX: Final = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore")
"""Left, top, width and height in pixels of the frame; detection confidence 0–1."""
LANDMARKS: Final = (*(f"x_{i}" for i in range(68)), *(f"y_{i}" for i in range(68)))
"""Pixels, in the order of iBUG's 68 points."""
POSE: Final = ("Pitch", "Roll", "Yaw", "X", "Y", "Z")
"""Angles in radians, of the person: positive pitch looks up, positive yaw turns and positive roll tilts to the person's
own right (py-feat 2.1.5). Translation is not measured."""
ACTION_UNITS: Final = tuple(
    f"AU{number:02}" for number in (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)
)
"""Not measured."""
FEX_EMOTIONS: Final = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
"""Probabilities 0–1 of py-feat's seven classes, as read: with ``contempt`` they sum to 1."""
WHERE: Final = ("FrameHeight", "FrameWidth", "input", "frame", "approx_time")
"""Pixels; name of the input; index of the frame in its source, from 0; ``MM:SS`` of media time."""
OF_OURS: Final = ("contempt", "media_time_seconds")
"""Columns that py-feat does not know and keeps."""
COLUMNS: Final = (*FACEBOX, *LANDMARKS, *POSE, *ACTION_UNITS, *FEX_EMOTIONS, *WHERE, *OF_OURS)

IBUG_68: Final = {"nose": 30, "mouth_left": 48, "mouth_right": 54}
"""Which of the 68 points are known; the centres of the eyes are none of them."""

_BLANKS: Final = dict.fromkeys(COLUMNS, "")


class FexFile:
    """Writes one CSV row a face and frame (a ``FrameObserver``), and one without a face for a frame that shows none.

    A face that was seen but not read has its box, landmarks and pose and no emotions. The file appears under its name
    when :meth:`close` returns, after an interrupted run with the rows so far.

    Args:
        path: the CSV file to write; an existing one is replaced at the end. Or a file in memory.
        input_name: what to call the recording in every row.

    Raises:
        OutputError: the folder cannot be written, or later the disk is full.
    """

    def __init__(self, path: Path | MemoryFile, input_name: str) -> None:
        self._input_name = input_name
        self._rows = RowFile(path, COLUMNS)

    def observe(self, frame: Frame, reading: FrameReading) -> None:
        """Add a frame's faces."""
        where = self._where(frame, reading)
        faces = [_face(face) for face in reading.faces] or [{}]
        self._rows.add([tuple((_BLANKS | where | face).values()) for face in faces])

    def close(self, *, complete: bool) -> None:
        """Finish the file."""
        self._rows.close()

    def discard(self) -> None:
        """Remove what was written, finished or not."""
        self._rows.discard()

    def _where(self, frame: Frame, reading: FrameReading) -> dict[str, str]:
        minutes, seconds = divmod(int(reading.media_time), 60)
        return {
            "FrameHeight": str(frame.height),
            "FrameWidth": str(frame.width),
            "input": self._input_name,
            "frame": str(reading.index),
            "approx_time": f"{minutes:02}:{seconds:02}",
            "media_time_seconds": f"{reading.media_time:.6f}",
        }


def _face(face: FaceReading) -> dict[str, str]:
    left, top, right, bottom = (float(v) for v in face.box)
    box = (left, top, right - left, bottom - top)
    told = {column: f"{value:.2f}" for column, value in zip(FACEBOX[:4], box, strict=True)}
    told["FaceScore"] = f"{face.score:.4f}"
    for name, point in IBUG_68.items():
        x, y = (float(v) for v in face.landmarks[LANDMARK_NAMES.index(name)])
        told |= {f"x_{point}": f"{x:.2f}", f"y_{point}": f"{y:.2f}"}
    # Ours count positive down, towards the picture's right and clockwise: each the other way round.
    angles = (face.pitch_degrees, face.roll_degrees, face.yaw_degrees)
    told |= {column: f"{0.0 - math.radians(angle):.5f}" for column, angle in zip(POSE[:3], angles, strict=True)}
    if face.probabilities is not None:
        told |= {emotion: f"{p:.5f}" for emotion, p in zip(EMOTIONS, face.probabilities.tolist(), strict=True)}
    return told
