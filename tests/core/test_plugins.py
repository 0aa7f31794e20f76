"""A file's name is its backend's name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mien import detectors
from mien.core.errors import SettingsError
from mien.core.plugins import KINDS, available, load


@pytest.mark.parametrize("kind", KINDS)
def test_every_public_file_of_a_kind_is_a_plug_in(kind: str) -> None:
    package = Path(detectors.__file__).parent.parent.joinpath(*kind.split("."))
    files = {p.stem for p in package.glob("*.py") if not p.stem.startswith("_")}
    assert set(available(kind)) == files
    assert list(available(kind)) == sorted(files)
    assert files


def test_a_plug_in_is_loaded_by_name() -> None:
    assert load("detectors", "yunet").__name__ == "mien.detectors.yunet"


@pytest.mark.parametrize("name", ["haar", "_boxes", "", "yunet.WEIGHTS", "../core/errors"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(SettingsError, match=r"unknown detector .*: choose one of blazeface, centerface, mtcnn, yunet"):
        load("detectors", name)


def test_listing_imports_none() -> None:
    code = "import sys; from mien.core.plugins import available; available('detectors'); print('cv2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_plug_in_that_cannot_be_imported_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needy.py").write_text("import a_package_that_nobody_has\n")
    monkeypatch.setattr(detectors, "__path__", [*detectors.__path__, str(tmp_path)])
    assert "needy" in available("detectors")
    with pytest.raises(SettingsError, match="'needy' cannot be loaded: No module named 'a_package_that_nobody_has'"):
        load("detectors", "needy")
