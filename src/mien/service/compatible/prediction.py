"""``POST /api/predict/``: what the faces of one picture or short clip show, in the names of ``indexed7``.

The picture is personal data of whoever is in it: it is looked at in memory, and forgotten. That somebody looked is
audited.
"""

from __future__ import annotations

import asyncio
import io
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from mien.pipeline import Pipeline
from mien.runtime.predict import NoFaceError, Prediction, PredictLimits, predict
from mien.service.bench import BusyError
from mien.service.compatible.upload import FORM_SCHEMA, uploaded_file
from mien.service.dependencies import Caller, Parts
from mien.service.models import prediction_profile
from mien.service.parts import ServiceParts
from mien.service.problems import ProblemError, responses
from mien.sources import open_encoded

router = APIRouter(tags=["compatible"])

MOST_PIXELS: Final = 40_000_000
"""Of one picture, width × height."""
_SENDING_SECONDS: Final = 300.0
"""So long a client may take to send one."""


class EmotionResponse(BaseModel):
    """What the faces show: means over every face that was read, in every frame that was read."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"emotion": "happy", "confidence": 0.91, "all_emotions": {"happy": 0.91, "surprise": 0.09}}]
        }
    )

    emotion: str = Field(description="The strongest.")
    confidence: float = Field(ge=0, le=1, description="Its share.")
    all_emotions: dict[str, float] = Field(description="Every share, 0–1, by the names of indexed7; they sum to 1.")

    @classmethod
    def of(cls, prediction: Prediction) -> EmotionResponse:
        """From a prediction."""
        shares = dict(prediction.shares)
        return cls(emotion=prediction.strongest, confidence=min(1.0, shares[prediction.strongest]), all_emotions=shares)


@router.post("/api/predict", include_in_schema=False, response_model=EmotionResponse)
@router.post(
    "/api/predict/",
    operation_id="predict_emotion",
    responses=responses(401, 403, 408, 413, 422, 429, 503),
    openapi_extra=FORM_SCHEMA,
)
async def predict_emotion(request: Request, caller: Caller, parts: Parts) -> EmotionResponse:
    """Tell what the faces in a picture (JPEG, PNG, WebP) or a short clip (MP4, QuickTime, AVI, WebM) show."""
    settings, models = parts.settings, parts.models
    try:
        with models.place():
            async with asyncio.timeout(_SENDING_SECONDS):
                content = await uploaded_file(request, settings.max_predict_bytes)
            prediction = await models.faces.run(lambda like: read(content, like, settings.predict_seconds))
    except TimeoutError as error:
        raise ProblemError(408, "timeout", "The picture took too long to arrive.") from error
    except NoFaceError:
        await _audit(parts, caller.organisation_id, caller.actor, {"outcome": "nobody_read"})
        raise
    except BusyError as error:
        raise ProblemError(503, "busy", str(error), headers={"Retry-After": "1"}) from error
    figures = {"outcome": "read", "readings": prediction.readings, "frames": prediction.frames}
    await _audit(parts, caller.organisation_id, caller.actor, figures)
    return EmotionResponse.of(prediction)


def read(content: bytes, like: Pipeline, longest_seconds: float) -> Prediction:
    """Decode and read, in the thread that this runs in.

    Args:
        content: of a picture or a clip.
        like: whose networks, settings and permission are used.
        longest_seconds: of a clip.

    Raises:
        InputError: it is not what can be read, or shows nobody.
    """
    limits = PredictLimits(longest_seconds=longest_seconds)
    sampling = prediction_profile().sampling.model_copy(
        update={"max_pixels": MOST_PIXELS, "max_total_pixels": limits.most_pixels}
    )
    return predict(open_encoded(lambda: io.BytesIO(content), sampling), like, limits)


async def _audit(parts: ServiceParts, organisation_id: Any, actor: str, figures: dict[str, Any]) -> None:
    declared = parts.models.declaration
    detail = {"purpose": declared.purpose, "basis": declared.basis, "jurisdiction": declared.jurisdiction, **figures}
    async with parts.store.begin(organisation_id) as work:
        await work.audit.record(actor, "prediction.made", "prediction", None, detail)
