"""Who may import whom: the table, and a reader of import statements that finds what breaks it.

It sees every ``import`` of a file, those inside functions and under ``TYPE_CHECKING`` too. It catches accidents, not
intent: a module loaded by a computed name escapes it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

FACES = "mien.core.faces"
ANYTHING = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class Layer:
    """What one top-level module or package of ``mien`` may import.

    Attributes:
        imports: other top-level modules of ``mien``; its own are always allowed.
        faces: whether it may name ``core.faces``, where pixels, boxes and tracks live.
        reason: why it is so.
    """

    imports: frozenset[str]
    faces: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module and where."""

    module: str
    line: int
    at_start: bool
    star: bool = False


def _layer(imports: str, reason: str, *, faces: bool = False) -> Layer:
    return Layer(frozenset(imports.split()), faces, reason)


_STAGE = "a stage knows the vocabulary and no other stage: the pipeline alone knows their order"
_PAST_THE_GATE = "past the gate there are audience statistics only"
_STAGES = (
    "light sources detectors classifiers preprocess quality tracking smoothing headposes zones aggregation calibration"
)
_OVER_SERVICE = (
    f"core weights models inference {_STAGES} hall metrics analysis store streams telemetry language scholar report "
    "sinks pipeline assembly runtime measuring contents evaluation"
)

LAYERS: dict[str, Layer] = {
    "__init__": _layer("", "importing mien costs nothing"),
    "__main__": _layer("cli", "python -m mien is the command line"),
    "core": _layer("", "the vocabulary needs nobody", faces=True),
    "weights": _layer("core", "files are found, fetched and verified without knowing what they are for"),
    "models": _layer("", "folders of the shipped models, and where they are"),
    "inference": _layer("core", "one way to open a neural network (decision 0002)"),
    "tflite": _layer("core", "one way to convert what another runtime's graphs say (decision 0020)"),
    "decoding": _layer("core", "packets are taken apart one way, whether they hold pictures or sound"),
    "pictures": _layer(
        "core", "pictures are taken apart one way, whether they are played, measured or learned from", faces=True
    ),
    "yaml_file": _layer("core", "what a person writes is read one way, and what is wrong in it told by its line"),
    "light": _layer("core", _STAGE, faces=True),
    "sources": _layer("core decoding pictures yaml_file", _STAGE, faces=True),
    "detectors": _layer("core inference tflite", _STAGE, faces=True),
    "classifiers": _layer("core inference preprocess", _STAGE + "; a model's input is normalised one way", faces=True),
    "preprocess": _layer("core", _STAGE, faces=True),
    "quality": _layer("core", _STAGE, faces=True),
    "tracking": _layer("core", _STAGE, faces=True),
    "smoothing": _layer("core", _STAGE, faces=True),
    "headposes": _layer("core inference preprocess tflite", _STAGE + "; a network's crop is cut one way", faces=True),
    "zones": _layer("core yaml_file", _STAGE, faces=True),
    "aggregation": _layer("core", _STAGE + "; this one is the gate", faces=True),
    "calibration": _layer("core", _STAGE + "; beside the gate, and as close", faces=True),
    "face_views": _layer("core", "shapes of faces for callers inside the process, never serialised", faces=True),
    "hall": _layer("core", _PAST_THE_GATE),
    "metrics": _layer("core", _PAST_THE_GATE),
    "analysis": _layer("core", _PAST_THE_GATE),
    "store": _layer("core", _PAST_THE_GATE + "; it hands out records, never rows (decision 0026)"),
    "streams": _layer("core", _PAST_THE_GATE),
    "telemetry": _layer("core", "observers outside the data path see no face"),
    "language": _layer(
        "core decoding inference models weights", "what was said is no business of faces (decisions 0018, 0019)"
    ),
    "scholar": _layer(
        "core weights", "key terms go out and nothing else: it can see no report, no transcript, no face"
    ),
    "report": _layer("core analysis store streams", _PAST_THE_GATE),
    "sinks": _layer("core analysis store streams", _PAST_THE_GATE),
    "pipeline": _layer(f"core {_STAGES} metrics", "the only place that knows the order of stages", faces=True),
    "assembly": _layer(
        f"core weights models inference {_STAGES} pipeline",
        "builds a pipeline from names, for every entry point (decision 0005); it stands before the gate",
        faces=True,
    ),
    "runtime": _layer(
        "core pipeline zones aggregation hall telemetry",
        "executes steps; sinks and observers are handed in",
        faces=True,
    ),
    "contents": _layer("core language scholar", "what was said, for the command line and for workers (decision 0031)"),
    "measuring": _layer(
        "core assembly runtime",
        "one recording from its source to its analysis, for the command line and for workers (decision 0031)",
        faces=True,
    ),
    "evaluation": _layer(
        "core pictures preprocess classifiers detectors pipeline report",
        "scores what serving runs, and tells it in the looks of the reports (decision 0013)",
        faces=True,
    ),
    "conversion": _layer(
        "core inference classifiers evaluation report",
        "converts what serving runs, and compares it as evaluation does, without torch (decision 0028)",
        faces=True,
    ),
    "training": _layer(
        "core weights yaml_file inference preprocess classifiers detectors pipeline evaluation language conversion "
        "report",
        "trains on what serving crops, checks what it exports as serving will run it (decision 0002), and writes whole "
        "files as evaluation does",
        faces=True,
    ),
    "service": _layer(_OVER_SERVICE, "frames go in as encoded bytes"),
    "edge": _layer(_OVER_SERVICE, "frames go in as encoded bytes"),
    "cluster": _layer(_OVER_SERVICE, "frames go in as encoded bytes"),
    "cli": Layer(ANYTHING, True, "the entry point puts everything together, lazily"),
}

