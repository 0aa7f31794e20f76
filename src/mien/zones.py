"""Zones of a hall: which part of it each face sits in, camera by camera.

A camera's zones are areas of its picture. A zone that several cameras show has the same name in each, which is how
``hall.py`` knows not to count it twice. A face outside every zone is not counted at all: that is how the part of a
picture that another camera covers better is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from mien.core.audience import WHOLE_AUDIENCE, Slug
from mien.core.errors import SettingsError
from mien.core.faces import FrameReading
from mien.core.settings import Settings
from mien.yaml_file import read_yaml

Ordinate = Annotated[float, Field(ge=0, le=1)]
Corner = tuple[Ordinate, Ordinate]


class CameraZones(Settings):
    """What one camera shows of a hall."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    zones: dict[Slug, tuple[Corner, ...]] = Field(min_length=1, max_length=64)
    """Corners of each zone, shares of the picture's width and height from its upper left; two are those of an upright
    rectangle. Where zones overlap, a face belongs to the one that is named first."""
    start_seconds: float = 0.0
    """Media time of the hall at the recording's first moment; negative where it began before the film."""
    screen_yaw_degrees: float | None = Field(None, ge=-60, le=60)
    """Yaw of a face that looks at the screen, as this camera sees it; None takes the profile's."""

    @field_validator("zones")
    @classmethod
    def _areas(cls, zones: dict[str, tuple[Corner, ...]]) -> dict[str, tuple[Corner, ...]]:
        for name, corners in zones.items():
            if name == WHOLE_AUDIENCE:
                raise ValueError(f"'{WHOLE_AUDIENCE}' is the whole audience: call a zone otherwise")
            if len(corners) < 2 or _area(_polygon(corners)) < 1e-6:
                raise ValueError(f"zone '{name}' is no area: give two corners of a rectangle, or three and more")
        return zones


class ZoneMap(Settings):
    """The zones of a hall, by the names of the inputs that show them."""

    cameras: dict[str, CameraZones] = Field(min_length=1)
    """By input: a file's name without its folder, or what was given instead (``camera:0``)."""

    @property
    def zones(self) -> tuple[str, ...]:
        """Every zone, in the order in which they are first named."""
        return tuple(dict.fromkeys(name for camera in self.cameras.values() for name in camera.zones))

    @model_validator(mode="after")
    def _begins_with_the_film(self) -> Self:
        if all(camera.start_seconds > 0 for camera in self.cameras.values()):
            raise ValueError("every camera begins after media time 0: let the earliest begin at 0")
        return self

    def of(self, locator: str) -> CameraZones:
        """The zones of an input.

        Args:
            locator: as given on the command line.

        Raises:
            SettingsError: the map does not name it.
        """
        for name in (locator, Path(locator).name):
            if name in self.cameras:
                return self.cameras[name]
        raise SettingsError(
            f"the zones name {', '.join(self.cameras)}, but not {Path(locator).name}: add it under 'cameras', or "
            "leave the input out."
        )


def read_zone_map(path: Path) -> ZoneMap:
    """A map of zones from YAML.

    Raises:
        InputError: the file cannot be read.
        SettingsError: it is not YAML, gives a name twice or makes no sense; the message names what and where.
    """
    content = read_yaml(path, "the zones")
    try:
        return ZoneMap.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'zones'}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"the zones {path} make no sense: {wrong}.") from error


class ZoneFinder:
    """Tells the faces of one camera apart by their zones.

    Args:
        camera: what it shows.
    """

    def __init__(self, camera: CameraZones) -> None:
        self.camera = camera
        self._areas = {name: _polygon(corners) for name, corners in camera.zones.items()}

    @property
    def start_seconds(self) -> float:
        """Media time of the hall at the recording's first moment."""
        return self.camera.start_seconds

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones this camera shows."""
        return tuple(self._areas)

    def part(self, reading: FrameReading, width: int, height: int) -> dict[str, FrameReading]:
        """One reading a zone, at the hall's media time; a face belongs where the centre of its box lies.

        Args:
            reading: of a frame of ``width`` × ``height`` pixels.
        """
        places = [_zone_of(face.box, width, height, self._areas) for face in reading.faces]
        return {
            zone: FrameReading(
                reading.index,
                reading.media_time + self.start_seconds,
                tuple(face for face, place in zip(reading.faces, places, strict=True) if place == zone),
                reading.detector_ms,
                reading.classifier_ms,
            )
            for zone in self._areas
        }


def _zone_of(
    box: npt.NDArray[np.float32], width: int, height: int, areas: dict[str, npt.NDArray[np.float64]]
) -> str | None:
    x, y = float(box[0] + box[2]) / 2 / width, float(box[1] + box[3]) / 2 / height
    return next((zone for zone, area in areas.items() if _inside(x, y, area)), None)


def _inside(x: float, y: float, polygon: npt.NDArray[np.float64]) -> bool:
    """Whether a ray to the right crosses the edges an odd number of times; a left edge belongs to the area."""
    x1, y1 = polygon.T
    x2, y2 = np.roll(polygon, -1, axis=0).T
    crosses = (y1 > y) != (y2 > y)
    at = x1 + (y - y1) / np.where(crosses, y2 - y1, 1.0) * (x2 - x1)
    return bool((crosses & (x < at)).sum() % 2)


def _polygon(corners: tuple[Corner, ...]) -> npt.NDArray[np.float64]:
    if len(corners) == 2:
        (left, top), (right, bottom) = corners
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return np.array(corners, np.float64)


def _area(polygon: npt.NDArray[np.float64]) -> float:
    """By the shoelace formula."""
    x, y = polygon.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
