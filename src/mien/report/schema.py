"""The JSON Schema of ``report.json``, kept in the package as ``report.schema.json``.

``python -m mien.report.schema`` prints it anew after :mod:`mien.report.document` changed.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, Final

from mien.report.document import SCHEMA_ID, Report

FILE: Final = "report.schema.json"


def generate() -> dict[str, Any]:
    """The schema of what is written, from the models."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **Report.model_json_schema(mode="validation"),
    }


def text() -> str:
    """The generated schema as it is kept."""
    return json.dumps(generate(), indent=2, ensure_ascii=False) + "\n"


def packaged() -> str:
    """The schema that this package carries."""
    return (resources.files("mien.report") / FILE).read_text(encoding="utf-8")


if __name__ == "__main__":
    print(text(), end="")
