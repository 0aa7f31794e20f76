"""What was said, as a report tells it."""

from __future__ import annotations

from dataclasses import replace

import jsonschema
import pytest

from mien.analysis.series import Series
from mien.core.audience import Analysis
from mien.core.content import Content, Unclear
from mien.report.document import Findings, Report, build_findings, build_report
from mien.report.html import render
from mien.report.schema import generate
from mien.report.speech import ContentPart
from tests.report.factory import CREATED, hall, one_person
from tests.report.talks import generated, silent, talk
from tests.report.test_html import Outline


def told(content: Content | None, analysis: Analysis | None = None) -> Findings:
    return build_findings(analysis or hall(), CREATED, content=content)


def part(content: Content, analysis: Analysis | None = None) -> ContentPart:
    found = told(content, analysis).content
    assert found is not None
    return found


def page(content: Content | None, analysis: Analysis | None = None) -> str:
    analysis = analysis or hall()
    series = Series.of(analysis.timeline.snapshots)
    return render(build_findings(analysis, CREATED, series, content=content), series, analysis.timeline.series)


def test_nothing_is_told_of_it_unless_asked() -> None:
    assert told(None).content is None
    assert "What was said" not in page(None)


def test_each_segment_has_its_sentences_its_tone_and_its_audience() -> None:
    opening, cellar, dark, hand = part(talk()).segments
    assert [s.text for s in opening.sentences] == ["Good evening.", "We measured <b>fear</b> & laughter."]
    assert (opening.start, cellar.start, cellar.felt.readable_faces) == ("00:05", "01:20", 33)
    assert cellar.tone is not None
    assert cellar.tone.faces_percent is not None
    assert cellar.tone.faces_percent.fear == pytest.approx(90)
    assert opening.tone is not None
    assert (opening.tone.label, opening.tone.faces_percent) == ("unread", None)
    felt = hand.felt
    assert felt.emotions_percent is not None
    assert felt.intervals_percent is not None
    assert felt.intervals_percent.fear.low < felt.emotions_percent.fear < felt.intervals_percent.fear.high
    assert set(felt.engagement) == {"classroom", "product_demo", "seminar", "general"}
    assert dark.felt.withheld == "fewer than 5 faces were readable at once"
    assert (dark.felt.emotions_percent, dark.felt.attention_percent.value, dark.felt.coverage_share) == (
        None,
        None,
        None,
    )
    assert dark.sentences[0].text == "It is dark now.", "what was said is content, not audience"


def test_the_sentence_before_every_scare_is_told() -> None:
    scares = [turn for turn in part(talk()).turns if turn.kind == "scare"]
    assert [turn.text for turn in scares] == ["Then the door opens!", None, "A hand reaches out."]
    assert [turn.sentence for turn in scares] == [3, None, 5]


def test_who_wrote_a_summary_is_told() -> None:
    own, theirs = part(talk()).summary, part(generated()).summary
    assert own is not None
    assert theirs is not None
    assert (own.writer, own.generated, own.model, own.picked) == ("keywords", False, None, (2,))
    assert (theirs.writer, theirs.generated, theirs.model, theirs.picked) == ("gemini", True, "gemini-x", ())


def test_the_document_fits_its_schema_and_comes_back() -> None:
    for content, minutes in ((talk(), 6), (generated(), 1), (silent(), 1)):
        report = build_report(hall(minutes=minutes), CREATED, content=content)
        assert Report.model_validate_json(report.model_dump_json()) == report
        jsonschema.validate(report.model_dump(mode="json"), generate())


def test_one_person_has_no_interval_and_a_short_talk_no_shock() -> None:
    segment = part(talk(), one_person()).segments[0]
    assert segment.felt.intervals_percent is None
    assert segment.felt.engagement["general"].low is None
    assert segment.felt.shock_points.withheld == "the baseline is not established yet"


def test_the_page_tells_all_of_it_and_runs_none_of_it() -> None:
    text = page(talk())
    Outline(text)
    for said in ("We measured &lt;b&gt;fear&lt;/b&gt; &amp; laughter.", "A hand reaches out.", "scare at 04:16"):
        assert said in text
    assert "measured <b>fear" not in text
    assert "Felt: withheld, fewer than 5\N{NO-BREAK SPACE}faces" in text
    assert "Sentences of the talk itself" in text
    assert "a generative model" not in text


def test_a_generated_summary_is_labelled_and_sources_are_shown() -> None:
    text = page(generated())
    assert "Written by gemini-x, a generative model: it may say what was not said." in text
    assert 'href="https://doi.org/10.1/x"' in text
    assert "A. Author, B. Author, C and others, 2021 (Crossref)" in text


def test_a_recording_without_sound_says_so_in_one_line() -> None:
    text = page(silent())
    assert "talk.mp4 has no sound: there is nothing to transcribe." in text
    assert "with-speech" not in text.split("<body", 1)[1].split(">", 1)[0]


def test_what_was_not_understood_is_told_with_its_seconds() -> None:
    whole = talk()
    few = replace(whole.transcript, unclear=(Unclear(300.0, 312.0),), note="Whisper tiny.en hears English only")
    transcript = part(replace(whole, transcript=few)).transcript
    assert (transcript.not_understood_seconds, transcript.note) == (12.0, few.note)
    text = page(replace(whole, transcript=few))
    assert "12 s of speech left out, because no word of it can be trusted. Whisper tiny.en hears English only." in text
    assert "Most of what" not in text
    most = replace(few, unclear=(Unclear(0.0, 400.0),))
    assert "Most of what is said was not understood: 400 s" in page(replace(whole, transcript=most))
    nothing = replace(silent().transcript, has_audio=True, unclear=(Unclear(0.0, 9.0),))
    assert "Nothing was understood in its sound. Most of" in page(replace(silent(), transcript=nothing))
