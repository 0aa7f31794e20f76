"""``/docs`` and ``/redoc``, from files that were installed with the service: no page of ours asks another host."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse, HTMLResponse, Response

from mien.service.problems import ProblemError

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_FILES: Final = MappingProxyType(
    {
        "swagger-ui-bundle.js": "text/javascript",
        "swagger-ui.css": "text/css",
        "redoc.standalone.js": "text/javascript",
        "favicon.png": "image/png",
    }
)
_START: Final = """\
const csrf = () => (document.cookie.split("; ").find((c) => c.startsWith("__Host-csrf=")) || "").slice(12);
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  requestInterceptor: (request) => {
    if (csrf()) request.headers["X-CSRF-Token"] = csrf();
    return request;
  },
});
"""
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mien</title>
<link rel="icon" href="/docs/favicon.png">
{head}
</head>
<body>
{body}
</body>
</html>
"""

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs() -> Response:
    """Try out every operation."""
    scripts = '<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script>'
    return _page('<link rel="stylesheet" href="/docs/swagger-ui.css">', f'<div id="page"></div>{scripts}')


@router.get("/redoc")
async def redoc() -> Response:
    """Read about every operation."""
    return _page("", '<redoc spec-url="/openapi.json"></redoc><script src="/docs/redoc.standalone.js"></script>')


@router.get("/docs/start.js")
async def start() -> Response:
    """Starts the page; a file of its own, since no script within a page may run."""
    return Response(_START, media_type="text/javascript")


@router.get("/docs/{name}")
async def file(name: str) -> Response:
    """What the pages are made of."""
    kind = _FILES.get(name)
    if kind is None:
        raise ProblemError(404, "not-found")
    path = Path(str(files("fastapi_offline") / "static" / name))
    return FileResponse(path, media_type=kind, headers={"Cache-Control": "public, max-age=86400"})


def _page(head: str, body: str) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(head=head, body=body), headers={"Content-Security-Policy": POLICY})
