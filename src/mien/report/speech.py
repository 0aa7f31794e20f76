"""What a report tells of what was said: transcript, tone, summary, key terms, and the audience beside each segment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import Field

from mien.analysis.segments import Estimate, Measured, SegmentReading, read_segments
from mien.analysis.series import Series
from mien.analysis.turns import Turn, TurnKind, find_turns
from mien.core.audience import Count, EmotionIntervals, EmotionPercents, Interval, Seconds, Share, Timeline
from mien.core.content import Content, Paragraph, Sentence, Source, Tone, Written
from mien.core.labels import EMOTIONS
from mien.report.parts import DIGITS, TIME_DIGITS, MediaClock, Part, known
from mien.report.provenance_parts import ModelPart
from mien.report.wording import clock

ENGAGEMENT: Final = "engagement_"
"""What the slug of a session's engagement in an environment begins with."""

WebLink = Annotated[str, Field(pattern=r"^https?://")]


class TranscriptPart(Part):
    """Who wrote down what was said. Without sound, or without a word, there is no segment.

    ``transcriber`` is ``subtitles`` where a file was at hand, named by ``model``. ``not_understood_seconds`` is how
    long somebody seems to speak and no word can be trusted; ``note`` is what a reader has to know of the transcriber.
    """

    source: str
    has_audio: bool
    transcriber: str
    model: str
    language: str | None
    complete: bool
    duration_seconds: Seconds
    words: Count
    not_understood_seconds: Seconds
    note: str | None


class TonePart(Part):
    """The emotion that a text is written in: the classifier's strongest label, and its probability.

    ``faces_percent`` is the same in the words of faces, summing to 100; None where the text could not be read.
    """

    label: str
    probability: Share
    faces_percent: EmotionPercents | None

    @classmethod
    def of(cls, tone: Tone | None) -> Self | None:
        """From a tone, where there is one."""
        if tone is None:
            return None
        faces = None if tone.faces is None else [round(100 * v, DIGITS) for v in tone.faces]
        return cls(
            label=tone.label,
            probability=min(1.0, round(tone.probability, DIGITS)),
            faces_percent=None if faces is None else EmotionPercents.of(faces),
        )


class SentencePart(Part):
    """One sentence as it was said, recorded seconds."""

    start_seconds: Seconds
    end_seconds: Seconds
    text: str
    tone: TonePart | None

    @classmethod
    def of(cls, sentence: Sentence) -> Self:
        """From a sentence."""
        return cls(
            start_seconds=round(sentence.passage.start_seconds, TIME_DIGITS),
            end_seconds=round(sentence.passage.end_seconds, TIME_DIGITS),
            text=sentence.passage.text,
            tone=TonePart.of(sentence.tone),
        )


class EstimatePart(Part):
    """A mean with its 95 % interval over people, None where there is none; or why it is withheld."""

    value: float | None
    low: float | None
    high: float | None
    withheld: str | None

    @classmethod
    def of(cls, estimate: Estimate) -> Self:
        """From an estimate."""
        return cls(
            value=known(estimate.value, DIGITS),
            low=known(estimate.low, DIGITS),
            high=known(estimate.high, DIGITS),
            withheld=estimate.withheld,
        )


class FeltPart(Part):
    """What the audience showed while a segment was said and in the pause after it (``analysis.segments``).

    Engagement is 1–5 by environment; attention is percent of the faces seen that faced the screen; shock is 0–100.
    """

    until_seconds: Seconds
    emotions_percent: EmotionPercents | None
    intervals_percent: EmotionIntervals | None
    engagement: dict[str, EstimatePart]
    attention_percent: EstimatePart
    shock_points: EstimatePart
    shock_peak_points: EstimatePart
    readable_faces: Count | None
    steps: Count | None
    coverage_share: Share | None
    read_share: Share
    withheld: str | None

    @classmethod
    def of(cls, reading: SegmentReading) -> Self:
        """From an analysed segment."""
        told = reading.emotions
        return cls(
            until_seconds=round(reading.end_seconds, TIME_DIGITS),
            emotions_percent=None if told is None else EmotionPercents.of([_percent(e.value or 0.0) for e in told]),
            intervals_percent=None if told is None else _intervals(told),
            engagement={name: EstimatePart.of(estimate) for name, estimate in reading.engagement.items()},
            attention_percent=EstimatePart.of(reading.attention),
            shock_points=EstimatePart.of(reading.shock),
            shock_peak_points=EstimatePart.of(reading.shock_peak),
            readable_faces=None if told is None else reading.readable,
            steps=None if told is None else reading.steps,
            coverage_share=known(reading.coverage, DIGITS),
            read_share=round(reading.read_share, DIGITS),
            withheld=reading.withheld,
        )


class SegmentPart(Part):
    """A paragraph: its sentences, the tone they are written in, and what was felt. They need not agree."""

    start_seconds: Seconds
    end_seconds: Seconds
    start: MediaClock
    end: MediaClock
    sentences: Annotated[tuple[SentencePart, ...], Field(min_length=1)]
    tone: TonePart | None
    felt: FeltPart

    @classmethod
    def of(cls, paragraph: Paragraph, reading: SegmentReading) -> Self:
        """From a paragraph and its audience."""
        return cls(
            start_seconds=round(paragraph.start_seconds, TIME_DIGITS),
            end_seconds=round(paragraph.end_seconds, TIME_DIGITS),
            start=clock(paragraph.start_seconds),
            end=clock(paragraph.end_seconds),
            sentences=tuple(map(SentencePart.of, paragraph.sentences)),
            tone=TonePart.of(paragraph.tone),
            felt=FeltPart.of(reading),
        )


