from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
import pytest

from mien.analysis.scene_detection import DetectionOptions, detect_scenes
from mien.core.errors import InputError, SettingsError, UnsupportedMediaError

RATE = 25


def film(path: Path, *lengths: float) -> Path:
    """Stretches of one moving picture each, seconds; each begins with a cut."""
    random = np.random.default_rng(4)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number, length in enumerate(lengths):
            cells = random.integers(0, 256, (12, 16, 3)) // 2 + (128 if number % 2 else 0)
            picture = np.kron(cells, np.ones((8, 8, 1))).astype(np.uint8)
            for i in range(round(length * RATE)):
                moved = np.roll(picture, i // 6, axis=1)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
        output.mux(stream.encode())
    return path


def test_cuts_part_scenes_to_the_frame(tmp_path: Path) -> None:
    scenes = detect_scenes(film(tmp_path / "film.mp4", 3, 2, 4))
    assert [s.name for s in scenes] == ["Scene 1", "Scene 2", "Scene 3"]
    np.testing.assert_allclose([s.start_seconds for s in scenes], [0, 3, 5], atol=1 / RATE)
    np.testing.assert_allclose([s.end_seconds for s in scenes], [3, 5, 9], atol=1 / RATE)


def test_a_film_without_a_cut_is_one_scene(tmp_path: Path) -> None:
    scenes = detect_scenes(film(tmp_path / "film.mp4", 3))
    np.testing.assert_allclose([(s.start_seconds, s.end_seconds) for s in scenes], [(0, 3)], atol=1 / RATE)


def test_short_scenes_are_joined(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 3, 0.4, 3)
    assert len(detect_scenes(path, DetectionOptions(min_scene_seconds=0.2))) == 3
    assert len(detect_scenes(path, DetectionOptions(min_scene_seconds=2))) < 3


def test_what_is_no_film_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        detect_scenes(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(UnsupportedMediaError, match=r"text\.mp4 holds no moving picture .* give a video"):
        detect_scenes(tmp_path / "text.mp4")
    with pytest.raises(SettingsError, match="threshold"):
        DetectionOptions(threshold=0)


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scenedetect", None)
    with pytest.raises(SettingsError, match=r"mien\[scenes\]"):
        detect_scenes(tmp_path / "film.mp4")
