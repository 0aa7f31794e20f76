"""The table for py-feat: its column contract, what each cell says, and that it appears whole or not at all.

The contract was taken from py-feat 2.1.5, whose ``read_feat`` has read a file of ours (docs/reference/exports.md).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import OutputError
from mien.core.faces import Frame, FrameReading, UnreadReason
from mien.headposes.five_points import head_poses
from mien.report.fex import COLUMNS, FexFile
from tests.report.readings import face, picture, reading

READ_BY_PY_FEAT = (
    # Fex.faceboxes, Fex.poses and Fex.emotions ask for exactly these, in this order.
    ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"],
    ["Pitch", "Roll", "Yaw", "X", "Y", "Z"],
    ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"],
    # Fex.landmarks.
    [f"x_{i}" for i in range(68)] + [f"y_{i}" for i in range(68)],
    # Fex.time, Fex.inputs, and what its detectors write beside them.
    ["FrameHeight", "FrameWidth", "input", "frame", "approx_time"],
)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def written(path: Path, *readings: FrameReading, name: str = "talk.mp4") -> list[dict[str, str]]:
    file = FexFile(path, name)
    for one in readings:
        file.observe(Frame(picture(), one.index, one.media_time), one)
    file.close(complete=True)
    return rows_of(path)


@pytest.mark.parametrize("columns", READ_BY_PY_FEAT)
def test_every_group_of_columns_that_py_feat_asks_for_is_there_in_order(columns: Sequence[str]) -> None:
    assert [column for column in COLUMNS if column in columns] == columns


def test_no_column_is_taken_for_something_else() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS)
    # Whatever has "AU" in its name is an action unit to the reader: the twenty of its models, which we do not measure.
    action_units = [1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43]
    assert [column for column in COLUMNS if "AU" in column] == [f"AU{number:02}" for number in action_units]
    # Valence beside arousal, or a mesh, means another detector, whose emotions have other names.
    assert not {"valence", "arousal"} & set(COLUMNS)
    assert not [column for column in COLUMNS if column.startswith(("mesh_", "Identity", "gaze_"))]


def test_a_face_has_its_box_score_and_known_landmarks(tmp_path: Path) -> None:
    (row,) = written(tmp_path / "fex.csv", reading(face(box=(200, 100, 300, 220)), at=75.04, index=1876))
    assert [row[c] for c in READ_BY_PY_FEAT[0]] == ["200.00", "100.00", "100.00", "120.00", "0.9500"]
    told = {c: row[c] for c in READ_BY_PY_FEAT[3] if row[c]}
    # Of the five, the tip of the nose and the corners of the mouth are among the 68; centres of eyes are not.
    assert told == {
        **{"x_30": "250.00", "y_30": "172.00"},
        **{"x_48": "235.00", "y_48": "196.00", "x_54": "265.00", "y_54": "196.00"},
    }
    assert [row[c] for c in READ_BY_PY_FEAT[4]] == ["360", "640", "talk.mp4", "1876", "01:15"]
    assert float(row["media_time_seconds"]) == 75.04
    assert {row[c] for c in COLUMNS if "AU" in c} == {row["X"], row["Y"], row["Z"]} == {""}


def test_emotions_are_as_they_were_read_and_contempt_stands_beside_them(tmp_path: Path) -> None:
    shown = np.array([0.1, 0.2, 0.05, 0.15, 0.25, 0.03, 0.12, 0.1], np.float32)
    (row,) = written(tmp_path / "fex.csv", reading(replace(face(), probabilities=shown)))
    emotions = {c: float(row[c]) for c in READ_BY_PY_FEAT[2]}
    assert emotions == {
        **{"anger": 0.25, "disgust": 0.03, "fear": 0.12, "happiness": 0.2},
        **{"sadness": 0.15, "surprise": 0.05, "neutral": 0.1},
    }
    assert sum(emotions.values()) + float(row["contempt"]) == pytest.approx(1)


def test_a_face_that_was_not_read_has_a_place_and_no_emotion(tmp_path: Path) -> None:
    (row,) = written(tmp_path / "fex.csv", reading(face(unread=UnreadReason.TOO_SMALL)))
    assert row["FaceRectX"] == "200.00"
    assert row["Yaw"] == "0.00000"
    assert {row[c] for c in (*READ_BY_PY_FEAT[2], "contempt")} == {""}


def test_a_frame_without_a_face_has_a_row_that_says_when(tmp_path: Path) -> None:
    rows = written(
        tmp_path / "fex.csv", reading(face(), face(), index=0), reading(at=0.5, index=1), reading(face(), index=2)
    )
    assert [row["frame"] for row in rows] == ["0", "0", "1", "2"]
    nobody = {column: value for column, value in rows[2].items() if value}
    assert set(nobody) == {*READ_BY_PY_FEAT[4], "media_time_seconds"}


EYES_AND_MOUTH = np.array([(-32, 0), (32, 0), (0, 34), (-26, 64), (26, 64)], np.float32)


@pytest.mark.parametrize(
    ("angle", "turned"),
    [
        # Subject's right is the picture's left.
        pytest.param("Yaw", EYES_AND_MOUTH + np.array([(0, 0), (0, 0), (-10, 0), (0, 0), (0, 0)]), id="turns right"),
        pytest.param("Pitch", EYES_AND_MOUTH + np.array([(0, 0), (0, 0), (0, -12), (0, 0), (0, 0)]), id="looks up"),
        pytest.param(
            "Roll",
            EYES_AND_MOUTH @ np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]]),
            id="tilts to the right",
        ),
    ],
)
def test_angles_are_radians_positive_up_and_to_the_persons_own_right(
    angle: str, turned: np.ndarray, tmp_path: Path
) -> None:
    yaw, pitch, roll = (float(a[0]) for a in head_poses(turned[None].astype(np.float32)))
    shown = replace(face(), yaw_degrees=yaw, pitch_degrees=pitch, roll_degrees=roll)
    (row,) = written(tmp_path / "fex.csv", reading(shown))
    others = {"Yaw", "Pitch", "Roll"} - {angle}
    assert 0.1 < float(row[angle]) < 0.5
    assert all(abs(float(row[other])) < 0.05 for other in others)


def test_nothing_is_under_its_name_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "fex.csv"
    path.write_text("earlier")
    file = FexFile(path, "talk.mp4")
    file.observe(Frame(picture(), 0, 0.0), reading(face()))
    assert path.read_text() == "earlier"
    file.close(complete=False)
    assert len(rows_of(path)) == 1
    assert list(tmp_path.iterdir()) == [path]
    file.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_told_before_the_analysis(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*fex\.csv: No such file or directory"):
        FexFile(tmp_path / "absent" / "fex.csv", "talk.mp4")
