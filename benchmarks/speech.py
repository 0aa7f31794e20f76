"""The transcriber's figures: word error rate on the shared readings, speed, and memory over a long recording.

python -m benchmarks.speech [--data ../shared/data/speech] [--model tiny.en] [--long-minutes 30]
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np

from mien.evaluation.speech import WordErrors, word_errors
from mien.language.audio import SAMPLE_RATE_HZ, AudioFile
from mien.language.transcribing import TranscriberOptions, open_transcriber, transcribe

KENNEDY = "And so my fellow Americans ask not what your country can do for you ask what you can do for your country"
LINE = re.compile(r"<s> (.*) </s> \((.*)\)")


def samples(data: Path) -> list[tuple[Path, str]]:
    """Recordings and what is said in them."""
    text = (data / "librivox" / "transcription").read_text(encoding="utf-8")
    books = [(data / "librivox" / f"{name}.wav", said) for said, name in LINE.findall(text)]
    return [(data / "jfk.flac", KENNEDY), *books]


def repeated(recordings: list[Path], minutes: float, target: Path) -> None:
    """The recordings over and over, a second apart, as FLAC."""
    pause = np.zeros(SAMPLE_RATE_HZ, np.float32)
    once = np.concatenate([part for path in recordings for part in (*AudioFile(path), pause)])
    with av.open(str(target), "w") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE_HZ, layout="mono")
        whole = (np.clip(once, -1, 1) * 32767).astype(np.int16)[None]
        for _ in range(round(minutes * 60 * SAMPLE_RATE_HZ / len(once))):
            frame = av.AudioFrame.from_ndarray(whole, format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE_HZ
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def child(path: Path, model: str) -> tuple[float, float]:
    """Peak resident memory, MiB, and processor seconds of a whole ``mien transcribe``."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "mien", "transcribe", str(path), "--model", model]
        process = subprocess.Popen([*command, "--out", f"{folder}/a.json"], stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            raise SystemExit(f"{path} could not be transcribed")
        return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/speech"))
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--long-minutes", type=float, default=30.0)
    arguments = parser.parse_args()
    listener = open_transcriber(options=TranscriberOptions(arguments.model))
    books = WordErrors(0, 0, 0, 0)
    spent, heard = 0.0, 0.0
    recordings = samples(arguments.data)
    print("| recording | words | substituted | deleted | inserted | word error rate |\n|---|---|---|---|---|---|")
    for path, said in recordings:
        started = time.process_time()
        told = transcribe(path, listener)
        spent, heard = spent + time.process_time() - started, heard + told.duration_seconds
        found = word_errors(said, told.text)
        books = books + found if path.parent.name == "librivox" else books
        print(row(path.stem, found))
    print(row("LibriVox, all", books))
    print(f"\nprocessor time: {spent / heard:.2f} s a second of sound, one thread, model loaded")
    with tempfile.TemporaryDirectory() as folder:
        for minutes in (1.0, arguments.long_minutes):
            long = Path(folder) / f"{minutes:g}.flac"
            repeated([path for path, _ in recordings], minutes, long)
            mib, seconds = child(long, arguments.model)
            print(f"{minutes:g} min: peak memory {mib:.0f} MiB, processor time {seconds:.0f} s")


def row(name: str, found: WordErrors) -> str:
    """One line of the table."""
    errors = f"{found.substituted} | {found.deleted} | {found.inserted}"
    return f"| {name} | {found.words} | {errors} | {100 * found.rate:.1f} % |"


if __name__ == "__main__":
    main()
