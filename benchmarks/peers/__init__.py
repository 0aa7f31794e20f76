"""What users would pick instead, on the same frames and in the same run, where it is installed (``make peers``)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from mien.core.faces import UInt8Array

HERE: Final = Path(__file__).resolve().parent
FOLDER: Final = Path(os.environ.get("MIEN_PEERS", HERE.parents[1] / ".venv-peers"))
"""Where ``make peers`` installs them."""
FRAMES: Final = 60


def peers_ms(frames: Sequence[UInt8Array]) -> dict[str, float]:
    """CPU milliseconds a frame of each peer that is installed, on one thread; at most 60 frames, evenly spread.

    Args:
        frames: uint8 RGB, all of one size.
    """
    commands = _commands()
    if not commands:
        return {}
    chosen = [frames[round(k)] for k in np.linspace(0, len(frames) - 1, min(FRAMES, len(frames)))]
    height, width = chosen[0].shape[:2]
    found = {}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "frames.raw"
        np.stack(chosen).tofile(path)
        for peer, command in commands.items():
            done = subprocess.run(
                [*command, str(path), str(width), str(height), str(len(chosen))],
                capture_output=True, text=True, check=True, timeout=600,
            )  # fmt: skip
            found[peer] = float(json.loads(done.stdout.splitlines()[-1])["cpu_ms"])
    return found


def _commands() -> dict[str, list[str]]:
    commands, python, modules = {}, FOLDER / "bin" / "python", FOLDER / "node_modules"
    if python.exists():
        commands["fer"] = [str(python), str(HERE / "fer_frames.py")]
    if (modules / "@vladmandic" / "human").is_dir() and shutil.which("node"):
        commands["human"] = ["node", str(HERE / "human_frames.mjs"), str(modules)]
    return commands
