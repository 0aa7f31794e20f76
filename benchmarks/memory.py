"""Peak memory of a whole ``mien analyze`` on a clip repeated to one minute and to one hour.

The clip's packets are copied, not re-encoded; each analysis runs in a process of its own, reports included, and its
peak resident memory is asked of the operating system.

    python -m benchmarks.memory CLIP [--sample-hz 2] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import av

LENGTHS_SECONDS = {"minute": 60.0, "hour": 3600.0}


def repeat(clip: Path, seconds: float, target: Path) -> None:
    """Write ``clip`` over and over until the copy is ``seconds`` long."""
    with av.open(str(target), "w") as output:
        stream = None
        offset = 0
        while True:
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                if stream is None:
                    stream = output.add_stream_from_template(video)
                    stream.time_base = video.time_base
                latest = 0
                for packet in source.demux(video):
                    if packet.dts is None or packet.pts is None or packet.time_base is None:
                        continue
                    latest = max(latest, packet.pts + (packet.duration or 1))
                    packet.pts += offset
                    packet.dts += offset
                    packet.stream = stream
                    time_base = packet.time_base
                    output.mux(packet)
                offset += latest
                if offset * time_base >= seconds:
                    return


def peak_mib(clip: Path, sample_hz: float) -> float:
    """Peak resident memory of one analysis, MiB."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "mien", "analyze", str(clip), "--out", folder, "--quiet"]
        process = subprocess.Popen([*command, "--sample-hz", str(sample_hz)])
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            raise SystemExit(f"the analysis of {clip} failed")
        return usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--sample-hz", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, seconds in LENGTHS_SECONDS.items():
            long = Path(folder) / f"{name}.mp4"
            repeat(arguments.clip, seconds, long)
            peaks[name] = round(peak_mib(long, arguments.sample_hz), 1)
    growth = 100 * (peaks["hour"] / peaks["minute"] - 1)
    result = {"peak_mib": peaks, "growth_percent": round(growth, 1), "sample_hz": arguments.sample_hz}
    if arguments.json:
        print(json.dumps(result, indent=1))
    else:
        print(f"one minute {peaks['minute']} MiB, one hour {peaks['hour']} MiB: {growth:+.1f} %")


if __name__ == "__main__":
    main()
