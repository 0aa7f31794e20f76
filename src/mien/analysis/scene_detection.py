"""Scenes found in the film itself, by PySceneDetect (extra ``[scenes]``).

What it finds are shots: places where one picture is cut to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mien.analysis.scenes import Scene, in_order
from mien.core.errors import InputError, SettingsError, UnsupportedMediaError


@dataclass(frozen=True, slots=True)
class DetectionOptions:
    """What counts as a cut.

    Attributes:
        threshold: least change between pictures, weighted mean over hue, saturation and brightness, 0–255.
        min_scene_seconds: shorter scenes are joined to the one before.

    Raises:
        SettingsError: a value is out of range.
    """

    threshold: float = 27.0
    min_scene_seconds: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.threshold < 255 and self.min_scene_seconds > 0):
            raise SettingsError("a cut needs a threshold between 0 and 255 and scenes longer than 0 seconds.")


def detect_scenes(film: Path, options: DetectionOptions | None = None) -> tuple[Scene, ...]:
    """The scenes of a film, from its first frame to its last; one when it has no cut.

    Raises:
        SettingsError: PySceneDetect is not installed.
        InputError: the film does not exist, or is a folder.
        UnsupportedMediaError: it holds no picture that can be read.
    """
    options = options or DetectionOptions()
    try:
        from scenedetect import ContentDetector, VideoOpenFailure, detect
    except ImportError as error:
        raise SettingsError("finding scenes in a film needs PySceneDetect: pip install 'mien[scenes]'") from error
    if film.is_dir():
        raise InputError(f"{film} is a folder: give the film itself, a file.")
    if not film.is_file():
        raise InputError(f"{film} does not exist.")
    _require_pictures(film)
    detector = ContentDetector(threshold=options.threshold, min_scene_len=float(options.min_scene_seconds))
    try:
        found = detect(str(film), detector, start_in_scene=True, backend="pyav")
    except (VideoOpenFailure, OSError, ValueError, IndexError) as error:
        raise UnsupportedMediaError(f"{film} holds no picture that can be read: {error}") from error
    if not found:
        raise UnsupportedMediaError(f"{film} holds no picture that can be read.")
    return in_order(
        [Scene(f"Scene {i}", float(start.seconds), float(end.seconds)) for i, (start, end) in enumerate(found, 1)]
    )


def _require_pictures(film: Path) -> None:
    """Look before PySceneDetect does: what it says of a file that is no film is long and names no remedy."""
    import av

    try:
        with av.open(str(film)) as media:
            if media.streams.video:
                return
    except (av.error.FFmpegError, OSError):
        pass
    raise UnsupportedMediaError(
        f"{film} holds no moving picture that can be read: give a video, or a list of scenes as .csv, .edl or .vtt."
    )
