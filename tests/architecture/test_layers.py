"""The layer table holds: privacy is an import rule."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

import mien
from tests.architecture.layers import ANYTHING, FACES_FILES, LAYERS, violations

PACKAGE = Path(mien.__file__).parent
FILES = sorted(PurePosixPath(p.relative_to(PACKAGE).as_posix()) for p in PACKAGE.rglob("*.py"))
HEAVY = ("av", "cv2", "jinja2", "onnx", "onnxruntime", "rich.progress", "torch", "yaml")


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_imports_only_what_its_layer_may(path: PurePosixPath) -> None:
    assert violations(path, (PACKAGE / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source", "told"),
    [
        ("core/audience.py", "import cv2", "core may import the standard library, NumPy and pydantic"),
        ("core/audience.py", "from mien.pipeline import Pipeline", "core may import nothing of ours"),
        ("core/audience.py", "from ..tracking import Tracker", "imports mien.tracking"),
        ("analysis/series.py", "from mien.core.faces import Frame", "names mien.core.faces"),
        ("analysis/series.py", "from mien.core import audience, faces", "names mien.core.faces"),
        ("analysis/series.py", "import mien.core.faces as vocabulary", "names mien.core.faces"),
        ("analysis/series.py", "from mien import core, pipeline", "imports mien.pipeline"),
        ("report/html.py", "from mien.core.faces import Faces", "past the gate"),
        ("report/html.py", "def late():\n    from mien.core.faces import Faces", "names mien.core.faces"),
        ("report/html.py", "if TYPE_CHECKING:\n    from mien.core.faces import Faces", "names mien.core.faces"),
        (
            "report/html.py",
            "try:\n    from ..core.faces import Faces\nexcept ImportError:\n    pass",
            "mien.core.faces",
        ),
        ("report/html.py", "from mien.face_views import face_record", "imports mien.face_views"),
        ("sinks/jsonl.py", "import mien.aggregation", "imports mien.aggregation"),
        ("sinks/jsonl.py", "from .. import core, quality", "imports mien.quality"),
        ("inference.py", "from mien.core.faces import Frame", "names mien.core.faces"),
        ("tracking.py", "from mien.smoothing import smooth", "tracking may import core"),
        ("detectors/yunet.py", "from mien.preprocess import crop_faces", "imports mien.preprocess"),
        ("detectors/yunet.py", "import onnxruntime", "which only inference may"),
        ("detectors/yunet.py", "from onnxruntime.quantization import quantize_static", "which only inference may"),
        ("training/export.py", "from onnxruntime import InferenceSession", "which only inference may"),
        ("pipeline.py", "from mien.runtime.analyze import analyze", "imports mien.runtime.analyze"),
        (
            "runtime/analyze.py",
            "from mien.report import write_reports",
            "runtime may import aggregation, core, hall, pipeline, telemetry",
        ),
        ("evaluation/accuracy.py", "import torch", "which only training may"),
        ("evaluation/accuracy.py", "from mien.training.train import train", "imports mien.training.train"),
        ("service/app.py", "from mien.core.faces import Frame", "encoded bytes"),
        ("service/app.py", "from mien.training.train import train", "imports mien.training.train"),
        ("quality.py", "from mien.core.settings import *", "imports everything from mien.core.settings"),
        ("cli/analyze.py", "import cv2", "inside the function"),
        ("cli/analyze.py", "import numpy as np", "inside the function"),
        ("cli/analyze.py", "class Command:\n    from mien.assembly import assemble", "inside the function"),
        ("karaoke.py", "", "add it to LAYERS"),
        ("pipeline.py", "from mien.karaoke import sing", "not in the table"),
        ("pipeline.py", "from mien import karaoke", "not in the table"),
    ],
)
def test_a_planted_violation_is_found(path: str, source: str, told: str) -> None:
    found = violations(PurePosixPath(path), source)
    assert len(found) == 1
    assert told in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/audience.py", "import zlib\nimport numpy as np\nfrom pydantic import BaseModel\nfrom . import labels"),
        ("detectors/yunet.py", "from mien.core.faces import Faces\nfrom mien.inference import open_session"),
        ("report/overlay.py", "from mien.core.faces import FrameReading"),
        ("report/html.py", "from mien.analysis.series import Series\nfrom . import wording"),
        ("cli/analyze.py", "import click\ndef command():\n    import cv2\n    from mien.pipeline import Pipeline"),
        ("cli/analyze.py", "if TYPE_CHECKING:\n    from mien.core.faces import FrameSource"),
        ("runtime/analyze.py", "from mien import __version__"),
        ("training/export.py", "from onnxruntime.quantization import quantize_static"),
    ],
)
def test_what_is_in_order_passes(path: str, source: str) -> None:
    assert violations(PurePosixPath(path), source) == []


def test_the_table_is_closed_and_gives_reasons() -> None:
    for name, layer in LAYERS.items():
        assert layer.reason, name
        assert layer.imports == ANYTHING or layer.imports <= LAYERS.keys(), name
    assert all(FACES_FILES.values())
    assert {path.split("/")[0] for path in FACES_FILES} == {"report"}


def test_layers_do_not_import_each_other_in_circles() -> None:
    def below(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"circle: {' -> '.join([*path, name])}"
        if LAYERS[name].imports != ANYTHING:
            for other in LAYERS[name].imports:
                below(other, (*path, name))

    for name in LAYERS:
        below(name, ())


def test_the_command_line_starts_without_anything_heavy() -> None:
    modules = [f"mien.cli.{p.stem}" for p in sorted((PACKAGE / "cli").glob("*.py")) if p.stem != "__init__"]
    code = (
        f"import importlib, sys\nfor name in {modules!r}:\n    importlib.import_module(name)\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
