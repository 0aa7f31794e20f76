"""Shapes of what is sent: keys in their order, and types; golden files say what they are to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden"


def shape_of(value: Any) -> Any:
    """The same document with the name of each value's type in its place."""
    if isinstance(value, dict):
        return {key: shape_of(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape_of(inner) for inner in value]
    if value is None:
        return "null"
    return {bool: "boolean", int: "integer", float: "number", str: "string"}[type(value)]


def is_golden(text: str, name: str) -> bool:
    """Whether a document has the keys, in their order, and the types of a golden file."""
    golden = json.loads((GOLDEN / f"{name}.json").read_text())
    return json.dumps(shape_of(json.loads(text))) == json.dumps(golden)
