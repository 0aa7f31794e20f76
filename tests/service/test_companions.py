from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from mien.service import companions
from mien.service.companions import Companions
from mien.service.settings import ServiceSettings

WRITE = (
    "import os, sys; told = [os.environ[n] for n in ('MIEN_PORT', 'MIEN_ORIGINS')]; "
    "print(*told, file=open(sys.argv[1], 'a'), flush=True)"
)
WAIT = "; import time; time.sleep(60)"


async def until(path: Path, lines: int) -> list[str]:
    async with asyncio.timeout(30):
        while not path.exists() or len(path.read_text().splitlines()) < lines:
            await asyncio.sleep(0.02)
    return path.read_text().splitlines()


async def the_process(beside: Companions) -> asyncio.subprocess.Process:
    """The only one that runs. It may write before whoever starts it is told that it has started."""
    async with asyncio.timeout(30):
        while not beside._running:
            await asyncio.sleep(0.02)
    [process] = beside._running
    return process


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companions, "FIRST_WAIT_SECONDS", 0.05)


def settings() -> ServiceSettings:
    return ServiceSettings.model_validate({"port": 8123, "origins": "https://a.example,https://b.example"})


async def test_a_companion_is_told_the_settings_and_ends_with_the_service(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    beside = Companions(settings(), [[sys.executable, "-c", WRITE + WAIT, str(seen)]])
    assert await until(seen, 1) == ["8123 https://a.example,https://b.example"]
    process = await the_process(beside)
    await beside.stop(20)
    assert process.returncode is not None


async def test_one_that_ends_is_started_again(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    beside = Companions(settings(), [[sys.executable, "-c", WRITE, str(seen)]])
    assert len(await until(seen, 3)) >= 3
    await beside.stop(20)


async def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WRITE + WAIT
    beside = Companions(settings(), [[sys.executable, "-c", stubborn, str(seen)]])
    await until(seen, 1)
    process = await the_process(beside)
    await beside.stop(0.2)
    assert process.returncode == -9


def test_settings_that_are_handed_on_are_the_same() -> None:
    told = settings().environment()
    assert ServiceSettings.from_environment(told) == settings().model_copy(
        update={"data_folder": settings().data_folder.absolute()}
    )