FACES_FILES: dict[str, str] = {
    "report/overlay.py": "draws faces on one's own footage, on explicit request",
    "report/annotated_video.py": "writes that overlay as a video, on explicit request",
    "report/live_page.py": "shows that overlay to this machine while it is filmed, on explicit request",
    "report/face_log.py": "writes a table of faces, on explicit request",
    "report/fex.py": "writes that table in py-feat's columns, on explicit request",
}
"""Files that may name ``core.faces`` although their layer may not: each shows faces and was asked for."""

CORE_LIBRARIES = {"numpy", "pydantic"}
LIBRARY_HOMES: dict[str, tuple[str, ...]] = {
    "torch": ("training",),
    "onnxruntime": ("inference",),
    "opendp": ("analysis",),
    "transformers": ("language",),
    "faster_whisper": ("language",),
    "sqlalchemy": ("store",),
    "alembic": ("store",),
    "asyncpg": ("store",),
    "aiosqlite": ("store",),
    "fastapi": ("service",),
    "starlette": ("service",),
    "uvicorn": ("service",),
    "jwt": ("service",),
    "pwdlib": ("service",),
    "limits": ("service",),
    "yaml": ("yaml_file", "cli"),
}
"""Libraries that only these layers may import: torch is no dependency of ours, sessions are opened one way, and noise
is drawn in one place (decision 0017), SQL is sent from one place (decision 0026), Redis spoken to from one (decision
0030), and YAML read in one, which refuses what PyYAML takes in silence (the command line writes it)."""
TOOLS = {
    "onnxruntime.quantization": ("conversion", "training"),
    "onnxruntime.transformers.float16": ("conversion",),
}
"""Parts of such a library that others may import: changing a graph's numbers opens no session of ours."""
TORCH_PROBES = {"cli/train.py", "cli/text.py"}
"""May ask whether torch is installed."""

CLI_AT_START = ("click", "mien.cli", "mien.core.errors", "mien.core.policy", "mien.core.settings")
"""What a module of the command line may import before a command runs, beside the standard library."""


