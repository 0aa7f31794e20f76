"""``mien transcribe``: files in, transcripts and subtitles out."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from mien.cli import main
from mien.core.content import Unclear, Word
from mien.language.audio import FloatArray
from mien.language.transcribing import Transcriber
from tests.language.films import RATE, silent_film, sound_file, tone
from tests.language.services import server
from tests.language.test_deepgram import ANSWER, REFUSED


def run(*arguments: object, **environment: str) -> Result:
    return CliRunner().invoke(main, ["transcribe", *map(str, arguments)], env=environment)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    return sound_file(tmp_path / "talk.wav", tone(2))


def test_a_transcript_is_written_in_the_format_of_its_suffix(talk: Path, tmp_path: Path) -> None:
    shown = {}
    with server((200, ANSWER)) as fake:
        environment = {"DEEPGRAM_API_KEY": "secret", "MIEN_DEEPGRAM_ADDRESS": fake.address}
        terminal = run(talk, "--transcriber", "deepgram", **environment)
        for suffix in ("json", "vtt", "srt", "txt"):
            done = run(talk, "--transcriber", "deepgram", "--out", tmp_path / f"talk.{suffix}", **environment)
            assert (done.exit_code, done.stdout) == (0, ""), done.stderr
            shown[suffix] = (tmp_path / f"talk.{suffix}").read_text(encoding="utf-8")
    assert terminal.stdout == shown["txt"] == "Well done.\n"
    assert "The sound of talk.wav is sent to 127.0.0.1." in terminal.stderr
    assert "talk.wav: 2 words in 2.0 s" in terminal.stderr
    document = json.loads(shown["json"])
    assert document["paragraphs"][0]["words"][1]["start_seconds"] == 0.4
    assert shown["vtt"] == "WEBVTT\n\n00:00:00.080 --> 00:00:01.080\nWell done.\n"
    assert shown["srt"] == "1\n00:00:00,080 --> 00:00:01,080\nWell done.\n"


def test_a_film_without_sound_gives_an_empty_transcript(tmp_path: Path) -> None:
    film = silent_film(tmp_path / "silent.mp4")
    done = run(film, "--transcriber", "deepgram", "--out", tmp_path / "a.json", DEEPGRAM_API_KEY="secret")
    assert (done.exit_code, "silent.mp4 has no sound" in done.stderr) == (0, True), done.stderr
    document = json.loads((tmp_path / "a.json").read_text())
    assert (document["has_audio"], document["paragraphs"]) == (False, [])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("talk.wav", "--out", "talk.doc"), 2, "none of the suffixes .json, .vtt, .srt, .txt"),
        (("talk.wav", "--transcriber", "deepgram"), 2, "DEEPGRAM_API_KEY"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = run(*arguments, DEEPGRAM_API_KEY="")
    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr


def test_a_missing_file_and_a_refusal_are_told_and_nothing_is_written(talk: Path, tmp_path: Path) -> None:
    with server((401, REFUSED)) as fake:
        environment = {"DEEPGRAM_API_KEY": "secret", "MIEN_DEEPGRAM_ADDRESS": fake.address}
        missing = run("none.mp4", "--transcriber", "deepgram", **environment)
        refused = run(talk, "--transcriber", "deepgram", "--out", tmp_path / "a.vtt", **environment)
    assert (missing.exit_code, "no such file" in missing.stderr) == (3, True)
    assert (refused.exit_code, "Invalid credentials" in refused.stderr) == (1, True)
    assert not (tmp_path / "a.vtt").exists()


@pytest.mark.parametrize(
    ("out", "code", "said"),
    [
        ("nowhere/a.vtt", 8, "cannot write"),
        ("folder.txt", 8, "it is a folder"),
        ("talk.wav", 2, "is what is read"),
    ],
)
def test_where_it_goes_is_looked_at_before_anything_is_heard(
    talk: Path, tmp_path: Path, out: str, code: int, said: str
) -> None:
    (tmp_path / "folder.txt").mkdir()
    whole = talk.read_bytes()
    with server((200, ANSWER)) as fake:
        environment = {"DEEPGRAM_API_KEY": "secret", "MIEN_DEEPGRAM_ADDRESS": fake.address}
        done = run(talk, "--transcriber", "deepgram", "--to", "text", "--out", tmp_path / out, **environment)
    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr
    assert fake.bodies == []
    assert talk.read_bytes() == whole


@pytest.mark.parametrize("damage", ["cut", "rotten", "flipped"])
def test_a_damaged_recording_is_told_by_its_exit_code(tmp_path: Path, damage: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 8 * RATE).astype(np.float32)
    path = sound_file(tmp_path / "talk.flac", noise, codec="flac")
    whole = path.read_bytes()
    middle = len(whole) // 2
    ends = {
        "cut": b"",
        "rotten": bytes(30_000) + whole[middle + 30_000 :],
        "flipped": bytes([whole[middle] ^ 255]) + whole[middle + 1 :],
    }
    path.write_bytes(whole[:middle] + ends[damage])
    with server((200, ANSWER)) as fake:
        environment = {"DEEPGRAM_API_KEY": "secret", "MIEN_DEEPGRAM_ADDRESS": fake.address}
        done = run(path, "--transcriber", "deepgram", **environment)
    assert (done.exit_code, "incomplete" in done.stderr) == (12, True), done.stderr
    assert done.stdout == "Well done.\n"


def test_bytes_that_only_look_like_a_recording_are_no_recording(tmp_path: Path) -> None:
    (tmp_path / "junk.mp3").write_bytes((bytes(range(256)) * 400)[:100_000])
    done = run(tmp_path / "junk.mp3", "--transcriber", "deepgram", DEEPGRAM_API_KEY="secret")
    assert done.exit_code == 4, done.stderr


def test_an_interrupted_command_keeps_what_was_heard_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Transcriber):
        """Somebody presses Ctrl-C after its first second."""

        name, model, language = "counter", "one", "en"

        def words(self, sound: Iterator[FloatArray]) -> Iterator[Word]:
            seconds = 0.0
            for piece in sound:
                if seconds < 1 <= (seconds := seconds + len(piece) / RATE):
                    signal.raise_signal(signal.SIGINT)
            yield Word(f"{seconds:.0f}.", 0.0, 0.5)

    monkeypatch.setattr("mien.language.transcribing.open_transcriber", lambda name, options: Interrupted())
    done = run(sound_file(tmp_path / "talk.wav", tone(5)), "--out", tmp_path / "a.txt")
    assert (done.exit_code, (tmp_path / "a.txt").read_text()) == (130, "1.\n"), done.stderr
    assert "incomplete" in done.stderr


def test_what_was_not_understood_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Half(Transcriber):
        name, model, language, note = "half", "one", "en", "It hears English only"

        def words(self, sound: Iterator[FloatArray]) -> Iterator[Word | Unclear]:
            list(sound)
            yield Word("Well.", 0.0, 0.5)
            yield Unclear(0.5, 2.0)

    monkeypatch.setattr("mien.language.transcribing.open_transcriber", lambda name, options: Half())
    done = run(sound_file(tmp_path / "talk.wav", tone(2)))
    assert (done.exit_code, done.stdout) == (0, "Well.\n")
    assert "Most of what is said was not understood: 1.5 s of talk.wav were not understood" in done.stderr
    assert "It hears English only." in done.stderr
