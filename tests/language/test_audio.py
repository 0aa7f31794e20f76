"""Sound out of containers: one channel, 16 kHz, on the media clock."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mien.core.errors import InputError, UnsupportedMediaError
from mien.language.audio import SAMPLE_RATE_HZ, AudioFile
from tests.language.films import silent_film, sound_file, tone


def heard(path: Path) -> npt.NDArray[np.float32]:
    return np.concatenate([*AudioFile(path), np.zeros(0, np.float32)])


def loud(sound: npt.NDArray[np.float32], start: float, end: float) -> float:
    """Root mean square between two times."""
    return float(np.sqrt((sound[round(start * SAMPLE_RATE_HZ) : round(end * SAMPLE_RATE_HZ)] ** 2).mean()))


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.wav", "pcm_s16le", 16_000, "mono"),
        ("a.flac", "flac", 44_100, "stereo"),
        ("a.mp3", "libmp3lame", 44_100, "stereo"),
        ("a.mp4", "aac", 48_000, "stereo"),
        ("a.webm", "libopus", 48_000, "mono"),
        ("a.mkv", "pcm_s16le", 8_000, "mono"),
    ],
)
def test_any_container_gives_the_same_sound(tmp_path: Path, name: str, codec: str, rate: int, layout: str) -> None:
    sound = heard(sound_file(tmp_path / name, tone(2, rate=rate), rate=rate, codec=codec, layout=layout))
    assert sound.dtype == np.float32
    assert len(sound) / SAMPLE_RATE_HZ == pytest.approx(2, abs=0.1)
    spectrum = np.abs(np.fft.rfft(sound[: 2 * SAMPLE_RATE_HZ]))
    assert spectrum.argmax() * SAMPLE_RATE_HZ / len(sound[: 2 * SAMPLE_RATE_HZ]) == pytest.approx(440, abs=2)
    assert loud(sound, 0.2, 1.8) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_a_film_without_sound_is_a_normal_case(tmp_path: Path) -> None:
    film = AudioFile(silent_film(tmp_path / "silent.mp4"))
    assert not film.info.has_audio
    assert film.info.duration_seconds == pytest.approx(1)
    assert list(film) == []
    assert film.complete


def test_a_track_that_begins_late_is_late(tmp_path: Path) -> None:
    film = sound_file(tmp_path / "late.mkv", tone(1), start_seconds=0.5, pictures=True)
    sound = heard(film)
    assert len(sound) / SAMPLE_RATE_HZ == pytest.approx(1.5, abs=0.07)
    assert loud(sound, 0, 0.4) == 0
    assert loud(sound, 0.6, 1.4) > 0.3


def test_a_hole_in_a_track_is_silence(tmp_path: Path) -> None:
    sound = heard(sound_file(tmp_path / "hole.mkv", tone(2), hole=(1.0, 3.0)))
    assert len(sound) / SAMPLE_RATE_HZ == pytest.approx(4, abs=0.1)
    assert loud(sound, 0.1, 0.9) > 0.3
    assert loud(sound, 1.2, 2.8) == 0
    assert loud(sound, 3.2, 3.9) > 0.3


def test_a_timestamp_years_ahead_does_not_fill_the_memory(tmp_path: Path) -> None:
    film = AudioFile(sound_file(tmp_path / "odd.mkv", tone(2), hole=(1.0, 1e6)))
    assert sum(map(len, film)) / SAMPLE_RATE_HZ == pytest.approx(1, abs=0.1)
    assert not film.complete


def test_what_was_cut_off_is_missing_and_told(tmp_path: Path) -> None:
    whole = sound_file(tmp_path / "whole.flac", tone(4), codec="flac").read_bytes()
    cut = tmp_path / "cut.flac"
    cut.write_bytes(whole[: len(whole) // 2] + bytes(2000) + b"\xff" * 2000)
    film = AudioFile(cut)
    seconds = sum(map(len, film)) / SAMPLE_RATE_HZ
    assert 1 < seconds < 4
    assert not film.complete


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    path = sound_file(tmp_path / "long.flac", tone(60), codec="flac")
    next(iter(AudioFile(path)))
    tracemalloc.start()
    seconds = sum(len(piece) for piece in AudioFile(path)) / SAMPLE_RATE_HZ
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds == pytest.approx(60, abs=0.1)
    assert peak < 1e6, "the whole sound is 3.8 MB"


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        AudioFile(tmp_path / "none.mp4")


@pytest.mark.parametrize(
    "content", [b"", b"just words\n", b"#EXTM3U\n#EXTINF:1,\nother.wav\n", b"ffconcat version 1.0\n"]
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(UnsupportedMediaError, match=r"a\.mp4 is not a recording that can be read"):
        AudioFile(tmp_path / "a.mp4")


def test_a_playlist_does_not_lead_to_other_files(tmp_path: Path) -> None:
    sound_file(tmp_path / "other.wav", tone(1))
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.wav\n#EXT-X-ENDLIST\n")
    with pytest.raises(UnsupportedMediaError):
        AudioFile(playlist)
