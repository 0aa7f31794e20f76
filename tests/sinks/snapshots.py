"""Snapshots to write."""

from __future__ import annotations

from mien.core.audience import AudienceSnapshot, EmotionPercents, LabelView


def snapshot(at: float = 125.5, readable: int = 32, *, view: LabelView | None = None) -> AudienceSnapshot:
    """An audience of ``readable`` people, mostly afraid."""
    return AudienceSnapshot(
        session_id="abc123",
        media_time=at,
        duration_seconds=0.5,
        suppressed=False,
        frames=12,
        present=readable + 3,
        readable=readable,
        tracks=readable,
        coverage=0.9,
        emotions=EmotionPercents.of([20.04, 5.0, 12.26, 7.5, 5.0, 3.0, 45.2, 2.0]),
        view=view,
    )


def suppressed(at: float = 126.0) -> AudienceSnapshot:
    """A step whose group was too small to tell of."""
    return AudienceSnapshot(session_id="abc123", media_time=at, duration_seconds=0.5, suppressed=True)
