"""What every test may ask for."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.browser import browser as browser
from tests.browser import chromium as chromium
from tests.browser import visits as visits
from tests.uploads import uploads as uploads

# How long an example takes says how busy the machine is, and fails nothing. Fewer examples where every change waits for
# them; a developer's own run looks further.
settings.register_profile("mien", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mien")
if os.environ.get("CI") == "true":
    settings.register_profile("mien-ci", max_examples=30)
    settings.load_profile("mien-ci")

ROOT = Path(__file__).resolve().parent.parent
BESIDE = ROOT.parent / "shared" / "models"
if BESIDE.is_dir():
    os.environ.setdefault("MIEN_MODELS", str(BESIDE))


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    """Whoever owns a process sends its log where they want: a command in a test gives it back."""
    loggers = [logging.getLogger(name) for name in ("mien", "uvicorn", "py.warnings")]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data beside the checkout; a test that needs it skips where it is absent, but not in CI."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs the shared data at {folder}")
        pytest.skip("the shared data folder is not beside this checkout")
    return folder
