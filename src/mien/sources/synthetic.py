"""A hall composed from face pictures, with exact truth: ``synthetic:SPEC.yaml``, or built in Python.

Who sits where, what each feels when, how heads sway, how dark, noisy and blurred the picture is: all follow from a
:class:`HallSpec` and its seed, and :meth:`Hall.truth` tells them for any moment. Frame *k* is the same whether or not
frame *k* − 1 was drawn. The truth stays in the process; what is composed is marked as a demonstration.

    faces: faces.npz             # or a folder with one sub-folder of pictures for each emotion
    rows: 5
    columns: 10
    duration_seconds: 30
    moods:
      - {at_seconds: 0, emotion: neutral}
      - {at_seconds: 10, weights: {happiness: 3, neutral: 1}}
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
import numpy.typing as npt

from mien.core.errors import SettingsError
from mien.core.faces import FaceDetector, FloatArray, Frame, SourceInfo, UInt8Array
from mien.core.labels import EMOTIONS
from mien.core.settings import SamplingSettings
from mien.sources._hall_heads import ABOVE, FACE_BOX, Look, draw_head
from mien.sources._hall_paint import (
    NOISE_ROOM,
    STEPS_PER_PIXEL,
    Sprite,
    Sprites,
    draw_background,
    draw_noise,
    lay_sprite,
)
from mien.sources._hall_pictures import PicturePool, load_pictures
from mien.sources._hall_seats import Seat, seat_people
from mien.sources._hall_spec import Absence, HallSpec, Mood, SeatMoods, load_spec
from mien.sources._sampling import Sampler, expected_frames, refuse_too_large

__all__ = [
    "Absence",
    "Hall",
    "HallSource",
    "HallSpec",
    "HallTruth",
    "Mood",
    "PicturePool",
    "SeatMoods",
    "accepts",
    "create",
    "keep_detectable",
    "load_pictures",
    "load_spec",
]

SCHEME: Final = "synthetic:"
_NOISE: Final = 21
_SHEET: Final = 22


def accepts(locator: str) -> bool:
    """``synthetic:`` and the path of a specification."""
    return locator.startswith(SCHEME)


def create(locator: str, sampling: SamplingSettings) -> HallSource:
    """The hall behind ``synthetic:SPEC.yaml``.

    Raises:
        InputError: the specification or its pictures do not exist.
        SettingsError: the specification makes no sense.
        UnsupportedMediaError: its pictures cannot be used.
        MediaTooLargeError: it asks for more pixels than the settings allow.
    """
    path = Path(locator.removeprefix(SCHEME))
    spec = load_spec(path)
    refuse_too_large(path.name, spec.width, spec.height, spec.frame_count, sampling)
    try:
        hall = Hall(spec)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error
    return HallSource(hall, sampling, name=path.stem)


@dataclass(frozen=True, slots=True)
class HallTruth:
    """What a hall holds at one moment: one row a taken seat, back rows first.

    Attributes:
        media_time: seconds.
        seats: intp N, seat numbers.
        boxes: float32 N×4, ``x1, y1, x2, y2`` of each face in pixels; it is drawn there to an eighth of a pixel.
        emotions: each face's emotion; the new one from the middle of a fade on.
        votes: float32 N×8, what people saw in each picture, canonical; blended through a fade.
    """

    media_time: float
    seats: npt.NDArray[np.intp]
    boxes: FloatArray
    emotions: tuple[str, ...]
    votes: FloatArray

    @property
    def head_count(self) -> int:
        """Seats that are taken."""
        return len(self.seats)

    @property
    def emotion_counts(self) -> dict[str, int]:
        """Faces of each of the eight emotions."""
        counts = Counter(self.emotions)
        return {name: counts[name] for name in EMOTIONS}

    @property
    def distribution(self) -> FloatArray:
        """float32 8: the mean of the votes over the taken seats; zeros when the hall is empty."""
        if self.head_count == 0:
            return np.zeros(len(EMOTIONS), np.float32)
        return np.asarray(self.votes.mean(axis=0), np.float32)


class Hall:
    """Draws a hall and knows its truth. Not for several threads at once.

    Args:
        spec: the hall.
        pictures: its people; loaded from ``spec.faces`` when None.

    Raises:
        InputError, UnsupportedMediaError: the pictures cannot be loaded.
        SettingsError: there are no pictures, or none of a scheduled emotion.
    """

    def __init__(self, spec: HallSpec, pictures: PicturePool | None = None) -> None:
        if pictures is None:
            if spec.faces is None:
                raise SettingsError("the hall has no faces: set 'faces' to an npz or a folder of face pictures.")
            pictures = load_pictures(spec.faces, spec.min_agreement)
        self.spec = spec
        self.pictures = pictures
        self.seats = seat_people(spec, pictures)
        self._background = draw_background(spec, self.seats)
        self._sprites = Sprites(pictures)
        self._noise = draw_noise(spec)
        self._still: tuple[object, UInt8Array] | None = None
        self._levels = np.rint(np.arange(256) * spec.exposure).astype(np.uint8)

    def render(self, index: int) -> UInt8Array:
        """Frame ``index`` (from 0), uint8 H×W×3 RGB."""
        image = self._compose(index / self.spec.frame_rate)
        if self._noise is None:
            return image.copy()
        left, top = np.random.default_rng([self.spec.seed, _NOISE, index]).integers(0, NOISE_ROOM, 2)
        part = np.s_[top : top + self.spec.height, left : left + self.spec.width]
        brighter, darker = self._noise
        return np.asarray(cv2.subtract(cv2.add(image, brighter[part]), darker[part]), np.uint8)

    def truth(self, media_time: float) -> HallTruth:
        """Who is there and feels what at a moment (seconds)."""
        taken = [seat for seat in self.seats if seat.taken(media_time)]
        boxes = np.zeros((len(taken), 4), np.float32)
        votes = np.zeros((len(taken), len(EMOTIONS)), np.float32)
        emotions = []
        for position, seat in enumerate(taken):
            across, down = seat.offset(media_time)
            corner = np.array([seat.left + across, seat.top + down] * 2)
            boxes[position] = corner + np.array(FACE_BOX) * seat.side
            shown = seat.shown(media_time, self.spec.fade_seconds)
            votes[position] = self.pictures.votes[shown.picture]
            decisive = shown.picture
            if shown.before is not None:
                votes[position] *= shown.share
                votes[position] += (1 - shown.share) * self.pictures.votes[shown.before]
                decisive = shown.picture if shown.share >= 0.5 else shown.before
            emotions.append(EMOTIONS[self.pictures.emotions[decisive]])
        return HallTruth(media_time, np.array([s.number for s in taken], np.intp), boxes, tuple(emotions), votes)

    def write_video(self, path: Path, crf: int = 20, preset: str = "veryfast") -> None:
        """Encode the whole hall as H.264, for benchmarks that need a file.

        Args:
            path: a container's file, such as ``hall.mp4``.
            crf: quality, 0 (lossless) to 51.
            preset: x264's trade of speed for size.
        """
        rate = Fraction(self.spec.frame_rate).limit_denominator(100_000)
        with av.open(str(path), "w") as output:
            stream = output.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": preset})
            stream.width, stream.height, stream.pix_fmt = self.spec.width, self.spec.height, "yuv420p"
            for index in range(self.spec.frame_count):
                frame = av.VideoFrame.from_ndarray(self.render(index), format="rgb24")
                frame.pts, frame.time_base = index, 1 / rate
                output.mux(stream.encode(frame))
            output.mux(stream.encode())

    def _compose(self, media_time: float) -> UInt8Array:
        """The hall without noise; the latest is kept, for as long as nothing moves."""
        layers = [layer for seat in self.seats if seat.taken(media_time) for layer in self._layers(seat, media_time)]
        key = [(seat.number, *rest) for seat, *rest in layers]
        if self._still is not None and self._still[0] == key:
            return self._still[1]
        image = self._background.copy()
        for seat, picture, left, top, share in layers:
            self._sprites.lay(image, seat, picture, left, top, share)
        finished = self._through_camera(image)
        self._still = (key, finished)
        return finished

    def _layers(self, seat: Seat, media_time: float) -> Iterator[tuple[Seat, int, int, int, float]]:
        """Seat, picture, place in steps of a pixel's parts, and share of what is to be laid down for one seat."""
        across, down = seat.offset(media_time)
        left = round((seat.left + across) * STEPS_PER_PIXEL)
        top = round((seat.top + down) * STEPS_PER_PIXEL)
        shown = seat.shown(media_time, self.spec.fade_seconds)
        if shown.before is not None:
            yield seat, shown.before, left, top, 1.0
        yield seat, shown.picture, left, top, shown.share

    def _through_camera(self, image: UInt8Array) -> UInt8Array:
        spec = self.spec
        if spec.blur_px > 0:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), spec.blur_px), np.uint8)
        if spec.grey:
            image = np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
        if spec.exposure < 1:
            image = np.asarray(cv2.LUT(image, self._levels), np.uint8)
        return image


