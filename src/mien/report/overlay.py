"""What is drawn on a frame: a box, a label and half a minute of history for each face.

Drawing is a function of a frame, its reading and the history so far; the frame itself is never changed. Annotated
video and live display share it. It is the one place past aggregation that may draw faces.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.faces import FaceReading, FrameReading, UInt8Array, UnreadReason
from mien.core.labels import UNCERTAIN, LabelSet
from mien.report.palette import GREY, Rgb, label_colours

UNREAD_WORDS: Final = {
    UnreadReason.TOO_SMALL: "too small",
    UnreadReason.BLURRED: "blurred",
    UnreadReason.TURNED_AWAY: "turned away",
    UnreadReason.CUT_OFF: "cut off",
    UnreadReason.OVER_CAP: "over the cap",
}
"""What an unread face's box says."""

INK: Final[Rgb] = (16, 19, 24)
PAPER: Final[Rgb] = (255, 255, 255)
UNREAD: Final[Rgb] = (176, 180, 186)

_SUBPIXEL_BITS: Final = 4
_SUBPIXEL: Final = 1 << _SUBPIXEL_BITS
_QUARTERS: Final = np.arange(4)[:, None] * (np.pi / 2) + np.linspace(0, np.pi / 2, 6)
_CORNERS: Final = np.stack([np.cos(_QUARTERS), np.sin(_QUARTERS)], axis=2)
"""The four quarters of a unit circle: bottom right, bottom left, top left, top right (y points down)."""
_NOTHING: Final = 0


@dataclass(frozen=True, slots=True)
class OverlayOptions:
    """How the overlay looks.

    Attributes:
        text_px: height of the text on a frame whose shorter side is 360 pixels; grows with the frame, more slowly.
        strip: draw each face's history under its box.
        readout: draw time and counts in the corner.
        note: a word before the readout (``DEMO``), or empty.
    """

    text_px: float = 13.0
    strip: bool = True
    readout: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Rect:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Rect) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def core(self) -> _Rect:
        """Without the outer sixth on each side: of a face's box, the features."""
        x, y = (self.right - self.left) / 6, (self.bottom - self.top) / 6
        return _Rect(self.left + x, self.top + y, self.right - x, self.bottom - y)


class EmotionHistory:
    """The labels of each track over the last seconds of media time, for the strips. It lives in memory only.

    A track is continuous while it is read in consecutive frames, however far apart these are; elsewhere its history
    has a gap. Time that runs backwards (a loop, a seek) starts it afresh.

    Args:
        labels: the session's label set.
        seconds: how far back it reaches.
        bin_seconds: its resolution.
    """

    def __init__(self, labels: LabelSet, *, seconds: float = 30.0, bin_seconds: float = 0.1) -> None:
        self._bins = max(1, round(seconds / bin_seconds))
        self._bin_seconds = bin_seconds
        self._codes = {label: code for code, label in enumerate((*labels.labels, UNCERTAIN), start=1)}
        self._rings: dict[int, npt.NDArray[np.uint8]] = {}
        self._filled: dict[int, int] = {}
        self._now = -1
        self._before = -1

    def add(self, reading: FrameReading) -> None:
        """Take the next frame's reading."""
        now = math.floor(reading.media_time / self._bin_seconds + 1e-6)
        if now < self._now:
            self._rings.clear()
            self._filled.clear()
            self._now = -1
        self._before, self._now = self._now, now
        for face in reading.faces:
            if face.unread is None:
                self._extend(face.track, self._codes.get(face.label or UNCERTAIN, self._codes[UNCERTAIN]))
        for track in [t for t, last in self._filled.items() if now - last >= self._bins]:
            del self._rings[track], self._filled[track]

    def codes(self, track: int) -> npt.NDArray[np.uint8] | None:
        """The track's history, oldest first: uint8 of one code a bin, or None when it has none.

        0 is a gap; n is the label set's nth label, counting from 1; the last code is ``uncertain``.
        """
        ring = self._rings.get(track)
        if ring is None:
            return None
        history = np.roll(ring, -((self._now + 1) % self._bins))
        stale = self._now - self._filled[track]
        if stale > 0:
            history[-stale:] = _NOTHING
        return history

    def _extend(self, track: int, code: int) -> None:
        ring = self._rings.get(track)
        if ring is None:
            ring = self._rings[track] = np.zeros(self._bins, np.uint8)
            self._filled[track] = self._now - 1
        last = self._filled[track]
        gap = max(last, self._now - self._bins) + 1
        fill = code if last >= self._before >= 0 else _NOTHING
        if gap < self._now:
            ring[np.arange(gap, self._now) % self._bins] = fill
        ring[self._now % self._bins] = code
        self._filled[track] = self._now