class TurnPart(Part):
    """A scare, or a drop of engagement (1–5) or attention (percent), and the sentence that came before it.

    ``sentence`` is its number over all segments, from 0; None where nothing was said in the ten seconds before. That it
    came before does not say that it was the cause.
    """

    kind: TurnKind
    at_seconds: Seconds
    at: MediaClock
    before: float
    after: float
    sentence: Count | None
    text: str | None

    @classmethod
    def of(cls, turn: Turn, sentences: tuple[Sentence, ...]) -> Self:
        """From an analysed turn."""
        return cls(
            kind=turn.kind,
            at_seconds=round(turn.at_seconds, TIME_DIGITS),
            at=clock(turn.at_seconds),
            before=round(turn.before, DIGITS),
            after=round(turn.after, DIGITS),
            sentence=turn.sentence,
            text=None if turn.sentence is None else sentences[turn.sentence].passage.text,
        )


class SummaryPart(Part):
    """A summary and search queries, and who wrote them.

    ``generated`` is True where a generative model, named by ``model``, wrote them: then they may say what was not said.
    Otherwise the sentences are the talk's own, ``picked`` by their numbers, and the queries its key terms. ``note``
    says why another writer than the one asked for wrote.
    """

    writer: str
    model: str | None
    generated: bool
    sentences: tuple[str, ...]
    picked: tuple[Count, ...]
    queries: tuple[str, ...]
    note: str | None

    @classmethod
    def of(cls, written: Written, note: str | None) -> Self:
        """From what a writer wrote."""
        return cls(
            writer=written.writer,
            model=written.model,
            generated=written.generated,
            sentences=written.summary,
            picked=written.picked,
            queries=written.queries,
            note=note,
        )


class TermPart(Part):
    """A key term, how often it was said, and its weight relative to the strongest."""

    term: str
    count: Count
    weight: Share


class SourcePart(Part):
    """A scholarly source on the content, as an index told of it."""

    title: str
    link: WebLink | None
    authors: tuple[str, ...]
    year: int | None
    found_by: str

    @classmethod
    def of(cls, source: Source) -> Self:
        """From a source."""
        return cls(
            title=source.title,
            link=source.link,
            authors=source.authors,
            year=source.year,
            found_by=source.found_by,
        )


class SearchPart(Part):
    """A ready-made search for more."""

    name: str
    link: WebLink


class ContentPart(Part):
    """What was said, and what was felt beside it. It is content, not audience: it may name people, as the talk did."""

    transcript: TranscriptPart
    tone_model: ModelPart | None
    tone_withheld: str | None
    summary: SummaryPart | None
    terms: tuple[TermPart, ...]
    segments: tuple[SegmentPart, ...]
    turns: tuple[TurnPart, ...]
    sources: tuple[SourcePart, ...]
    searches: tuple[SearchPart, ...]


def content_part(
    content: Content | None, timeline: Timeline, series: Series, settings: Mapping[str, Any]
) -> ContentPart | None:
    """What is told of a recording's content beside its audience.

    Args:
        content: what was said; None where nobody asked.
        timeline: the audience's.
        series: its steps.
        settings: that were in force in the run, as plain data.
    """
    if content is None:
        return None
    sentences = content.sentences
    readings = read_segments(
        series,
        [(paragraph.start_seconds, paragraph.end_seconds) for paragraph in content.paragraphs],
        _measured(timeline, settings),
        min_group=timeline.session.grant.min_group,
    )
    spans = [(s.passage.start_seconds, s.passage.end_seconds) for s in sentences]
    turns = find_turns(series, timeline.series, timeline.moments, spans) if sentences else ()
    told, model = content.transcript, content.tone_model
    return ContentPart(
        transcript=TranscriptPart(
            source=told.source,
            has_audio=told.has_audio,
            transcriber=told.transcriber,
            model=told.model,
            language=told.language,
            complete=told.complete,
            duration_seconds=round(told.duration_seconds, TIME_DIGITS),
            words=len(told.words),
            not_understood_seconds=round(told.unclear_seconds, TIME_DIGITS),
            note=told.note,
        ),
        tone_model=None if model is None else ModelPart(name=model[0], sha256=model[1]),
        tone_withheld=content.tone_withheld,
        summary=None if content.written is None else SummaryPart.of(content.written, content.writer_note),
        terms=tuple(TermPart(term=t.text, count=t.count, weight=round(t.weight, DIGITS)) for t in content.terms),
        segments=tuple(SegmentPart.of(p, r) for p, r in zip(content.paragraphs, readings, strict=True)),
        turns=tuple(TurnPart.of(turn, sentences) for turn in turns),
        sources=tuple(map(SourcePart.of, content.sources)),
        searches=tuple(SearchPart(name=name, link=link) for name, link in content.searches),
    )


def _measured(timeline: Timeline, settings: Mapping[str, Any]) -> Measured:
    audience = settings.get("audience")
    environment = audience.get("environment", "general") if isinstance(audience, Mapping) else "general"
    return Measured(
        series=timeline.series,
        environment=str(environment),
        engagement_withheld={
            figure.slug.removeprefix(ENGAGEMENT): figure.withheld
            for figure in timeline.figures
            if figure.slug.startswith(ENGAGEMENT) and figure.withheld
        },
    )


def _percent(value: float) -> float:
    return min(100.0, max(0.0, round(value, DIGITS)))


def _intervals(told: tuple[Estimate, ...]) -> EmotionIntervals | None:
    ends = [(e.low, e.high) for e in told]
    if any(low is None or high is None for low, high in ends):
        return None
    each = [Interval(low=_percent(low or 0.0), high=_percent(high or 0.0)) for low, high in ends]
    return EmotionIntervals(**dict(zip(EMOTIONS, each, strict=True)))