class HallSource:
    """A hall as a source of frames.

    Args:
        hall: what is filmed.
        sampling: which frames are drawn; others cost nothing.
        name: what a report calls it.
    """

    def __init__(self, hall: Hall, sampling: SamplingSettings | None = None, *, name: str = "synthetic") -> None:
        self.hall = hall
        self.complete = True
        self._sampling = sampling or SamplingSettings()
        self._closed = False
        spec = hall.spec
        duration = spec.frame_count / spec.frame_rate
        told = spec.model_dump_json(exclude={"faces"}) + hall.pictures.sha256()
        self._info = SourceInfo(
            name=name,
            kind="synthetic",
            width=spec.width,
            height=spec.height,
            duration_seconds=duration,
            frame_rate=spec.frame_rate,
            frame_count=expected_frames(spec.frame_count, duration, self._sampling),
            sha256=hashlib.sha256(told.encode()).hexdigest(),
            demo=True,
        )

    @property
    def info(self) -> SourceInfo:
        """What is known of the hall; ``sha256`` covers its settings and its pictures."""
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        """Its frames in order."""
        self._closed = False
        sampler = Sampler(self._sampling)
        for index in range(self.hall.spec.frame_count):
            media_time = index / self.hall.spec.frame_rate
            if sampler.wants(index, media_time):
                yield Frame(self.hall.render(index), index, media_time)
            if self._closed:
                return

    def close(self) -> None:
        """End an iteration that is under way."""
        self._closed = True


