"""What was said on a report's page: a lane over the timeline, the transcript, and what was felt beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mien.analysis.session_scenes import strongest
from mien.analysis.turns import TurnKind
from mien.report import chart
from mien.report.measures import interval_words
from mien.report.speech import ContentPart, EstimatePart, FeltPart, SegmentPart, TonePart, TurnPart

TURN_WORDS: Final = {
    TurnKind.SCARE: ("Scare", "shock {} → {}"),
    TurnKind.ENGAGEMENT_DROP: ("Engagement fell", "{} → {} of 5"),
    TurnKind.ATTENTION_DROP: ("Fewer faced the screen", "{} → {}\N{NO-BREAK SPACE}%"),
}
_LEAST_NAMED_POINTS: Final = 5.0
_MOST_TURNS: Final = 24


def speech_rows(content: ContentPart | None, settings: Mapping[str, Any], scale: chart.Scale) -> dict[str, Any] | None:
    """What the page shows of a recording's content; None where nobody asked for it.

    Args:
        content: what is told.
        settings: that were in force, as plain data.
        scale: of the timeline.
    """
    if content is None:
        return None
    audience = settings.get("audience")
    environment = audience.get("environment", "general") if isinstance(audience, Mapping) else "general"
    before: dict[int, list[str]] = {}
    for turn in content.turns:
        if turn.sentence is not None:
            before.setdefault(turn.sentence, []).append(f"{TURN_WORDS[turn.kind][0].lower()} at {turn.at}")
    return {
        "part": content,
        "segments": list(_segments(content, str(environment), before)),
        "turns": [_turn(turn) for turn in content.turns[:_MOST_TURNS]],
        "more_turns": max(0, len(content.turns) - _MOST_TURNS),
        "lane": [_place(segment, scale) for segment in content.segments],
        "by": _by(content),
        "unclear": _unclear(content),
    }


def spans(content: ContentPart | None) -> list[tuple[float, float]]:
    """Start and end of every sentence, in order, for the cursor."""
    return [
        (s.start_seconds, s.end_seconds) for segment in (content.segments if content else ()) for s in segment.sentences
    ]


def _segments(content: ContentPart, environment: str, before: Mapping[int, list[str]]) -> Iterator[dict[str, Any]]:
    number = 0
    for segment in content.segments:
        sentences = []
        for sentence in segment.sentences:
            sentences.append(
                {
                    "number": number,
                    "at": sentence.start_seconds,
                    "text": sentence.text,
                    "before": ", ".join(before.get(number, ())),
                }
            )
            number += 1
        yield {
            "part": segment,
            "sentences": sentences,
            "felt": _felt(segment.felt, environment),
            "tone": _tone(segment.tone),
        }


def _felt(felt: FeltPart, environment: str) -> dict[str, Any]:
    emotions = felt.emotions_percent
    named = []
    if emotions is not None:
        for place, (name, value) in enumerate(strongest(emotions.values())):
            if place == 0 or value >= _LEAST_NAMED_POINTS:
                ends = getattr(felt.intervals_percent, name) if felt.intervals_percent else None
                named.append((name, value, "" if ends is None else f"{ends.low:.0f} to {ends.high:.0f}"))
    figures = [
        (f"engagement, {environment.replace('_', ' ')}", _figure(felt.engagement.get(environment), 1, "1–5")),
        ("facing the screen", _figure(felt.attention_percent, 0, "points 0–100", "\N{NO-BREAK SPACE}%")),
        ("shock", _figure(felt.shock_points, 0, "points 0–100")),
    ]
    return {
        "withheld": felt.withheld,
        "strongest": named,
        "shares": [] if emotions is None else [(name, value) for name, value in emotions if value > 0],
        "figures": [(name, told) for name, told in figures if told],
        "faces": felt.readable_faces,
        "coverage": felt.coverage_share,
    }


def _figure(estimate: EstimatePart | None, digits: int, unit: str, mark: str = "") -> str:
    if estimate is None or estimate.value is None:
        return ""
    ends = ""
    if estimate.low is not None and estimate.high is not None:
        ends = f" ({interval_words(estimate.low, estimate.high, digits, unit)})"
    return f"{estimate.value:.{digits}f}{mark}{ends}"


def _tone(tone: TonePart | None) -> dict[str, Any] | None:
    if tone is None or tone.faces_percent is None:
        return None
    name, value = strongest(tone.faces_percent.values(), 1)[0]
    return {"label": tone.label, "emotion": name, "value": value, "probability": tone.probability}


def _turn(turn: TurnPart) -> dict[str, Any]:
    words, levels = TURN_WORDS[turn.kind]
    digits = 1 if turn.kind is TurnKind.ENGAGEMENT_DROP else 0
    return {
        "part": turn,
        "words": words,
        "levels": levels.format(f"{turn.before:.{digits}f}", f"{turn.after:.{digits}f}"),
    }


def _place(segment: SegmentPart, scale: chart.Scale) -> dict[str, Any]:
    left = scale.left(segment.start_seconds)
    return {
        "left": left,
        "width": max(0.15, round(scale.left(segment.end_seconds) - left, 3)),
        "words": f"said {segment.start}–{segment.end}",
    }


def _unclear(content: ContentPart) -> str:
    """What of the sound has no words here, and what its reader has to know of the transcriber; perhaps nothing."""
    told = content.transcript
    lines = []
    if told.not_understood_seconds:
        seconds = f"{told.not_understood_seconds:.0f} s" if told.not_understood_seconds >= 1 else "less than a second"
        said = sum(segment.end_seconds - segment.start_seconds for segment in content.segments)
        most = "Most of what is said was not understood: " if told.not_understood_seconds > said else ""
        lines.append(f"{most}{seconds} of speech left out, because no word of it can be trusted.")
    if told.note:
        lines.append(f"{told.note}.")
    return " ".join(lines)


def _by(content: ContentPart) -> str:
    """Who wrote down what was said."""
    told = content.transcript
    who = f"from {told.model}" if told.transcriber == "subtitles" else f"by {told.transcriber}, {told.model}"
    return who + ("" if told.complete else "; it ends early")
