"""What users would pick instead, on the same frames and in the same run, where it is installed (``make peers``)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mien.core.settings import SamplingSettings
from mien.sources import open_source

HERE: Final = Path(__file__).resolve().parent
FOLDER: Final = Path(os.environ.get("MIEN_PEERS", HERE.parents[1] / ".venv-peers"))
"""Where ``make peers`` installs them."""
FRAMES: Final = 60


@dataclass(frozen=True, slots=True)
class Peer:
    """What one peer took.

    Attributes:
        cpu_ms: a frame, every one searched and every face read, on one thread and without decoding; None where it
            failed or is not installed.
        faces: that it found and read, a frame.
        note: why there is no figure.
    """

    cpu_ms: float | None = None
    faces: float | None = None
    note: str = ""


def peers(clip: Path) -> dict[str, Peer]:
    """Each peer on frames of a clip, evenly spread over it; those that are not installed say so."""
    commands = _commands()
    found = {name: Peer(note="not installed: make peers") for name, command in commands.items() if command is None}
    installed = {name: command for name, command in commands.items() if command is not None}
    if not installed:
        return found
    frames = [frame.image for frame in open_source(str(clip), SamplingSettings(every_nth=5))]
    chosen = [frames[round(k)] for k in np.linspace(0, len(frames) - 1, min(FRAMES, len(frames)))]
    height, width = chosen[0].shape[:2]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "frames.raw"
        np.stack(chosen).tofile(path)
        for peer, command in installed.items():
            found[peer] = _run([*command, str(path), str(width), str(height), str(len(chosen))])
    return found


def classifier_ms(batches: Sequence[int]) -> dict[str, dict[str, float]]:
    """CPU milliseconds a face of the peers' classifiers alone, on one thread, by batch size; those not installed lack.

    Raises:
        subprocess.CalledProcessError: one that is installed failed.
    """
    python = FOLDER / "bin" / "python"
    if not python.exists():
        return {}
    command = [str(python), str(HERE / "fer_faces.py"), *map(str, batches)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return {"fer": json.loads(done.stdout.splitlines()[-1])}


def _run(command: Sequence[str]) -> Peer:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
        told = json.loads(done.stdout.splitlines()[-1])
        return Peer(float(told["cpu_ms"]), float(told["faces"]))
    except (subprocess.SubprocessError, OSError, ValueError, LookupError) as error:
        return Peer(note=f"failed: {type(error).__name__}")


def _commands() -> dict[str, list[str] | None]:
    python, modules = FOLDER / "bin" / "python", FOLDER / "node_modules"
    node = shutil.which("node") if (modules / "@vladmandic" / "human").is_dir() else None
    return {
        "fer": [str(python), str(HERE / "fer_frames.py")] if python.exists() else None,
        "human": [node, str(HERE / "human_frames.mjs"), str(modules)] if node else None,
    }
