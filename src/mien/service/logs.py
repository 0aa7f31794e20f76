"""Structured logs: one line a request, with its route's template, never its URL, body, names or addresses.

What came in could hold a token or a person; a template cannot. An unexpected error is told by its type and where it
happened, without its message, which may quote what was sent.
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mien.service.problems import MEDIA_TYPE, WENT_WRONG, ProblemError

LOGGER: Final = "mien.service"
TOO_LARGE: Final = 413
"""Where a body is cut short, FastAPI answers in plain text; it is made a problem on its way out."""
_access = logging.getLogger(f"{LOGGER}.access")
_errors = logging.getLogger(f"{LOGGER}.errors")


def say(logger: logging.Logger, level: int, event: str, **figures: Any) -> None:
    """Write a line of an event and its figures. Nothing personal belongs into them."""
    logger.log(level, event, extra={"figures": figures})


class JsonLines(logging.Formatter):
    """A JSON object a line: ``time``, ``level``, ``logger``, ``event`` and the event's figures."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "figures", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            told.update(_failure(record.exc_info[1]))
        return json.dumps(told, default=str)


class TextLines(logging.Formatter):
    """The same for a person to read."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and where an error happened."""
        figures = dict(getattr(record, "figures", {}))
        if record.exc_info and record.exc_info[1] is not None:
            figures.update(_failure(record.exc_info[1]))
        at = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        told = " ".join(f"{name}={value}" for name, value in figures.items())
        return f"{at} {record.levelname.lower():7} {record.getMessage()} {told}".rstrip()


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send what this process logs to a stream; called once, by who owns the process.

    Args:
        level: least that is told.
        form: ``json``, ``text``, or ``auto``: text for a person at a terminal, JSON for everything else.
        stream: where to; standard error where None.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    readable = form == "text" or (form == "auto" and stream.isatty())
    handler.setFormatter(TextLines() if readable else JsonLines())
    # Raw lines of the warnings module would be no JSON.
    logging.captureWarnings(True)
    for name, least in (("mien", level), ("uvicorn", "warning"), ("py.warnings", "warning")):
        # Of uvicorn warnings only: what it tells of every connection holds addresses and queries.
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(least.upper())


class RequestLog:
    """Times requests, gives each an id, and makes unexpected errors a plain 500.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and write a line."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        request_id = state["request_id"] = secrets.token_hex(8)
        began = time.perf_counter()
        status: list[int] = []
        too_large = False

        async def sending(message: Message) -> None:
            nonlocal too_large
            if too_large:
                return
            if message["type"] == "http.response.start":
                if message["status"] == TOO_LARGE and not _is_problem(message):
                    too_large = True
                    problem = ProblemError(TOO_LARGE, "too-large", "The body is larger than this operation takes.")
                    status.append(TOO_LARGE)
                    answer = problem.response(request_id)
                    answer.headers.update({"Connection": "close", "X-Request-Id": request_id})
                    await answer(scope, receive, send)
                    return
                status.append(message["status"])
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            elif message["type"] == "websocket.close":
                status.append(message.get("code", 1000))
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            _errors.exception("request.failed", extra={"figures": {"request_id": request_id, "route": _route(scope)}})
            if scope["type"] == "websocket" or status:
                raise
            await ProblemError(500, "internal", WENT_WRONG).response(request_id)(scope, receive, sending)
        finally:
            say(
                _access,
                logging.INFO,
                "request" if scope["type"] == "http" else "socket",
                request_id=request_id,
                method=scope.get("method"),
                route=_route(scope),
                status=status[0] if status else None,
                seconds=round(time.perf_counter() - began, 6),
                auth=state.get("auth", "none"),
            )


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith(MEDIA_TYPE)


def _route(scope: Scope) -> str | None:
    """The template that matched; None where nothing did."""
    path: str | None = getattr(scope.get("route"), "path", None)
    return path


def _failure(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    kinds: list[str] = []
    at: BaseException | None = error
    while at is not None and len(kinds) < 8:
        kinds.append(f"{type(at).__module__}.{type(at).__qualname__}")
        at = at.__cause__ or at.__context__
    return {"error": kinds[0], "causes": kinds[1:], "at": [f"{f.filename}:{f.lineno} {f.name}" for f in frames[-12:]]}
