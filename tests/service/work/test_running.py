"""``mien worker`` as a process of its own: it does what lies there, and ends when it is told to."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from mien.core.clock import SystemClock
from mien.service.companions import COMMANDS
from mien.service.settings import ServiceSettings
from mien.service.spool import Spool
from mien.service.work.running import keeping_of, options_of
from mien.service.work.tasks import Tools
from mien.store.database import Store
from mien.store.records import JobState
from tests.service.work.conftest import SECRET
from tests.service.work.support import order_analysis, until_final, upload
from tests.sources.media import write_video

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def database() -> str:
    """One is enough: the same store is behind both."""
    return "sqlite"


@pytest.fixture
def worker(url: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "MIEN_DATABASE_URL": url,
        "MIEN_SPOOL_FOLDER": str(tmp_path / "spool"),
        "MIEN_SECURITY_SECRET": base64.b64encode(SECRET).decode(),
    }
    command = [sys.executable, "-m", "mien", "worker", "--beside-service"]
    started = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    yield started
    started.kill()
    started.wait()
    for pipe in (started.stdin, started.stderr):
        if pipe is not None:
            pipe.close()


@pytest.mark.parametrize("end", ["SIGTERM", "the service dies"])
async def test_it_works_and_ends(
    store: Store, organisation: UUID, spool: Spool, tmp_path: Path, worker: subprocess.Popen[bytes], end: str
) -> None:
    tools = Tools(store, spool, SystemClock())
    recording = write_video(tmp_path / "short.mp4", [i / 10 for i in range(10)]).read_bytes()
    job = await order_analysis(tools, organisation, await upload(tools, organisation, recording))
    done = await until_final(tools, organisation, job.id)
    assert done.state is JobState.DONE, done.error
    assert worker.stdin is not None
    if end == "SIGTERM":
        worker.send_signal(signal.SIGTERM)
    else:
        worker.stdin.close()
    assert worker.wait(30) == 0
    assert worker.stderr is not None
    logged = worker.stderr.read()
    assert b"worker.ready" in logged
    assert str(job.id).encode() in logged
    assert b"recording.mp4" not in logged


def test_settings_reach_the_worker() -> None:
    told = {"MIEN_WORKER_SLOTS": "3", "MIEN_DECODE_CPU_SECONDS": "60", "MIEN_PERSONAL_KEEP_SECONDS": "120"}
    settings = ServiceSettings.from_environment({**told, "MIEN_WORKERS": "2"})
    assert [[*command][1:4] for started in COMMANDS for command in started(settings)] == [["-m", "mien", "worker"]] * 2
    assert options_of(settings).slots == 3
    assert options_of(settings).decoding.cpu_seconds == 60
    assert keeping_of(settings).result_seconds == 120
