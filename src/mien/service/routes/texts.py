"""The emotion of texts."""

from __future__ import annotations

from fastapi import APIRouter

from mien.core.labels import text_label_set
from mien.language.emotion import TextClassifier
from mien.service.bench import BusyError
from mien.service.dependencies import Caller, Parts
from mien.service.problems import ProblemError, responses
from mien.service.schemas.texts import TextsRequest, TextsResponse

router = APIRouter(prefix="/api/v1/texts", tags=["texts"])


@router.post("", operation_id="classify_texts", responses=responses(401, 413, 422, 429, 503))
async def classify_texts(asked: TextsRequest, caller: Caller, parts: Parts) -> TextsResponse:
    """Tell the emotion of texts, each by itself. Nothing is kept."""

    def read(classifier: TextClassifier) -> TextsResponse:
        scores = classifier.classify(asked.texts, text_label_set(asked.labels))
        return TextsResponse.of(scores, classifier.name, classifier.sha256)

    try:
        told = await parts.models.texts.run(read)
    except BusyError as error:
        raise ProblemError(503, "busy", str(error), headers={"Retry-After": "1"}) from error
    async with parts.store.begin(caller.organisation_id) as work:
        await work.audit.record(caller.actor, "texts.read", "texts", None, {"texts": len(asked.texts)})
    return told
