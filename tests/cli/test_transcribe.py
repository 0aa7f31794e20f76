"""``mien transcribe``: files in, transcripts and subtitles out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mien.cli import main
from tests.language.films import silent_film, sound_file, tone
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
