"""TensorFlow's converter and runtimes, which live in a virtual environment of their own and are called as a program.

They want other versions of what Mien stands on, and weigh more than a gigabyte: no extra of Mien installs them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

from mien.conversion.comparison import Run
from mien.core.errors import SettingsError, WeightsError
from mien.core.faces import FloatArray

VARIABLE: Final = "MIEN_EXPORT_TOOLS"
FOLDER: Final = ".venv-export"
PROGRAM: Final = Path(__file__).with_name("tensorflow_tool.py")
PINS: Final = Path(__file__).with_name("tensorflow_tool.txt")
RESULTS: Final = {"savedmodel": "saved_model"}
TIMEOUT_SECONDS: Final = 1800


def find(environment: Mapping[str, str] | None = None) -> Path:
    """Python of the tools' virtual environment: ``MIEN_EXPORT_TOOLS``, or ``.venv-export`` beside Mien's own.

    Args:
        environment: variables; the process's when None.

    Raises:
        SettingsError: there is none, or it lacks the converter.
    """
    named = (os.environ if environment is None else environment).get(VARIABLE)
    folder = Path(named) if named else Path(sys.prefix).parent / FOLDER
    python = next((p for p in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if p.is_file()), None)
    if python is None:
        raise SettingsError(
            f"TensorFlow's formats need tools that are not here: there is no virtual environment in {folder}. Make it "
            f"with 'make export-tools'; without a checkout, make one, 'pip install -c {PINS} onnx2tf' into it, "
            f"and name it in {VARIABLE}."
        )
    return python


def convert(model: onnx.ModelProto, to: str, folder: Path, ranges: FloatArray | None) -> Path:
    """Write an ONNX graph of floats as TFLite or SavedModel into a folder, pictures channel-last.

    Args:
        model: its graph.
        to: ``tflite``, ``tflite-fp16``, ``tflite-int8`` or ``savedmodel``.
        folder: where ``model.tflite`` or ``saved_model`` goes.
        ranges: float32 N×C×S×S, faces for the ranges of integers; None for floats.

    Raises:
        SettingsError: the tools are missing.
        WeightsError: they cannot convert it.
    """
    result = folder / RESULTS.get(to, "model.tflite")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        onnx.save(model, work / "model.onnx")
        if ranges is not None:
            np.save(work / "ranges.npy", ranges)
        _ask(
            work,
            do="build",
            to=to,
            graph=str(work / "model.onnx"),
            work=str(work),
            result=str(result),
            ranges=None if ranges is None else str(work / "ranges.npy"),
        )
    return result


def run(model: Path, inputs: FloatArray, *, batches: Sequence[int]) -> Run:
    """A converted model in its own runtime, on one thread.

    Args:
        model: from :func:`convert`.
        inputs: float32 N×C×S×S.
        batches: batch sizes to time.

    Raises:
        WeightsError: its runtime cannot run it.
    """
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        faces, outputs = work / "faces.npy", work / "outputs.npy"
        np.save(faces, inputs)
        reply = _ask(work, do="run", result=str(model), faces=str(faces), outputs=str(outputs), batches=list(batches))
        return Run(reply["runtime"], np.load(outputs), reply["cpu_ms_per_face"])


def _ask(place: Path, **request: Any) -> dict[str, Any]:
    python = find()
    path = place / "request.json"
    path.write_text(json.dumps(request), encoding="utf-8")
    # Isolated: neither Mien's packages nor the working folder may stand in for the tools'.
    command = [str(python), "-I", str(PROGRAM), str(path)]
    try:
        done = subprocess.run(
            command, cwd=place, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WeightsError(f"the export tools did not answer: {error}") from error
    if done.returncode != 0:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no word")
        if "ModuleNotFoundError" in last:
            raise SettingsError(f"the export tools in {python.parents[1]} are incomplete ({last}): 'make export-tools'")
        raise WeightsError(f"the export tools cannot {request['do']} it (exit {done.returncode}): {last}")
    reply: dict[str, Any] = json.loads((place / "reply.json").read_text(encoding="utf-8"))
    return reply
