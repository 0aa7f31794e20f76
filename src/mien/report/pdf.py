"""Prints a page of ours as PDF with a browser that is already installed: Chromium, Chrome or Edge, without a window.

The browser is given a folder of its own for its profile and no way to any network; nothing else of the user's is read,
whatever the page holds: a service prints pages that were made where strangers' recordings are decoded. Scripts do not
run, nothing is loaded, and a page that would lead elsewhere by itself is not opened.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from mien.core.errors import OutputError, SettingsError
from mien.report.partial import written_whole

Paper = Literal["a4", "letter"]

PAPERS: Final[dict[Paper, str]] = {"a4": "A4", "letter": "Letter"}
VARIABLE: Final = "MIEN_BROWSER"
"""Environment variable that names the browser, where it is not found by itself."""
COMMANDS: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
)
_MAC: Final = ("Google Chrome", "Chromium", "Microsoft Edge")
_WINDOWS: Final = (r"Google\Chrome\Application\chrome.exe", r"Microsoft\Edge\Application\msedge.exe")
_OPTIONS: Final = (
    "--headless",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pdf-header-footer",
    "--export-tagged-pdf",
    "--generate-pdf-document-outline",
    # Whatever a browser would ask of the network, no name leads anywhere.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
_TIMEOUT_SECONDS: Final = 180
_INERT: Final = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'unsafe-inline'; img-src data:; font-src data:\">"
)
"""Comes first, so that it holds for all that follows: a policy can be narrowed by the page, never widened, and of two
encodings the first is read, so that a browser sees the letters that :func:`_inert` saw."""
_DIRECTIVE: Final = "http-equiv"
_POLICY: Final = f'<meta {_DIRECTIVE}="content-security-policy"'


def find_browser() -> Path:
    """An installed browser that can print.

    Raises:
        SettingsError: there is none, or the one that :data:`VARIABLE` names does not exist.
    """
    named = os.environ.get(VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise SettingsError(f"{VARIABLE} names the browser {named}, which cannot be run.")
        return Path(found)
    for candidate in _candidates():
        if candidate.is_file():
            return candidate
    raise SettingsError(
        "a PDF is printed with Chromium, Chrome or Edge, and none is installed here: install one, or name it in "
        f"{VARIABLE}. The page itself prints the same from any browser."
    )


def _candidates() -> Iterator[Path]:
    for command in COMMANDS:
        found = shutil.which(command)
        if found is not None:
            yield Path(found)
    if sys.platform == "darwin":
        for name in _MAC:
            yield Path("/Applications") / f"{name}.app" / "Contents" / "MacOS" / name
    if sys.platform == "win32":
        for variable in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData"):
            for name in _WINDOWS:
                yield Path(os.environ.get(variable, "")) / name


def print_pdf(page: Path, out: Path, *, browser: Path, paper: Paper = "a4") -> None:
    """Print a page; the PDF appears when it is whole.

    Args:
        page: an HTML file of ours.
        out: the PDF; an earlier one is replaced.
        browser: see :func:`find_browser`.
        paper: its size.

    Raises:
        OutputError: the page is none of ours, the browser did not print, or the PDF cannot be written; nothing of it is
            left behind.
    """
    with (
        written_whole(out) as temporary,
        tempfile.TemporaryDirectory(prefix="mien-print-", ignore_cleanup_errors=True) as folder,
    ):
        # A page leaves its paper to whoever prints it; a browser without a window has nobody to ask.
        sized = f"<style>@page {{ size: {PAPERS[paper]}; }}</style></head>"
        copy, printed = Path(folder) / page.name, Path(folder) / "printed.pdf"
        copy.write_text(_inert(page).replace("</head>", sized, 1), encoding="utf-8")
        _run(browser, copy, printed, Path(folder) / "profile")
        shutil.copyfile(printed, temporary)


def _inert(page: Path) -> str:
    """The page, so that it can do nothing but be looked at."""
    try:
        held = page.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _none_of_ours(page) from error
    lower = held.lower()
    # Of directives in a page a policy does not govern the one that leads elsewhere. Names are not decoded by a browser,
    # as values are: whatever is none of ours in so many letters may be that one.
    if lower.count(_DIRECTIVE) != lower.count(_POLICY):
        raise _none_of_ours(page)
    return _INERT + held


def _none_of_ours(page: Path) -> OutputError:
    return OutputError(f"{page.name} is no page of Mien's as it was written: it is not printed.")


def _run(browser: Path, page: Path, printed: Path, profile: Path) -> None:
    command = [str(browser), *_OPTIONS, f"--user-data-dir={profile}", f"--print-to-pdf={printed}", page.as_uri()]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Chromium refuses to run as root inside its sandbox. What it opens can load nothing (_INERT).
        command.insert(1, "--no-sandbox")
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OutputError(
            f"{browser} did not print within {_TIMEOUT_SECONDS} seconds: print the page by hand."
        ) from error
    if done.returncode != 0 or not printed.is_file() or not printed.read_bytes().startswith(b"%PDF"):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise OutputError(f"{browser} could not print the page ({last}): open the page in a browser and print it.")