class Overlay:
    """Draws readings on frames.

    A read face has a box in its emotion's colour and a plate with label and confidence; ``uncertain`` is grey. An
    unread face has a thin grey box and the reason. Text is shortened, then left out, where faces are small or close;
    nothing is drawn past the frame's edges.

    Args:
        labels: the session's label set.
        options: how it looks.
    """

    def __init__(self, labels: LabelSet, options: OverlayOptions | None = None) -> None:
        self.labels = labels
        self.options = options or OverlayOptions()
        self._colours = label_colours(labels)
        codes = [INK, *(self._colours[label] for label in labels.labels), self._colours[UNCERTAIN]]
        opacity = [0, *([255] * (len(codes) - 1))]
        self._strip_colours = np.column_stack([np.array(codes, np.uint8), np.array(opacity, np.uint8)])
        self._face = cv2.FontFace("sans")

    def draw(
        self,
        image: UInt8Array,
        reading: FrameReading,
        history: EmotionHistory | None = None,
        *,
        frames_per_second: float | None = None,
    ) -> UInt8Array:
        """A copy of a frame with its reading drawn on it.

        Args:
            image: uint8 H×W×3 RGB.
            reading: of this frame.
            history: up to and including this frame; None draws no strips.
            frames_per_second: shown in the corner when given.

        Returns:
            uint8 H×W×3 RGB, new.
        """
        canvas = _Canvas(np.array(image, np.uint8, order="C"), self._face, self.options.text_px)
        taken: list[_Rect] = []
        readout = _readout(reading, self.options.note, frames_per_second) if self.options.readout else []
        corner = canvas.corner(readout)
        if corner is not None:
            taken.append(corner)
        faces = [f for f in reading.faces if np.isfinite(f.box).all()]
        # By track, so that plates do not change places from frame to frame.
        faces.sort(key=lambda f: (f.unread is not None, f.track))
        boxes = [canvas.visible(f) for f in faces]
        cores = [box.core() for box in boxes]
        # Small faces first, so that a large one in front is not crossed by the boxes behind it.
        for face, box in sorted(zip(faces, boxes, strict=True), key=lambda pair: _area(pair[0])):
            canvas.box(box, self._colour(face), thin=face.unread is not None)
        if history is not None and self.options.strip:
            for face, box in zip(faces, boxes, strict=True):
                codes = history.codes(face.track)
                if codes is not None:
                    strip = canvas.strip_rect(box, [other for other in boxes if other is not box])
                    canvas.strip(strip, self._strip_colours[codes])
                    taken.append(strip)
        for position, (face, box) in enumerate(zip(faces, boxes, strict=True)):
            others, features = (r[:position] + r[position + 1 :] for r in (boxes, cores))
            placed = canvas.place(box, self._wordings(face), [*taken, *others], [*taken, *features])
            if placed is not None:
                plate, text, size = placed
                if face.unread is None:
                    canvas.plate(plate, text, size, self._colour(face))
                else:
                    canvas.plate(plate, text, size, None)
                taken.append(plate)
        if corner is not None:
            canvas.readout(corner, readout)
        return canvas.image

    def _colour(self, face: FaceReading) -> Rgb:
        if face.unread is not None:
            return UNREAD
        return self._colours.get(face.label or UNCERTAIN, GREY)

    def _wordings(self, face: FaceReading) -> Sequence[str]:
        """What a plate may say, longest first."""
        if face.unread is not None:
            return (UNREAD_WORDS[face.unread],)
        if face.label is None or face.label == UNCERTAIN:
            return (UNCERTAIN, "?")
        short = " ".join(word[:3] for word in face.label.split())
        if face.confidence is None:
            return (face.label, short)
        return (f"{face.label} {face.confidence * 100:.0f} %", face.label, short)


