"""Texts and their emotions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mien.language.emotion import TextScores

MOST_TEXTS = 64
LONGEST_TEXT = 20_000


class TextsRequest(BaseModel):
    """Texts to be read."""

    model_config = ConfigDict(extra="forbid")

    texts: list[Annotated[str, Field(max_length=LONGEST_TEXT)]] = Field(min_length=1, max_length=MOST_TEXTS)
    labels: Literal["ekman", "original"] = Field(
        "ekman", description="Seven emotions (Ekman's six and neutral), or GoEmotions' 27 and neutral."
    )


class TextReading(BaseModel):
    """The emotion of one text."""

    label: str = Field(
        description="The strongest; `uncertain` where it is too weak to be named, `unread` where the text cannot be."
    )
    score: float = Field(ge=0, le=1, description="Probability of the strongest; 0 where the text was not read.")
    present: list[str] = Field(description="Every label that reaches its own threshold, strongest first.")
    scores: dict[str, float] = Field(
        description="Every label's own probability, strongest first; they need not sum to 1."
    )
    known_share: float = Field(ge=0, le=1, description="Share of the text that the model knows.")


class TextsResponse(BaseModel):
    """Readings in the order of the texts."""

    items: list[TextReading]
    model: str = Field(description="Which model read them.")
    model_sha256: str

    @classmethod
    def of(cls, scores: TextScores, model: str, sha256: str) -> TextsResponse:
        """From readings."""
        return cls(items=[_reading(scores, row) for row in range(len(scores))], model=model, model_sha256=sha256)


def _reading(scores: TextScores, row: int) -> TextReading:
    label, score = scores.top(row)
    return TextReading(
        label=label,
        score=_share(score),
        present=list(scores.present(row)),
        scores={name: _share(value) for name, value in scores.named(row).items()},
        known_share=_share(float(scores.known[row])),
    )


def _share(value: float) -> float:
    return min(1.0, round(value, 4))
