"""``POST /api/predict/``: what the faces of one picture or short clip show, in the names of ``indexed7``.

The picture is personal data of whoever is in it: it comes into memory without a name, is decoded and read by a confined
process of its own (:mod:`mien.service.pictures`), and is forgotten. That somebody looked is audited.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from mien.runtime.predict import NoFaceError, Prediction
from mien.service.bench import BusyError
from mien.service.compatible.upload import FORM_SCHEMA, Pace, take_file
from mien.service.dependencies import Caller, Parts
from mien.service.parts import ServiceParts
from mien.service.pictures.admission import TooManyError
from mien.service.pictures.held import HeldFile
from mien.service.pictures.readers import NotHereError
from mien.service.problems import ProblemError, responses
from mien.service.security.limits import address_of

router = APIRouter(tags=["compatible"])


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
    responses=responses(401, 403, 408, 413, 422, 429, 501, 503),
    openapi_extra=FORM_SCHEMA,
)
async def predict_emotion(request: Request, caller: Caller, parts: Parts) -> EmotionResponse:
    """Tell what the faces in a picture (JPEG, PNG, WebP) or a short clip (MP4, QuickTime, AVI, WebM) show."""
    try:
        with parts.pictures.share(caller.actor, address_of(request)):
            prediction = await _read(request, parts, caller.actor)
    except TimeoutError as error:
        raise ProblemError(408, "timeout", "The picture came too slowly.", headers={"Connection": "close"}) from error
    except NoFaceError:
        await _audit(parts, caller.organisation_id, caller.actor, {"outcome": "nobody_read"})
        raise
    except TooManyError as error:
        raise ProblemError(429, "too-many", str(error), headers={"Retry-After": "1"}) from error
    except BusyError as error:
        raise ProblemError(503, "busy", str(error), headers={"Retry-After": "1"}) from error
    except NotHereError as error:
        raise ProblemError(501, "not-here", str(error)) from error
    figures = {"outcome": "read", "readings": prediction.readings, "frames": prediction.frames}
    await _audit(parts, caller.organisation_id, caller.actor, figures)
    return EmotionResponse.of(prediction)


async def _read(request: Request, parts: ServiceParts, actor: str) -> Prediction:
    """Take the picture in, then wait for a place to read it: who sends slowly takes none."""
    settings, pictures = parts.settings, parts.pictures
    parts.models.faces.check()
    with HeldFile(pictures) as file:
        with pictures.arrival():
            pace = Pace(idle_seconds=settings.predict_idle_seconds)
            await take_file(request, file, settings.max_predict_bytes, pace)
        with pictures.reading():
            return await parts.models.faces.read(file.handle, actor)


async def _audit(parts: ServiceParts, organisation_id: Any, actor: str, figures: dict[str, Any]) -> None:
    declared = parts.models.declaration
    detail = {"purpose": declared.purpose, "basis": declared.basis, "jurisdiction": declared.jurisdiction, **figures}
    if declared.exception is not None:
        detail["exception"] = declared.exception
    async with parts.store.begin(organisation_id) as work:
        await work.audit.record(actor, "prediction.made", "prediction", None, detail)
