"""Lays drawn heads into a hall, fast: what a frame is made of but for its order and its truth."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mien.core.faces import UInt8Array
from mien.sources._hall_heads import BELOW, Head, draw_head
from mien.sources._hall_pictures import PicturePool
from mien.sources._hall_seats import Seat
from mien.sources._hall_spec import HallSpec

STEPS_PER_PIXEL: Final = 4
"""Heads are drawn at places this fine."""
NOISE_ROOM: Final = 128
_CACHE_BYTES: Final = 128 << 20
_BACKGROUND: Final = 11
_NOISE: Final = 12


@dataclass(frozen=True, slots=True)
class Sprite:
    """A head at one place within a pixel, made ready to be laid down.

    Attributes:
        light: uint8 h×w×3, colour times cover.
        through: uint8 h×w×3, 255 × (1 − cover).
        left, top: place of the face picture's corner in it.
    """

    light: UInt8Array
    through: UInt8Array
    left: int
    top: int

    @classmethod
    def of(cls, head: Head, step_x: int, step_y: int) -> Sprite:
        """A head moved right and down by so many steps of :data:`STEPS_PER_PIXEL`."""
        colour, cover = head.colour, head.cover
        if step_x or step_y:
            move = np.array([[1, 0, step_x / STEPS_PER_PIXEL], [0, 1, step_y / STEPS_PER_PIXEL]])
            size = (cover.shape[1], cover.shape[0])
            colour = np.asarray(cv2.warpAffine(colour, move, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
            cover = np.asarray(cv2.warpAffine(cover, move, size), np.float32)
        cover = cover[..., None]
        light = np.rint(colour * cover).astype(np.uint8)
        through = np.repeat(np.rint((1 - cover) * 255).astype(np.uint8), 3, axis=2)
        return cls(light, through, head.left, head.top)

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.light.nbytes + self.through.nbytes


class Sprites:
    """Heads as they are needed, the latest kept up to a bound of memory."""

    def __init__(self, pictures: PicturePool) -> None:
        self._pictures = pictures
        self._heads: OrderedDict[tuple[int, int], Head] = OrderedDict()
        self._kept: OrderedDict[tuple[int, int, int, int], Sprite] = OrderedDict()
        self._bytes = self._head_bytes = 0

    def lay(self, image: UInt8Array, seat: Seat, picture: int, left: int, top: int, share: float) -> None:
        """Draw a head; ``left`` and ``top`` of the face picture in steps of :data:`STEPS_PER_PIXEL`."""
        key = (seat.number, picture, left % STEPS_PER_PIXEL, top % STEPS_PER_PIXEL)
        sprite = self._kept.get(key)
        if sprite is None:
            sprite = self._kept[key] = Sprite.of(self._head(seat, picture), key[2], key[3])
            self._bytes += sprite.nbytes
            while self._bytes > _CACHE_BYTES and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        else:
            self._kept.move_to_end(key)
        lay_sprite(image, sprite, left // STEPS_PER_PIXEL, top // STEPS_PER_PIXEL, share)

    def _head(self, seat: Seat, picture: int) -> Head:
        key = (seat.number, picture)
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = draw_head(self._pictures.images[picture], seat.side, seat.look)
            self._head_bytes += head.colour.nbytes + head.cover.nbytes
            while self._head_bytes > _CACHE_BYTES // 2 and len(self._heads) > 1:
                gone = self._heads.popitem(last=False)[1]
                self._head_bytes -= gone.colour.nbytes + gone.cover.nbytes
        else:
            self._heads.move_to_end(key)
        return head


def lay_sprite(image: UInt8Array, sprite: Sprite, left: int, top: int, share: float) -> None:
    """Lay a sprite with its face picture's corner at ``left, top``; what lies outside the image is left out."""
    x, y = left - sprite.left, top - sprite.top
    height, width = sprite.light.shape[:2]
    x1, y1, x2, y2 = max(0, x), max(0, y), min(image.shape[1], x + width), min(image.shape[0], y + height)
    if x2 <= x1 or y2 <= y1:
        return
    part = np.s_[y1 - y : y2 - y, x1 - x : x2 - x]
    place = image[y1:y2, x1:x2]
    covered = cv2.add(cv2.multiply(place, sprite.through[part], scale=1 / 255), sprite.light[part])
    place[:] = covered if share >= 1 else cv2.addWeighted(covered, share, place, 1 - share, 0)


def draw_background(spec: HallSpec, seats: tuple[Seat, ...]) -> UInt8Array:
    """A dim hall: a wall that brightens to the front, and the backs of the seats."""
    generator = np.random.default_rng([spec.seed, _BACKGROUND])
    coarse = generator.uniform(-6, 6, (6, 10, 3)).astype(np.float32)
    wall = np.asarray(cv2.resize(coarse, (spec.width, spec.height), interpolation=cv2.INTER_CUBIC), np.float32)
    wall += np.linspace(22, 40, spec.height, dtype=np.float32)[:, None, None]
    image = np.clip(wall, 0, 255).astype(np.uint8)
    for seat in seats:
        x, half = seat.left + seat.side // 2, round(0.78 * seat.side)
        top, bottom = seat.top + round(0.62 * seat.side), seat.top + round((1 + BELOW) * seat.side)
        shade = (58, 24, 28)
        cv2.ellipse(image, (x, top + half // 3), (half, half // 3), 0, 180, 360, shade, -1, cv2.LINE_AA)
        cv2.rectangle(image, (x - half, top + half // 3), (x + half, bottom), shade, -1)
        cv2.line(image, (x - half, bottom), (x + half, bottom), (30, 12, 14), 1)
    return image


def draw_noise(spec: HallSpec) -> tuple[UInt8Array, UInt8Array] | None:
    """What a sensor adds and takes, uint8 each, larger than a frame by :data:`NOISE_ROOM`: a frame takes a part of it.

    None for a sensor without noise.
    """
    if spec.noise == 0:
        return None
    generator = np.random.default_rng([spec.seed, _NOISE])
    shape = (spec.height + NOISE_ROOM, spec.width + NOISE_ROOM, 1 if spec.grey else 3)
    field = np.rint(spec.noise * generator.standard_normal(shape, np.float32))
    if spec.grey:
        field = np.repeat(field, 3, axis=2)
    return np.clip(field, 0, 255).astype(np.uint8), np.clip(-field, 0, 255).astype(np.uint8)
