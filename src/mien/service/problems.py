"""Errors as RFC 9457 has them: ``application/problem+json`` that says what to do, and nothing about the inside."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from mien.core.errors import InputError, MediaTooLargeError, MienError, PolicyError, SettingsError
from mien.store.errors import ConflictError, InvalidError, LeaseLostError, NotFoundError, StoreError
from mien.streams.errors import BusError, StreamFullError

MEDIA_TYPE: Final = "application/problem+json"
KIND: Final = "urn:mien:problem:"
WENT_WRONG: Final = "Something went wrong here. It was logged; tell the operator the request's id."

_STATUSES: Final[tuple[tuple[type[MienError], int, str], ...]] = (
    (NotFoundError, 404, "not-found"),
    (LeaseLostError, 409, "conflict"),
    (ConflictError, 409, "conflict"),
    (InvalidError, 422, "invalid"),
    (PolicyError, 403, "not-permitted"),
    (MediaTooLargeError, 413, "too-large"),
    (InputError, 422, "invalid"),
    (SettingsError, 422, "invalid"),
    (StreamFullError, 503, "busy"),
)
"""The first that an error is one of says what it becomes. Others are ours to mend, and told to nobody."""

_OPTION: Final = re.compile(r"--([a-z][a-z-]*)")


class FieldProblem(BaseModel):
    """What is wrong with one value of a request."""

    where: list[str | int] = Field(description="Path to the value, beginning with body, query, path or header.")
    message: str


class ProblemDetails(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(description="Which kind of problem, as a URN.", examples=["urn:mien:problem:not-found"])
    title: str
    status: int
    detail: str | None = Field(None, description="What was wrong with this request, and what to do.")
    request_id: str | None = Field(None, description="What the logs know this request by.")
    errors: list[FieldProblem] | None = None


class ProblemError(Exception):
    """An answer that is an error.

    Args:
        status: of HTTP.
        kind: last word of its type, such as ``not-found``; about nothing more than the status where None.
        detail: what was wrong and what to do, for the caller's eyes.
        headers: sent along.
        errors: what is wrong with which value.
    """

    def __init__(
        self,
        status: int,
        kind: str | None = None,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldProblem] | None = None,
    ) -> None:
        super().__init__(detail or kind or str(status))
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors

    def response(self, request_id: str | None) -> JSONResponse:
        """As it is sent."""
        told = ProblemDetails(
            type=KIND + self.kind if self.kind else "about:blank",
            title=_phrase(self.status),
            status=self.status,
            detail=self.detail,
            request_id=request_id,
            errors=None if self.errors is None else list(self.errors),
        )
        content = told.model_dump(mode="json", exclude_none=True)
        return JSONResponse(content, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def unauthenticated(detail: str = "Sign in, or send a token or a key that is good.") -> ProblemError:
    """Who asks did not prove who they are."""
    return ProblemError(401, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})


def of_error(error: MienError) -> ProblemError:
    """What a caller is told of an error of ours; nothing of one that is not theirs to mend."""
    for kind, status, name in _STATUSES:
        if isinstance(error, kind):
            headers = {"Retry-After": "1"} if status == 503 else None
            return ProblemError(status, name, _OPTION.sub(_as_field, str(error)), headers=headers)
    if isinstance(error, StoreError | BusError):
        return ProblemError(503, "unavailable", "A part of the service does not answer just now: try again.")
    return ProblemError(500, "internal", WENT_WRONG)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route documents: these problems, and those that any route can have."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"description": _phrase(status), "content": content} for status in sorted(set(statuses))}


def install(app: FastAPI) -> None:
    """Make every error of an application a problem."""

    @app.exception_handler(ProblemError)
    async def _problem(request: Request, error: ProblemError) -> JSONResponse:
        return error.response(request_id(request))

    @app.exception_handler(MienError)
    async def _ours(request: Request, error: MienError) -> JSONResponse:
        problem = of_error(error)
        if problem.status == 500:
            raise error
        return problem.response(request_id(request))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [FieldProblem(where=list(e["loc"]), message=e["msg"]) for e in error.errors()]
        problem = ProblemError(
            422, "invalid", "The request does not fit what is described in /openapi.json.", errors=errors
        )
        return problem.response(request_id(request))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400:  # a body that cannot be read; FastAPI's own
            error = HTTPException(422, error.detail)
        kind = {422: "invalid", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}.get(error.status_code)
        detail = str(error.detail) if error.detail != _phrase(error.status_code) else None
        return ProblemError(error.status_code, kind, detail, headers=error.headers).response(request_id(request))


def request_id(request: Request) -> str | None:
    """What the logs know a request by."""
    found: str | None = request.scope.get("state", {}).get("request_id")
    return found


def _as_field(match: re.Match[str]) -> str:
    return match[1].replace("-", "_")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """A description of the API with the shape of its problems, in place of FastAPI's own shape of errors.

    What every operation of a kind can answer is written to each: a body can be too large, and an ``Idempotency-Key``,
    which any POST, PATCH and DELETE may have, can be that of a request under way.
    """
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    shape = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(shape.pop("$defs", {}))
    schemas["ProblemDetails"] = shape
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for item in schema.get("paths", {}).values():
        for method, operation in item.items():
            statuses = [409] * (method in ("post", "patch", "delete")) + [413] * ("requestBody" in operation)
            told = operation.setdefault("responses", {})
            for status, answer in responses(*statuses).items():
                told.setdefault(str(status), answer)
    return schema
