"""What the text socket sends, keys in the order that clients know."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class EmotionClassification(BaseModel):
    """The emotion of a text that was sent: its strongest of seven labels, and its probability."""

    type: Literal["emotion_classification"] = "emotion_classification"
    label: str
    score: float = Field(ge=0, le=1)


class ConnectionUpdate(BaseModel):
    """How many are connected, over every process, since somebody came or went; seconds since 1970."""

    type: Literal["connection_update"] = "connection_update"
    active_connections: int = Field(ge=0)
    timestamp: float


class ErrorMessage(BaseModel):
    """A text that was sent was not classified."""

    type: Literal["error"] = "error"
    message: str


class Notice(BaseModel):
    """What an administrator tells everybody; seconds since 1970."""

    type: Literal["notice"] = "notice"
    message: str
    timestamp: float


Message = EmotionClassification | ConnectionUpdate | ErrorMessage | Notice
