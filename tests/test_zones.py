"""Zones: which part of a hall a face sits in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError, SettingsError
from mien.core.faces import FaceReading, FrameReading
from mien.zones import CameraZones, ZoneFinder, ZoneMap, read_zone_map

WIDTH, HEIGHT = 200, 100


def face_at(x: float, y: float, track: int = 0) -> FaceReading:
    """A face whose box has its centre at shares of the picture."""
    centre = np.array([x * WIDTH, y * HEIGHT] * 2, np.float32)
    box = centre + np.array([-5, -5, 5, 5], np.float32)
    return FaceReading(track, box, np.zeros((5, 2), np.float32), 1.0, 1.0, 0.0, 0.0, 0.0, None, None, None, None)


def frame(*faces: FaceReading, at: float = 0.0) -> FrameReading:
    return FrameReading(0, at, faces, 0.0, 0.0)


def places(camera: CameraZones, *faces: FaceReading) -> dict[str, list[int]]:
    parts = ZoneFinder(camera).part(frame(*faces), WIDTH, HEIGHT)
    return {zone: [face.track for face in part.faces] for zone, part in parts.items()}


HALVES = CameraZones(zones={"left": ((0, 0), (0.5, 1)), "right": ((0.5, 0), (1, 1))})


def test_a_face_is_where_the_centre_of_its_box_lies() -> None:
    assert places(HALVES, face_at(0.2, 0.5, 1), face_at(0.7, 0.9, 2)) == {"left": [1], "right": [2]}


def test_a_face_outside_every_zone_is_not_counted() -> None:
    camera = CameraZones(zones={"front": ((0.2, 0.5), (0.8, 1))})
    assert places(camera, face_at(0.5, 0.2, 1), face_at(0.5, 0.8, 2)) == {"front": [2]}


def test_where_zones_overlap_the_one_named_first_has_the_face() -> None:
    camera = CameraZones(zones={"aisle": ((0.4, 0), (0.6, 1)), "all-seats": ((0, 0), (1, 1))})
    assert places(camera, face_at(0.5, 0.5, 1), face_at(0.3, 0.5, 2)) == {"aisle": [1], "all-seats": [2]}


def test_a_zone_may_be_any_polygon() -> None:
    camera = CameraZones(zones={"wedge": ((0.5, 0), (1, 1), (0, 1))})
    assert places(camera, face_at(0.5, 0.5, 1), face_at(0.1, 0.1, 2), face_at(0.9, 0.1, 3)) == {"wedge": [1]}


@given(st.lists(st.tuples(st.floats(0, 0.999), st.floats(0.001, 0.999)), max_size=20))
def test_zones_that_tile_the_picture_count_every_face_once(points: list[tuple[float, float]]) -> None:
    found = places(HALVES, *(face_at(x, y, k) for k, (x, y) in enumerate(points)))
    assert sorted(found["left"] + found["right"]) == list(range(len(points)))


def test_readings_are_moved_to_the_halls_time() -> None:
    camera = CameraZones(zones={"left": ((0, 0), (0.5, 1))}, start_seconds=12.5)
    assert ZoneFinder(camera).part(frame(at=2.0), WIDTH, HEIGHT)["left"].media_time == 14.5


MAP = """
cameras:
  left.mp4:
    zones:
      front: [[0, 0.5], [1, 1]]
      back: [[0, 0], [1, 0.5]]
  right.mp4:
    start_seconds: -3
    screen_yaw_degrees: 20
    zones:
      back: [[0, 0], [1, 0.4], [0, 0.4]]
      balcony: [[0, 0.5], [1, 1]]
"""


def test_a_map_is_read_from_yaml(tmp_path: Path) -> None:
    (tmp_path / "hall.yaml").write_text(MAP)
    zones = read_zone_map(tmp_path / "hall.yaml")
    assert zones.zones == ("front", "back", "balcony")
    assert zones.of("/somewhere/right.mp4").start_seconds == -3
    assert zones.of("right.mp4").screen_yaw_degrees == 20


def test_an_input_that_the_map_does_not_name_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "hall.yaml").write_text(MAP)
    with pytest.raises(SettingsError, match=r"name left\.mp4, right\.mp4, but not middle\.mp4"):
        read_zone_map(tmp_path / "hall.yaml").of("clips/middle.mp4")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cameras: {}", "at least 1"),
        ("[1, 2]", "zones: "),
        ("cameras: {a.mp4: {zones: {}}}", r"cameras\.a\.mp4\.zones"),
        ("cameras: {a.mp4: {zones: {all: [[0, 0], [1, 1]]}}}", "'all' is the whole audience"),
        ("cameras: {a.mp4: {zones: {left: [[0, 0]]}}}", "zone 'left' is no area"),
        ("cameras: {a.mp4: {zones: {left: [[0, 0], [0, 1]]}}}", "zone 'left' is no area"),
        ("cameras: {a.mp4: {zones: {left: [[0, 0], [2, 1]]}}}", "less than or equal to 1"),
        ("cameras: {a.mp4: {zones: {left: [[0, 0], [.nan, 1]]}}}", "a finite number|less than"),
        ("cameras: {a.mp4: {start_seconds: 5, zones: {left: [[0, 0], [1, 1]]}}}", "let the earliest begin at 0"),
        ("cameras: {a.mp4: {zoom: 2, zones: {left: [[0, 0], [1, 1]]}}}", r"zoom: Extra inputs"),
        ("a: [", r"the zones .*hall\.yaml cannot be read as YAML"),
    ],
)
def test_a_map_that_makes_no_sense_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "hall.yaml").write_text(text)
    with pytest.raises(SettingsError, match=told):
        read_zone_map(tmp_path / "hall.yaml")


def test_a_zone_that_is_drawn_twice_and_another_encoding_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "hall.yaml"
    path.write_text(MAP + "      back: [[0, 0], [1, 1]]\n")
    with pytest.raises(SettingsError, match=r"the zones .*hall\.yaml: line \d+: back is given in line \d+ already"):
        read_zone_map(path)
    path.write_bytes(MAP.encode() + "      höhe: [[0, 0], [1, 1]]\n".encode("latin-1"))
    with pytest.raises(SettingsError, match=rf"the zones .*hall\.yaml: line {len(MAP.splitlines()) + 1} is not UTF-8"):
        read_zone_map(path)


def test_an_input_may_be_called_like_a_day_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "hall.yaml").write_text("cameras: {2026-13-45: {zones: {left: [[0, 0], [1, 1]]}}}")
    assert list(read_zone_map(tmp_path / "hall.yaml").cameras) == ["2026-13-45"]


def test_a_map_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the zones .*none\.yaml"):
        read_zone_map(tmp_path / "none.yaml")


def test_a_map_names_each_zone_once() -> None:
    camera = {"zones": {"left": [(0, 0), (1, 1)]}}
    assert ZoneMap.model_validate({"cameras": {"a": camera, "b": camera}}).zones == ("left",)
