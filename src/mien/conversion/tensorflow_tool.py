"""Converts to TensorFlow's formats and runs them; the program of another virtual environment, which has no Mien.

``python tensorflow_tool.py REQUEST.json`` does what the request says (see :mod:`mien.conversion.tools`) and writes its
reply beside it. Arrays go through files of NumPy's.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 64
ROUNDS = 5
LEAST_SECONDS = 0.03


def build(request: dict[str, Any]) -> dict[str, Any]:
    """``graph`` (ONNX, floats) as ``to`` at ``result``; ``ranges`` (npy, N×C×S×S or null) are faces for integers."""
    import onnx2tf
    import tensorflow as tf

    result, saved = Path(request["result"]), Path(request["work"]) / "saved_model"
    onnx2tf.convert(
        input_onnx_file_path=request["graph"],
        output_folder_path=str(saved),
        not_use_onnxsim=True,
        non_verbose=True,
        output_signaturedefs=True,
    )
    if request["to"] == "savedmodel":
        result.mkdir()
        for name in ("saved_model.pb", "variables", "assets", "fingerprint.pb"):
            if (saved / name).exists():
                shutil.move(saved / name, result / name)
        return {}
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    if request["to"] != "tflite":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if request["to"] == "tflite-fp16":
        converter.target_spec.supported_types = [tf.float16]
    if request["to"] == "tflite-int8":
        faces = _channels_last(np.load(request["ranges"]))

        def shown() -> Iterator[list[Any]]:
            for row in range(len(faces)):
                yield [faces[row : row + 1]]

        converter.representative_dataset = shown
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    result.write_bytes(converter.convert())
    return {}


def run(request: dict[str, Any]) -> dict[str, Any]:
    """``result`` over ``faces`` (npy, N×C×S×S): outputs to ``outputs`` (npy, N×K), processor time by ``batches``."""
    faces = _channels_last(np.load(request["faces"]))
    path = Path(request["result"])
    runtime, outputs = _saved_model(path) if path.is_dir() else _lite(path)
    told = [outputs(faces[start : start + BATCH]) for start in range(0, len(faces), BATCH)]
    np.save(request["outputs"], np.concatenate(told).astype(np.float32))
    speed = {}
    for batch in request["batches"]:
        some = faces[np.arange(batch) % len(faces)]
        speed[str(batch)] = min(_cpu_ms(outputs, some) / batch for _ in range(ROUNDS))
    return {"runtime": runtime, "cpu_ms_per_face": speed}


def _saved_model(path: Path) -> tuple[str, Callable[[Any], Any]]:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = tf.saved_model.load(str(path))
    signature = model.signatures["serving_default"]
    (entrance,) = signature.structured_input_signature[1]

    def outputs(faces: Any) -> Any:
        # The signature alone does not keep its variables alive.
        assert model is not None
        (answer,) = signature(**{entrance: tf.constant(faces)}).values()
        return answer.numpy()

    return f"TensorFlow {tf.__version__}", outputs


def _lite(path: Path) -> tuple[str, Callable[[Any], Any]]:
    from importlib.metadata import version

    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    entrance = interpreter.get_input_details()[0]["index"]

    def outputs(faces: Any) -> Any:
        if tuple(interpreter.get_input_details()[0]["shape"]) != faces.shape:
            interpreter.resize_tensor_input(entrance, faces.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(entrance, faces)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    return f"LiteRT {version('ai-edge-litert')}", outputs


def _channels_last(faces: Any) -> Any:
    return np.ascontiguousarray(faces.transpose(0, 2, 3, 1), np.float32)


def _cpu_ms(outputs: Callable[[Any], Any], faces: Any) -> float:
    """Mean processor time of a call, over as many calls as the clock needs to tell it."""
    calls, started = 0, time.process_time()
    while True:
        outputs(faces)
        calls += 1
        spent = time.process_time() - started
        if spent >= LEAST_SECONDS:
            return 1e3 * spent / calls


def main(path: Path) -> None:
    """Do what a request says. What libraries print goes to the standard error output."""
    request = json.loads(path.read_text(encoding="utf-8"))
    with contextlib.redirect_stdout(sys.stderr):
        reply = {"build": build, "run": run}[request["do"]](request)
    path.with_name("reply.json").write_text(json.dumps(reply), encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    main(Path(sys.argv[1]))
