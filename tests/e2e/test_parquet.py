"""``mien analyze --parquet``: the table with types beside the table."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
from PIL import Image

from tests.e2e.support import mien


def test_the_timeline_is_also_parquet_when_asked_for(tmp_path: Path) -> None:
    Image.fromarray(np.full((120, 160, 3), 90, np.uint8)).save(tmp_path / "grey.png")
    plain = mien("analyze", tmp_path / "grey.png", "--out", tmp_path / "plain", "--quiet")
    assert plain.returncode == 0, plain.stderr
    assert not (tmp_path / "plain" / "timeline.parquet").exists()

    ran = mien("analyze", tmp_path / "grey.png", "--out", tmp_path / "out", "--parquet", "--quiet")
    assert ran.returncode == 0, ran.stderr
    with duckdb.connect() as connection:
        asked = "SELECT state, frames, fear_percent FROM read_parquet(?)"
        rows = connection.execute(asked, [str(tmp_path / "out" / "timeline.parquet")]).fetchall()
    assert rows == [("no_face", 1, None)]
