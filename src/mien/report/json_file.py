"""Writes ``report.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from mien.core.privacy import assert_no_personal_keys
from mien.report.document import Findings
from mien.report.files import whole_text_file
from mien.report.parts import TimelineRow


def json_text(findings: Findings, rows: Iterable[TimelineRow]) -> Iterator[str]:
    """The document piece by piece, the timeline one row a line; rows are taken one at a time.

    Raises:
        PolicyError: a key would tell about one person; do not keep what came before.
    """
    told = findings.model_dump(mode="json")
    assert_no_personal_keys(told)
    head = json.dumps(told, indent=2, ensure_ascii=False)
    yield head.removesuffix("\n}")
    yield ',\n  "timeline": ['
    separator = "\n    "
    for row in rows:
        line = row.model_dump(mode="json", exclude_none=True)
        assert_no_personal_keys(line)
        yield separator + json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        separator = ",\n    "
    yield "\n  ]\n}\n"


def write_json(findings: Findings, rows: Iterable[TimelineRow], path: Path) -> None:
    """Write a report; see :func:`json_text`.

    Raises:
        PolicyError: a key would tell about one person; nothing is left behind.
        OutputError: the file cannot be written; nothing of it is left behind.
    """
    with whole_text_file(path) as file:
        file.writelines(json_text(findings, rows))
