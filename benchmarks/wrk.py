"""Load by wrk (Debian's package ``wrk``), which is told by a script what to send and tells what it measured."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = """
local head, middle, tail, batch, start, names, at
function init(args)
  if #args == 0 then return end
  local lines = io.lines(args[1])
  head, middle, tail, batch, start = lines(), lines(), lines(), tonumber(lines()), tonumber(lines())
  names, at = {}, 0
  for name in lines do names[#names + 1] = name end
  request = function()
    local parts = {}
    for i = 1, batch do
      local time = string.format("%.1f", start + math.floor(at / #names) * 0.5)
      parts[i] = head .. names[at % #names + 1] .. middle .. time .. tail
      at = at + 1
    end
    return wrk.format("POST", nil, nil, "[" .. table.concat(parts, ",") .. "]")
  end
end
function done(summary, latency)
  local e = summary.errors
  print(string.format('{"requests": %d, "seconds": %.6f, "bad": %d, "p95_ms": %.3f}', summary.requests,
    summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(95) / 1000))
end
"""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """What is sent: a snapshot as three pieces between which session and media time stand, in batches."""

    pieces: tuple[str, str, str]
    batch: int
    start_seconds: float
    sessions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Measured:
    """What wrk says, and the processor time that it took itself.

    Attributes:
        bad: answers that were no success, and connections that failed.
    """

    requests: int
    seconds: float
    bad: int
    p95_ms: float
    processor_seconds: float


def there() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


def run(url: str, token: str, connections: int, seconds: float, send: Snapshots | None = None) -> Measured:
    """Ask for a while: GET, or POST of snapshots."""
    with tempfile.TemporaryDirectory() as folder:
        script, told = Path(folder) / "load.lua", Path(folder) / "told.txt"
        script.write_text(SCRIPT)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"]
        command += ["-s", str(script), "-H", f"Authorization: Bearer {token}", "-H", "Accept-Encoding: gzip"]
        command += ["-H", "Content-Type: application/json", url]
        if send is not None:
            told.write_text("\n".join([*send.pieces, str(send.batch), str(send.start_seconds), *send.sessions]) + "\n")
            command += ["--", str(told)]
        before = _children()
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        line = next(one for one in said.splitlines() if one.startswith("{"))
        return Measured(**json.loads(line), processor_seconds=_children() - before)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
