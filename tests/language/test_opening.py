"""Text classifiers by name."""

from __future__ import annotations

import builtins
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mien import models
from mien.core.errors import InputError, SettingsError
from mien.language.opening import open_text_classifier


def test_the_default_is_the_one_that_ships() -> None:
    assert open_text_classifier().name == models.DEFAULT_TEXT_CLASSIFIER


def test_an_unknown_name_lists_what_there_is(tmp_path: Path) -> None:
    for name in ("mien-txt", str(tmp_path / "none")):
        with pytest.raises(InputError, match=r"shipped model \(mien-text\).*hf:NAME"):
            open_text_classifier(name)


def test_a_hub_model_without_the_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "transformers":
            raise ImportError("No module named 'transformers'")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SettingsError, match=r"pip install 'mien\[huggingface\]'"):
        open_text_classifier("hf:someone/some-model")


def test_reading_texts_loads_no_torch() -> None:
    code = """
import sys
from mien.core.labels import TEXT_EKMAN
from mien.language.opening import open_text_classifier
open_text_classifier().classify(["fine"], TEXT_EKMAN)
print([module for module in ("torch", "transformers") if module in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
