"""CPU time and peak memory of a whole ``mien compare``: a long film, hundreds of sessions, a planted scare.

Synthetic sessions (fear that wanders, each session about a level of its own, some steps unread) are written as two
files, one a version, and compared by the command in a process of its own: reading, shuffling and writing included.

    python -m benchmarks.compare [--sessions 400] [--hours 3] [--step-seconds 0.5] [--format npz|parquet]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from mien.analysis.session_files import save_npz
from mien.analysis.sessions import SessionSet

SCARE_SECONDS = 4.0
SCARE_POINTS = 15.0


def version(name: str, sessions: int, steps: int, step_seconds: float, scare_at: float | None) -> SessionSet:
    """Sessions of one version; ``scare_at`` (seconds) is where its scare is, if it has one."""
    rng = np.random.default_rng([ord(name), sessions])
    fear = np.empty((sessions, steps), np.float32)
    state = rng.normal(0, 5, sessions)
    for step in range(steps):
        state = 0.9 * state + rng.normal(0, 5 * np.sqrt(1 - 0.9**2), sessions)
        fear[:, step] = state
    fear += 25 + rng.normal(0, 3, (sessions, 1)).astype(np.float32)
    if scare_at is not None:
        at = np.arange(steps) * step_seconds
        fear[:, (at >= scare_at) & (at < scare_at + SCARE_SECONDS)] += SCARE_POINTS
    fear[rng.random(fear.shape) < 0.02] = np.nan
    return SessionSet.of(
        {"fear": np.clip(fear, 0, 100)},
        step_seconds=step_seconds,
        version=name,
        names=[f"{name}-{i}" for i in range(sessions)],
        weights=rng.uniform(0.6, 1, fear.shape),
        readable=np.full(sessions, 30),
        min_group=5,
    )


def save_parquet(sessions: SessionSet, path: Path) -> None:
    """The set as a table, a row a session and step."""
    import duckdb

    count, steps = sessions.weights.shape
    table = {
        "session": np.repeat(np.array(sessions.names), steps),
        "media_time_seconds": np.tile(sessions.base.times, count),
        "duration_seconds": np.full(count * steps, sessions.base.step_seconds),
        "fear_percent": sessions.values("fear").ravel(),
        "coverage_share": sessions.weights.ravel(),
        "readable_faces": sessions.readable.ravel(),
    }
    with duckdb.connect() as database:
        database.register("rows", table)
        database.execute(f"COPY rows TO '{path}' (FORMAT parquet)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=400, help="of both versions together")
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--step-seconds", type=float, default=0.5)
    parser.add_argument("--shuffles", type=int, default=1999)
    parser.add_argument("--format", choices=["npz", "parquet"], default="npz")
    arguments = parser.parse_args()
    steps = round(arguments.hours * 3600 / arguments.step_seconds)
    scare_at = arguments.hours * 3600 / 2
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.{arguments.format}" for name in "AB"]
        for path, planted in zip(paths, (None, scare_at), strict=True):
            made = version(path.stem, arguments.sessions // 2, steps, arguments.step_seconds, planted)
            if arguments.format == "npz":
                save_npz(made, path)
            else:
                save_parquet(made, path)
        command = [sys.executable, "-m", "mien", "compare", *map(str, paths), "--series", "fear"]
        command += ["--out", str(Path(folder) / "out"), "--shuffles", str(arguments.shuffles)]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            raise SystemExit("the comparison failed")
        elapsed = time.perf_counter() - started
        report = json.loads((Path(folder) / "out" / "comparison.json").read_text(encoding="utf-8"))
    findings = report["comparisons"][0]["findings"]
    result = {
        "sessions": arguments.sessions,
        "steps": steps,
        "hours": arguments.hours,
        "shuffles": arguments.shuffles,
        "format": arguments.format,
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "elapsed_seconds": round(elapsed, 1),
        "peak_mib": round(usage.ru_maxrss / 1024, 1),
        "cores": os.cpu_count(),
        "planted_seconds": [scare_at, scare_at + SCARE_SECONDS],
        "found_seconds": [[f["start_seconds"], f["end_seconds"]] for f in findings],
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
