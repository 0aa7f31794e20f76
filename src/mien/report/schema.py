"""The JSON Schemas of ``report.json``, ``comparison.json`` and ``release.json``, kept in the package as :data:`FILES`.

``python -m mien.report.schema report`` (or ``comparison``, ``release``) prints one anew after its document changed.
"""

from __future__ import annotations

import json
import sys
from importlib import resources
from typing import Any, Final, Literal

from pydantic import BaseModel

from mien.report import comparison, document, release

Name = Literal["report", "comparison", "release"]

FILES: Final[dict[Name, str]] = {
    "report": "report.schema.json",
    "comparison": "comparison.schema.json",
    "release": "release.schema.json",
}
_MODELS: Final[dict[Name, tuple[str, type[BaseModel]]]] = {
    "report": (document.SCHEMA_ID, document.Report),
    "comparison": (comparison.SCHEMA_ID, comparison.ComparisonDocument),
    "release": (release.SCHEMA_ID, release.ReleaseDocument),
}


def generate(name: Name = "report") -> dict[str, Any]:
    """The schema of what is written, from the models."""
    address, model = _MODELS[name]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address,
        **model.model_json_schema(mode="serialization" if name == "release" else "validation"),
    }


def text(name: Name = "report") -> str:
    """The generated schema as it is kept."""
    return json.dumps(generate(name), indent=2, ensure_ascii=False) + "\n"


def packaged(name: Name = "report") -> str:
    """The schema that this package carries."""
    return (resources.files("mien.report") / FILES[name]).read_text(encoding="utf-8")


if __name__ == "__main__":
    asked = sys.argv[1:] or ["report"]
    print("".join(text(name) for name in FILES if name in asked), end="")