class _Canvas:
    """A frame being drawn on, and the sizes that suit it."""

    def __init__(self, image: UInt8Array, face: cv2.FontFace, text_px: float) -> None:
        self.image = image
        self.height, self.width = image.shape[:2]
        self.scale = (min(self.width, self.height) / 360) ** 0.75
        self.text_px = max(10, round(text_px * self.scale))
        self.line = max(1.0, 2 * self.scale)
        self._face = face

    def visible(self, face: FaceReading) -> _Rect:
        """The face's box, moved inside the frame as far as its line needs."""
        inset = self.line / 2
        left, top, right, bottom = (float(v) for v in face.box)
        left, right = (min(max(v, inset), self.width - 1 - inset) for v in (left, right))
        top, bottom = (min(max(v, inset), self.height - 1 - inset) for v in (top, bottom))
        return _Rect(left, top, right, bottom)

    def box(self, rect: _Rect, colour: Rgb, *, thin: bool) -> None:
        """A rounded outline with a dark edge, so that it shows on any picture."""
        side = min(rect.right - rect.left, rect.bottom - rect.top)
        if side < 1:
            return
        radius = min(side * 0.12, 10 * self.scale)
        small = side < 40 * self.scale
        if thin or small:
            width = max(1, round(self.line * (0.6 if small and not thin else 0.5)))
            grown = _Rect(rect.left - width, rect.top - width, rect.right + width, rect.bottom + width)
            strokes = ((_rounded(grown, radius + width), INK, width), (_rounded(rect, radius), colour, width))
        else:
            outline, width = _rounded(rect, radius), round(self.line)
            strokes = ((outline, INK, width + 2), (outline, colour, width))
        for polygon, ink, stroke in strokes:
            cv2.polylines(self.image, [polygon], True, ink, stroke, cv2.LINE_AA, _SUBPIXEL_BITS)

    def strip_rect(self, box: _Rect, others: Sequence[_Rect]) -> _Rect:
        """Where a face's history goes: under its box, or inside it where another face or the frame's edge is below."""
        height = max(3, round(min(7 * self.scale, (box.bottom - box.top) * 0.1)))
        gap = round(self.line) + 1
        left, right = math.floor(box.left), min(math.ceil(box.right) + 1, self.width)
        top = round(box.bottom) + gap
        below = _Rect(left, top, right, top + height)
        if below.bottom <= self.height and not any(below.meets(o) for o in others):
            return below
        top = max(0, round(box.bottom) - gap - height)
        return _Rect(left, top, right, min(top + height, self.height))

    def strip(self, rect: _Rect, colours: UInt8Array) -> None:
        """Half a minute from left to right; gaps let the dimmed picture through."""
        area = self.image[int(rect.top) : int(rect.bottom), int(rect.left) : int(rect.right)]
        if 0 in area.shape:
            return
        row = cv2.resize(colours[None], (area.shape[1], 1), interpolation=cv2.INTER_AREA)[0].astype(np.float32)
        opacity = row[:, 3:] / 255
        ground = area * np.float32(0.3)
        area[:] = ground * (1 - opacity) + row[:, :3] * opacity

    def place(
        self, box: _Rect, wordings: Sequence[str], avoid: Sequence[_Rect], never: Sequence[_Rect]
    ) -> tuple[_Rect, str, int] | None:
        """Where a plate goes, what it says and how large.

        Args:
            box: of the face it belongs to; it goes above, below or, in a large one, inside.
            wordings: what it may say, best first.
            avoid: what it keeps clear of where it can.
            never: what it keeps clear of in any case.

        Returns:
            None when no wording fits anywhere.
        """
        across = box.right - box.left
        least = max(9, round(self.text_px * 0.6))
        size = max(least, min(self.text_px, round((box.bottom - box.top) * 0.26)))
        tries = [(wordings[0], size)] * (size > least) + [(text, least) for text in wordings]
        for obstacles, room in ((avoid, across * 2.3), (never, across * 1.1)):
            for text, s in tries:
                width = self._text_width(text, s) + round(s * 0.8)
                if width > min(room, self.width):
                    continue
                for rect in self._beside(box, width, round(s * 1.5)):
                    if not any(rect.meets(o) for o in obstacles):
                        return rect, text, s
        return None

    def plate(self, rect: _Rect, text: str, size: int, colour: Rgb | None) -> None:
        """Text on a plate of ``colour``; on the darkened picture when that is None."""
        if colour is None:
            self._shade(rect, 0.35)
            ink: Rgb = (222, 224, 228)
        else:
            corner = (rect.bottom - rect.top) * 0.22
            cv2.fillPoly(self.image, [_rounded(rect, corner)], colour, cv2.LINE_AA, _SUBPIXEL_BITS)
            ink = INK if _luminance(colour) > 0.3 else PAPER
        self._write(text, rect, size, ink, 600)

    def corner(self, parts: Sequence[str]) -> _Rect | None:
        """Where the readout goes; None when even its first part is wider than the frame."""
        size, margin = self.text_px, round(6 * self.scale)
        for count in range(len(parts), 0, -1):
            width = self._text_width(_joined(parts[:count]), size) + round(size * 1.1)
            if width + 2 * margin <= self.width:
                return _Rect(margin, margin, margin + width, margin + round(size * 1.7))
        return None

    def readout(self, rect: _Rect, parts: Sequence[str]) -> None:
        """As many parts as fit."""
        size = self.text_px
        while len(parts) > 1 and self._text_width(_joined(parts), size) + round(size * 1.1) > rect.right - rect.left:
            parts = parts[:-1]
        self._shade(rect, 0.3)
        self._write(_joined(parts), rect, size, PAPER, 500)

    def _beside(self, box: _Rect, width: int, height: int) -> Iterable[_Rect]:
        edge = self.line / 2
        left = min(max(round(box.left - edge), 0), self.width - width)
        right = min(max(round(box.right + edge) - width, 0), self.width - width)
        above = round(box.top - edge) - height - 1
        inside = round(box.top + edge) + 2
        below = self.strip_rect(box, ()).bottom + 2
        roomy = box.bottom - box.top >= 5 * height
        for top in (above, below, inside) if roomy else (above, below):
            for start in (left, right):
                if top >= 0 and top + height <= self.height:
                    yield _Rect(start, top, start + width, top + height)

    def _shade(self, rect: _Rect, keep: float) -> None:
        """Darken a plate's area, round at the corners."""
        left, top = int(rect.left), int(rect.top)
        area = self.image[top : int(rect.bottom), left : int(rect.right)]
        if 0 in area.shape:
            return
        mask = np.zeros(area.shape[:2], np.uint8)
        inner = _Rect(0, 0, area.shape[1] - 1, area.shape[0] - 1)
        cv2.fillPoly(mask, [_rounded(inner, inner.bottom * 0.22)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        strength = mask[..., None] * np.float32((1 - keep) / 255)
        area[:] = area * (1 - strength) + np.array(INK, np.float32) * strength

    def _text_width(self, text: str, size: int) -> int:
        return int(cv2.getTextSize((0, 0), text, (0, 0), self._face, size, 600)[2])

    def _write(self, text: str, rect: _Rect, size: int, ink: Rgb, weight: int) -> None:
        width = self._text_width(text, size)
        x = round((rect.left + rect.right - width) / 2)
        baseline = round((rect.top + rect.bottom) / 2 + size * 0.35)
        cv2.putText(self.image, text, (x, baseline), ink, self._face, size, weight)


def _readout(reading: FrameReading, note: str, frames_per_second: float | None) -> list[str]:
    seen, read = len(reading.faces), sum(face.unread is None for face in reading.faces)
    parts = [note] if note else []
    parts.append(_clock(reading.media_time))
    parts.append(f"{seen} {'face' if seen == 1 else 'faces'}, {read} read")
    if frames_per_second is not None:
        parts.append(f"{frames_per_second:.0f} fps")
    return parts


def _joined(parts: Sequence[str]) -> str:
    return "  ·  ".join(parts)


def _clock(seconds: float) -> str:
    tenths = math.floor(seconds * 10 + 1e-6)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes:02d}:{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{clock}" if hours else clock


def _area(face: FaceReading) -> float:
    return float((face.box[2] - face.box[0]) * (face.box[3] - face.box[1]))


def _rounded(rect: _Rect, radius: float) -> npt.NDArray[np.int32]:
    """A rectangle with round corners, as a polygon in fixed-point pixels."""
    centres = np.array(
        [
            (rect.right - radius, rect.bottom - radius),
            (rect.left + radius, rect.bottom - radius),
            (rect.left + radius, rect.top + radius),
            (rect.right - radius, rect.top + radius),
        ]
    )
    points = centres[:, None] + _CORNERS * radius
    return np.asarray(np.rint(points.reshape(-1, 2) * _SUBPIXEL), np.int32)


def _luminance(colour: Rgb) -> float:
    """Relative luminance of an sRGB colour, 0–1 (WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
