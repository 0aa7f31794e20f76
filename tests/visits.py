"""Pages opened in a browser, and what they asked for and complained of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@dataclass
class Visits:
    """Opens pages, each in a context of its own.

    Attributes:
        requests: addresses that were asked for, over all pages.
        complaints: what the consoles said, errors of scripts among it.
    """

    browser: Browser
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _contexts: list[Any] = field(default_factory=list)

    def open(self, address: str, *, width: int = 1280, dark: bool = False, script: bool = True) -> Page:
        """A page, once it has loaded."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            java_script_enabled=script,
        )
        self._contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(address)
        return page

    def close(self) -> None:
        """Close every page."""
        for context in self._contexts:
            context.close()


def until(page: Page, condition: str) -> None:
    """Wait for a condition; the pages' policy lets nothing be evaluated in them by itself."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never: {condition}")
