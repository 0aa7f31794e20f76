"""Keys of services out of the user's own ``.env``."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.cli._keys import take_keys
from mien.core.errors import SettingsError


def test_keys_of_services_are_taken_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DEEPGRAM_API_KEY='dg'\nexport GOOGLE_API_KEY=gg # ours\nPATH=/elsewhere\n")
    environment = {"PATH": "/bin"}
    take_keys(environment, tmp_path / ".env")
    assert environment == {"PATH": "/bin", "DEEPGRAM_API_KEY": "dg", "GOOGLE_API_KEY": "gg"}


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GOOGLE_API_KEY=file\nDEEPGRAM_API_KEY=\n")
    environment = {"GOOGLE_API_KEY": "mine"}
    take_keys(environment, tmp_path / ".env")
    assert environment == {"GOOGLE_API_KEY": "mine"}


def test_without_the_file_nothing_happens(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    take_keys(environment, tmp_path / ".env")
    assert environment == {}


def test_a_line_that_is_none_is_named_without_what_it_says(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GOOGLE_API_KEY=gg\nmy secret\n")
    with pytest.raises(SettingsError, match=r"\.env, line 2: write NAME=value") as caught:
        take_keys({}, tmp_path / ".env")
    assert "secret" not in str(caught.value)
