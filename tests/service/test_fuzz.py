"""Schemathesis sends every operation what its description allows and what it does not: nothing ends in a 5xx."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.service.process import running

PASSWORD = "chosen by the operator"
EXAMPLES = 3
"""A kind of test and operation: more finds more, and CI waits for it."""
WITHOUT_END = ("follow_session", "follow_job")
"""Operations whose answers end only when what they follow does."""
LONGEST_SECONDS = 600.0
HOOKS = Path(__file__).with_name("fuzz_hooks.py")
SERVER_ERROR = re.compile(r'^.*"event": "request".*"status": 5\d\d.*$', re.MULTILINE)


@pytest.mark.slow
def test_no_operation_fails_on_anything_that_is_sent(tmp_path: Path) -> None:
    quick = dict.fromkeys(("MIEN_REQUESTS_PER_MINUTE", "MIEN_SIGN_INS_PER_MINUTE", "MIEN_PUBLIC_PER_MINUTE"), "1000000")
    with running(tmp_path, MIEN_ADMIN_PASSWORD=PASSWORD, MIEN_REFUSALS_PER_MINUTE="1000000", **quick) as process:
        address = process.address()
        login = {"name": "admin", "password": PASSWORD}
        token = httpx.post(f"{address}/api/v1/auth/login", json=login).json()["access_token"]
        # A key, which no operation that is tried ends: a user would sign out everywhere, and the rest find nobody.
        bearer = {"Authorization": f"Bearer {token}"}
        asked = {"name": "fuzz", "role": "admin"}
        key = httpx.post(f"{address}/api/v1/api_keys", json=asked, headers=bearer).json()["secret"]
        fuzz = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"),
                # One worker: while CPython 3.11 parses, its threads share a count of depth, and trip over it.
                *("--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing"),
                *("--max-examples", str(EXAMPLES), "--workers", "1", "--seed", "7", "--no-color"),
                *("--warnings", "off", "--report-json-path", str(tmp_path / "fuzz.json")),
                *("--header", f"Authorization: Bearer {key}", "--request-timeout", "120"),
                *("--suppress-health-check", "all"),
                *(part for name in WITHOUT_END for part in ("--exclude-operation-id", name)),
            ],
            cwd=tmp_path,
            env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS)},
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        health = httpx.get(f"{address}/api/health").status_code
        process.end()
    told = fuzz.stdout[-6000:] + fuzz.stderr[-2000:] + process.told[-3000:]
    report = json.loads((tmp_path / "fuzz.json").read_text())
    assert report["complete"], told
    assert report["operations"]["tested"] == report["operations"]["selected"] > 100, told
    assert (fuzz.returncode, report["failures"], report["errors"]) == (0, [], []), told
    assert not SERVER_ERROR.findall(process.told)
    assert '"event": "request.failed"' not in process.told
    assert health == 200
