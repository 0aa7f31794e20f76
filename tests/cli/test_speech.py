"""``mien analyze --speech``: what is refused before any time is spent, and where words come from."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from mien.cli import main
from mien.cli._speech import speech_of
from mien.core.content import Unclear, Word
from mien.core.errors import InputError
from mien.language.audio import FloatArray
from mien.language.transcribing import Transcriber
from mien.scholar import SERVICES
from mien.scholar.source import address_variable
from tests.language.films import RATE, silent_film, sound_file, tone
from tests.language.services import server
from tests.language.test_deepgram import ANSWER
from tests.scholar.servers import servers

NOTHING = {
    "speech": False,
    "transcript": None,
    "language": None,
    "transcriber": None,
    "speech_model": None,
    "writer": None,
    "writer_model": None,
    "sources": None,
    "threads": 1,
}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["analyze", *map(str, arguments)])


def heard(path: Path, stopped: bool = False, **options: Any) -> tuple[Any, str]:
    console = Console(width=200)
    with console.capture() as capture:
        speech = speech_of({**NOTHING, **options}, str(path), console)
        content = None if speech is None else speech.content(lambda: stopped)
    return content, capture.get()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a.mp4", "--language", "en"), "--language belongs to --speech"),
        (("a.mp4", "--writer", "gemini"), "--writer belongs to --speech"),
        (("a.mp4", "--sources"), "--sources belongs to --speech"),
        (("a.mp4", "--speech", "--writer-model", "x"), "--writer-model belongs to '--writer gemini'"),
        (("a.mp4", "--transcript", "a.vtt", "--transcriber", "whisper"), "both say where words come from"),
        (("a.mp4", "b.mp4", "--transcript", "a.vtt"), "of one recording"),
        (("a.mp4", "b.mp4", "--zones", "z.yaml", "--speech"), "several cameras"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr


def test_nothing_is_heard_unless_asked(tmp_path: Path) -> None:
    assert heard(tmp_path / "none.mp4") == (None, "")


def test_no_sound_is_told_in_one_line_and_needs_no_transcriber(tmp_path: Path) -> None:
    for locator in (silent_film(tmp_path / "silent.mp4"), Path("camera:0")):
        content, told = heard(locator, speech=True, transcriber="deepgram")
        assert told == f"{locator.name} has no sound: there is nothing to transcribe.\n"
        assert (content.transcript.has_audio, content.paragraphs, content.written) == (False, (), None)


def test_where_sound_is_sent_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = sound_file(tmp_path / "talk.wav", tone(2))
    with server((200, ANSWER)) as fake:
        monkeypatch.setenv("DEEPGRAM_API_KEY", "secret")
        monkeypatch.setenv("MIEN_DEEPGRAM_ADDRESS", fake.address)
        content, told = heard(talk, speech=True, transcriber="deepgram")
    assert "The sound of talk.wav is sent to 127.0.0.1." in told
    assert content.transcript.text == "Well done."
    assert content.written.summary == ("Well done.",)


def test_text_goes_to_google_only_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subtitles = tmp_path / "talk.vtt"
    subtitles.write_text("WEBVTT\n\n00:00.000 --> 00:02.000\nWell done.\n")
    with server((500, b"")) as fake:
        monkeypatch.setenv("GOOGLE_API_KEY", "secret")
        monkeypatch.setenv("MIEN_GOOGLE_ADDRESS", fake.address)
        content, told = heard(tmp_path / "talk.mp4", transcript=subtitles)
        assert (fake.bodies, "sent" in told) == ([], False)
    assert content.written.writer == "keywords"


def test_an_unreachable_writer_is_no_reason_to_have_no_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subtitles = tmp_path / "talk.vtt"
    subtitles.write_text("WEBVTT\n\n00:00.000 --> 00:02.000\nWell done.\n")
    monkeypatch.setenv("GOOGLE_API_KEY", "secret")
    monkeypatch.setenv("MIEN_GOOGLE_ADDRESS", "http://127.0.0.1:9")
    monkeypatch.setattr("mien.language.service.time.sleep", lambda seconds: None)
    content, told = heard(tmp_path / "talk.mp4", transcript=subtitles, writer="gemini")
    assert "The text of what was said is sent to 127.0.0.1." in told
    assert "cannot be reached" in content.writer_note
    assert content.writer_note in told
    assert content.written.writer == "keywords"


def test_subtitles_that_are_none_are_told(tmp_path: Path) -> None:
    (tmp_path / "talk.vtt").write_text("hello")
    with pytest.raises(InputError, match="holds no cue"):
        heard(tmp_path / "talk.mp4", transcript=tmp_path / "talk.vtt")


TALK = "WEBVTT\n\n00:00.000 --> 00:09.000\nEmotion recognition of a cinema audience measures the cinema audience.\n"


def test_searches_to_follow_are_told_and_nobody_is_asked(tmp_path: Path) -> None:
    subtitles = tmp_path / "talk.vtt"
    subtitles.write_text(TALK)
    content, told = heard(tmp_path / "talk.mp4", transcript=subtitles)
    assert (content.sources, told) == ((), "")
    assert "Google Scholar" in dict(content.searches)


def test_scholarly_works_are_found_by_key_terms_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subtitles = tmp_path / "talk.vtt"
    subtitles.write_text(TALK)
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    with servers() as made:
        for service in SERVICES:
            monkeypatch.setenv(address_variable(service), f"{made.address}/{service}")
        content, told = heard(tmp_path / "talk.mp4", transcript=subtitles, sources=True)
    assert "Asking OpenAlex, Crossref, arXiv, Semantic Scholar: " in told
    first = content.sources[0]
    assert first.title == "Emotion recognition of cinema audiences in the dark"
    assert (first.link, first.year) == ("https://doi.org/10.5555/hall.2021.7", 2021)
    assert "OpenAlex" in first.found_by


LEARNING = """Neural networks learn from training data. A neural network with more training data makes fewer errors.
Gradient descent changes the weights of neural networks. Training neural networks by gradient descent takes data, and
overfitting means that a neural network remembers training data. Deep neural networks need regularisation."""
NOVEL = """Mr. John Dashwood had then leisure to consider how much there might be prudently in his power to do for them.
He was not an ill-disposed young man, unless to be rather cold-hearted and rather selfish is to be ill-disposed. Had he
married a more amiable woman, he might have been made still more respectable than he was. John Dashwood was amiable."""


@pytest.mark.parametrize(
    ("text", "terms", "search"),
    [
        (LEARNING, ("neural network", "training", "data", "gradient descent"), "neural network training data"),
        (NOVEL, ("John Dashwood", "ill-disposed", "amiable"), "John Dashwood ill-disposed amiable"),
    ],
)
def test_services_and_searches_get_terms_of_the_talk_and_none_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, terms: tuple[str, ...], search: str
) -> None:
    subtitles = tmp_path / "talk.vtt"
    subtitles.write_text(f"WEBVTT\n\n00:00.000 --> 00:30.000\n{text}\n")
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    with servers() as made:
        for service in SERVICES:
            monkeypatch.setenv(address_variable(service), f"{made.address}/{service}")
        content, told = heard(tmp_path / "talk.mp4", transcript=subtitles, language="en", sources=True)
    sent = told.split("Semantic Scholar: ")[1].splitlines()[0].split(", ")
    assert sent == list(terms)
    (asked,) = (request for request in made.asked if request.service == "crossref")
    assert asked.query["query.bibliographic"] == [" ".join(terms)]
    assert content.written.queries == terms
    scholar = parse_qs(urlsplit(dict(content.searches)["Google Scholar"]).query)["q"][0]
    assert scholar == search


def test_without_a_network_the_report_holds_searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subtitles = tmp_path / "talk.vtt"
    subtitles.write_text(TALK)
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    for service in SERVICES:
        monkeypatch.setenv(address_variable(service), "http://127.0.0.1:9")
    content, told = heard(tmp_path / "talk.mp4", transcript=subtitles, sources=True)
    assert content.sources == ()
    assert content.searches
    assert "No scholarly service was reached: the report holds searches to follow." in told


class Pressed(Transcriber):
    """Hears what there is until somebody presses Ctrl-C, after its first second."""

    name, model, language = "counter", "one", "en"

    def words(self, sound: Iterator[FloatArray]) -> Iterator[Word | Unclear]:
        seconds = 0.0
        for piece in sound:
            if seconds < 1 <= (seconds := seconds + len(piece) / RATE):
                signal.raise_signal(signal.SIGINT)
        yield Word("Heard.", 0.0, seconds)


def test_an_interrupt_while_listening_costs_no_frame_and_keeps_what_was_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = sound_file(tmp_path / "talk.mp4", tone(5), codec="aac", pictures=True)
    monkeypatch.setattr("mien.language.transcribing.open_transcriber", lambda name, options: Pressed())
    done = run(film, "--speech", "--out", tmp_path / "out", "--quiet")
    assert done.exit_code == 130, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert (report["complete"], report["stopped_because"], report["coverage"]["frames"]) == (True, None, 10)
    told = report["content"]["transcript"]
    assert (told["complete"], told["words"]) == (False, 1)
    assert 0.5 < told["duration_seconds"] < 2


def test_a_transcriber_that_fails_costs_no_frame_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = sound_file(tmp_path / "talk.mp4", tone(5), codec="aac", pictures=True)
    with server((401, {"err_msg": "Invalid credentials."})) as fake:
        monkeypatch.setenv("DEEPGRAM_API_KEY", "secret")
        monkeypatch.setenv("MIEN_DEEPGRAM_ADDRESS", fake.address)
        done = run(film, "--speech", "--transcriber", "deepgram", "--out", tmp_path / "out", "--quiet")
    assert (done.exit_code, "Invalid credentials" in done.stderr) == (1, True), done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["coverage"]["frames"] == 10
    told = report["content"]["transcript"]
    assert (told["complete"], told["words"], "Invalid credentials" in told["note"]) == (False, 0, True)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Its sound was not listened to." in page


def test_after_an_interrupt_nothing_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subtitles = tmp_path / "talk.vtt"
    subtitles.write_text(TALK)
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    with servers() as made, server((200, b"")) as fake:
        monkeypatch.setenv("GOOGLE_API_KEY", "secret")
        monkeypatch.setenv("MIEN_GOOGLE_ADDRESS", fake.address)
        for service in SERVICES:
            monkeypatch.setenv(address_variable(service), f"{made.address}/{service}")
        content, told = heard(tmp_path / "talk.mp4", True, transcript=subtitles, writer="gemini", sources=True)
    assert (made.asked, fake.bodies) == ([], [])
    assert "gemini was not asked after the interrupt; keywords wrote instead" in told
    assert content.written.writer == "keywords"
