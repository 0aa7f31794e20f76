"""ONNX Runtime sessions, built one way: bounded threads, fixed order of operations, quiet.

A GPU is a faster execution provider of the same graph. Which provider ran is part of a report's provenance.

ONNX Runtime from 1.31 on reports usage to its maker unless told not to before it is imported: it keeps a device
identifier and a queue of events on the disk. Mien tells it not to, which is why nothing else may import it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from mien.core.errors import WeightsError
from mien.core.settings import InferenceSettings

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

# Where an application has imported it before, this stops what can still be stopped.
ort.disable_telemetry_events()

RUNTIME = f"ONNX Runtime {ort.__version__}"
"""Name and version of what runs the graphs."""

PREFERRED_PROVIDERS = (
    "CUDAExecutionProvider",
    "CoreMLExecutionProvider",
    "OpenVINOExecutionProvider",
    "DmlExecutionProvider",
    "CPUExecutionProvider",
)
"""In order of preference; the first one that this installation offers, and that starts, runs the graph.

TensorRT is never chosen by itself: it builds an engine, for minutes, for every size of picture. It runs where it is
asked for by name."""


def available_providers() -> tuple[str, ...]:
    """Execution providers of this installation, best first."""
    offered = ort.get_available_providers()
    return tuple(p for p in PREFERRED_PROVIDERS if p in offered)


def open_session(model: bytes, name: str, settings: InferenceSettings) -> ort.InferenceSession:
    """An inference session over a model's bytes.

    Args:
        model: a serialised ONNX graph, already verified.
        name: what to call it in an error.
        settings: threads and providers.

    Raises:
        WeightsError: the bytes are not a graph this runtime can run, or a provider is not installed.
    """
    providers: Sequence[str] = settings.providers or available_providers()
    missing = [p for p in providers if p not in ort.get_available_providers()]
    if missing:
        raise WeightsError(
            f"execution provider {', '.join(missing)} is not installed; this machine has "
            f"{', '.join(ort.get_available_providers())}. Install the matching onnxruntime package or choose another."
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.use_deterministic_compute = True
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(model, options, providers=list(providers))
    except Exception as error:
        raise WeightsError(
            f"{name} is not a model ONNX Runtime {ort.__version__} can load: {str(error).splitlines()[0]}"
        ) from error
