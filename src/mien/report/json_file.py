"""Writes ``report.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from mien.report.document import Findings, TimelineRow
from mien.report.files import whole_text_file


def write_json(findings: Findings, rows: Iterable[TimelineRow], path: Path) -> None:
    """Write a report, the timeline one row a line; rows are taken one at a time.

    Raises:
        OutputError: the file cannot be written; nothing of it is left behind.
    """
    head = json.dumps(findings.model_dump(mode="json"), indent=2, ensure_ascii=False)
    with whole_text_file(path) as file:
        file.write(head.removesuffix("\n}"))
        file.write(',\n  "timeline": [')
        separator = "\n    "
        for row in rows:
            file.write(separator + row.model_dump_json(exclude_none=True))
            separator = ",\n    "
        file.write("\n  ]\n}\n")
