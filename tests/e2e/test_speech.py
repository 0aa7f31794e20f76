"""A talk with its audience, through the whole command: what was said beside what was felt, with the network off."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import jsonschema
import numpy as np
import pytest

from mien.language.audio import AudioFile
from mien.report.schema import generate
from tests.e2e.support import mien
from tests.language.films import silent_film

RATE, FRAME_RATE = 16_000, 10
OFFLINE: dict[str, Any] = {"MIEN_OFFLINE": "1", "HTTPS_PROXY": "http://127.0.0.1:9"}
OFFLINE |= {"GOOGLE_API_KEY": "", "DEEPGRAM_API_KEY": ""}
SAID = "sense_and_sensibility_01_austen_64kb-0870.wav", "sense_and_sensibility_01_austen_64kb-0880.wav"


def talk(path: Path, shared: Path) -> Path:
    """The face of a clip, forth and back, while a reader of LibriVox reads two sentences with a pause between."""
    with av.open(str(shared / "data" / "clips" / "single_face.mp4")) as clip:
        pictures = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)][::3]
    first, second = (np.concatenate(list(AudioFile(shared / "data" / "speech" / "librivox" / name))) for name in SAID)
    sound = np.concatenate([first, np.zeros(2 * RATE, np.float32), second])
    forth_and_back = [*pictures, *pictures[::-1]]
    with av.open(str(path), "w") as media:
        video = media.add_stream("libx264", rate=FRAME_RATE)
        audio = media.add_stream("aac", rate=RATE, layout="mono")
        assert isinstance(video, av.VideoStream)
        assert isinstance(audio, av.AudioStream)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuv420p"
        for number in range(round(len(sound) / RATE * FRAME_RATE)):
            picture = av.VideoFrame.from_ndarray(forth_and_back[number % len(forth_and_back)], format="rgb24")
            media.mux(video.encode(picture))
        media.mux(video.encode(None))
        for start in range(0, len(sound), 1024):
            frame = av.AudioFrame.from_ndarray(sound[None, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), start
            media.mux(audio.encode(frame))
        media.mux(audio.encode(None))
    return path


def test_a_talk_is_told_with_its_audience(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    recording = talk(tmp_path / "talk.mp4", shared)
    out = tmp_path / "out"
    done = mien("analyze", recording, "--speech", "--writer", "gemini", "--sample-hz", "5", "--out", out, **OFFLINE)
    assert done.returncode == 0, done.stderr
    assert "gemini needs a key in GOOGLE_API_KEY" in done.stderr
    assert "by whisper tiny.en" in done.stdout
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, generate())
    content = report["content"]
    assert (content["transcript"]["has_audio"], content["transcript"]["language"]) == (True, "en")
    one, two = content["segments"]
    said = " ".join(sentence["text"] for sentence in one["sentences"])
    assert "leisure to consider" in said
    assert "young man" in two["sentences"][-1]["text"]
    assert 0 <= one["start_seconds"] < 1.5 < 6 < one["end_seconds"] < 8
    assert 8 < two["start_seconds"] < two["end_seconds"] < 13
    for segment in (one, two):
        felt = segment["felt"]
        assert felt["withheld"] is None
        assert sum(felt["emotions_percent"].values()) == pytest.approx(100, abs=0.1)
        assert 1 <= felt["engagement"]["classroom"]["value"] <= 5
        assert felt["attention_percent"]["value"] is not None
        assert felt["readable_faces"] == 1
        assert felt["intervals_percent"] is None, "one person has no interval over people"
        assert "baseline" in felt["shock_points"]["withheld"], "twelve seconds are no baseline"
        assert sum(segment["tone"]["faces_percent"].values()) == pytest.approx(100, abs=0.1)
    summary = content["summary"]
    assert (summary["writer"], summary["generated"]) == ("keywords", False)
    texts = [sentence["text"] for segment in content["segments"] for sentence in segment["sentences"]]
    assert summary["sentences"] == [texts[number] for number in summary["picked"]]
    assert content["terms"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "leisure to consider" in page


def test_subtitles_at_hand_are_used_and_nothing_is_listened_to(shared: Path, tmp_path: Path) -> None:
    subtitles = tmp_path / "talk.srt"
    subtitles.write_text("1\n00:00:00,200 --> 00:00:02,000\nThis is a wonderful day.\n")
    clip = shared / "data" / "clips" / "single_face.mp4"
    done = mien("analyze", clip, "--transcript", subtitles, "--out", tmp_path / "out", "--quiet", **OFFLINE)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    content = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["content"]
    assert (content["transcript"]["transcriber"], content["transcript"]["model"]) == ("subtitles", "talk.srt")
    [segment] = content["segments"]
    assert segment["tone"]["label"] == "joy"


def test_no_sound_is_a_normal_case_told_in_one_line(tmp_path: Path) -> None:
    film = silent_film(tmp_path / "silent.mp4")
    done = mien("analyze", film, "--speech", "--out", tmp_path / "out", **OFFLINE)
    assert done.returncode == 0, done.stderr
    assert "silent.mp4 has no sound" in done.stderr
    content = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["content"]
    assert (content["transcript"]["has_audio"], content["segments"], content["summary"]) == (False, [], None)


def test_a_report_holds_nothing_that_was_said_unless_asked(shared: Path, tmp_path: Path) -> None:
    clip = shared / "data" / "clips" / "single_face.mp4"
    done = mien("analyze", clip, "--out", tmp_path, "--quiet")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["content"] is None