def keep_detectable(pictures: PicturePool, detector: FaceDetector, face_px: tuple[int, ...] = (48, 96)) -> PicturePool:
    """The pictures whose face a detector finds when they sit in a hall, at every one of some sizes.

    A hall of these measures what comes after detection; give a detector a higher threshold than the one to be measured
    and its misses are not the pictures' fault.

    Args:
        pictures: the pool.
        detector: any.
        face_px: sides of the face picture, pixels.
    """
    found = np.ones(len(pictures), bool)
    for side in face_px:
        step_x, step_y, columns, rows = 2 * side, 2 * side + side // 4, 8, 4
        generator = np.random.default_rng([_SHEET, side])
        rest = np.flatnonzero(found)
        for start in range(0, len(rest), rows * columns):
            sheet = np.full((rows * step_y, columns * step_x, 3), 28, np.uint8)
            part = rest[start : start + rows * columns]
            boxes = np.zeros((len(part), 4), np.float32)
            for position, row in enumerate(part):
                left = position % columns * step_x + side // 2
                top = position // columns * step_y + round(ABOVE * side) + 2
                head = draw_head(pictures.images[row], side, Look.draw(generator))
                lay_sprite(sheet, Sprite.of(head, 0, 0), left, top, 1.0)
                boxes[position] = np.array([left, top] * 2) + np.array(FACE_BOX) * side
            faces = detector.detect([Frame(sheet, 0, 0.0)])[0]
            found[part] = _overlap(boxes, faces.boxes).max(axis=1, initial=0.0) >= 0.5
    return pictures.select(np.flatnonzero(found))


def _overlap(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Intersection over union, N×M."""
    corner = np.maximum(boxes[:, None, :2], others[None, :, :2])
    shared = np.clip(np.minimum(boxes[:, None, 2:], others[None, :, 2:]) - corner, 0, None).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)[:, None] + (others[:, 2:] - others[:, :2]).prod(axis=1)
    return np.asarray(shared / (areas - shared), np.float32)