def violations(path: PurePosixPath, source: str) -> list[str]:
    """What in one file breaks the table.

    Args:
        path: of the file inside the package, such as ``report/html.py``.
        source: its text.

    Returns:
        One sentence a violation; none for a file in order.
    """
    layer_name = path.parts[0].removesuffix(".py")
    layer = LAYERS.get(layer_name)
    if layer is None:
        return [
            f"{path}: '{layer_name}' is not in the table of layers. Decide what it may import and add it to LAYERS in "
            "tests/architecture/layers.py, with a decision record in docs/decisions."
        ]
    found = []
    for imported in _imports(path, source):
        problem = _problem(path, layer_name, layer, imported)
        if problem:
            found.append(f"{path}:{imported.line}: {problem}")
    return found


def _problem(path: PurePosixPath, layer_name: str, layer: Layer, imported: Import) -> str | None:
    name = imported.module
    first, *rest = name.split(".")
    if imported.star:
        return f"imports everything from {name}: name what is used"
    if first == "mien":
        target = rest[0] if rest else "__init__"
        if target not in LAYERS:
            return f"imports {name}, and '{target}' is not in the table of layers"
        allowed = {layer_name, "__init__", *layer.imports}
        if target not in allowed and layer.imports != ANYTHING:
            known = ", ".join(sorted(layer.imports)) or "nothing of ours"
            return f"imports {name}, but {layer_name} may import {known}: {layer.reason}"
        if f"{name}.".startswith(f"{FACES}.") and not (layer.faces or str(path) in FACES_FILES):
            return f"names {FACES}: {layer.reason}"
    elif first not in sys.stdlib_module_names:
        if layer_name == "core" and first not in CORE_LIBRARIES:
            return f"imports {name}, but core may import the standard library, NumPy and pydantic"
        homes = LIBRARY_HOMES.get(first)
        tool = any(f"{name}.".startswith(f"{part}.") and layer_name in layers for part, layers in TOOLS.items())
        probe = first == "torch" and str(path) in TORCH_PROBES
        if homes and layer_name not in homes and not tool and not probe:
            return f"imports {name}, which only {', '.join(homes)} may"
    if layer_name == "cli" and imported.at_start and not _may_start(name):
        return f"imports {name} when the command line starts: import it inside the function that needs it"
    return None


def _may_start(name: str) -> bool:
    if name.split(".")[0] in sys.stdlib_module_names or name == "mien":
        return True
    return any(name == allowed or name.startswith(f"{allowed}.") for allowed in CLI_AT_START)


def _imports(path: PurePosixPath, source: str) -> Iterator[Import]:
    yield from _of_statements(ast.parse(source).body, path, at_start=True)


def _of_statements(nodes: list[ast.stmt] | list[ast.AST], path: PurePosixPath, *, at_start: bool) -> Iterator[Import]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, at_start)
        elif isinstance(node, ast.ImportFrom):
            yield from _of_from(node, path, at_start=at_start)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from _of_statements(node.body, path, at_start=False)
            yield from _of_statements(node.orelse, path, at_start=at_start)
        else:
            runs_now = at_start and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _of_statements(list(ast.iter_child_nodes(node)), path, at_start=runs_now)


def _of_from(node: ast.ImportFrom, path: PurePosixPath, *, at_start: bool) -> Iterator[Import]:
    module = node.module or ""
    if node.level:
        package = ("mien", *path.parent.parts)
        base = package[: len(package) - node.level + 1]
        module = ".".join([*base, *([module] if module else [])])
    for alias in node.names:
        if alias.name == "*":
            yield Import(module, node.lineno, at_start, star=True)
        elif module == "mien" and alias.name in LAYERS:
            yield Import(f"mien.{alias.name}", node.lineno, at_start)
        elif module == "mien.core" or (module == "mien" and not alias.name.startswith("__")):
            yield Import(f"{module}.{alias.name}", node.lineno, at_start)
        else:
            yield Import(module, node.lineno, at_start)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"
