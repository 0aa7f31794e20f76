"""A settings file that means something else than it seems to is refused, and nothing in one ends in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.core.errors import InputError, SettingsError
from mien.yaml_file import read_yaml


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: 1\nb: {c: 1, c: 2}\n", "line 2: c is given in line 2 already: leave one out"),
        (b"a: 1\n'a': 2\n", "line 2: a is given in line 1 already"),
        ("a: 1\n# für\n".encode("latin-1"), "line 2 is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "line 1 is not UTF-8"),
        (b"a: \x00", "cannot be read as YAML"),
        (b"a: [", "cannot be read as YAML"),
        (b"a: 1\n---\na: 2\n", "cannot be read as YAML"),
        (b"a: !!int many", "cannot be read as YAML"),
        (b"a: !!bool many", "cannot be read as YAML"),
        (b"a: !!timestamp many", "cannot be read as YAML"),
        (b"a: !!timestamp 2026-13-45", "cannot be read as YAML"),
        (b"a: !!int ''", "cannot be read as YAML"),
        (b"a: " + b"[" * 5000, "nested too deeply"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_sentence(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        read_yaml(path, "the settings")
    assert f"the settings {path}" in str(caught.value)
    assert told in str(caught.value)


def test_what_looks_like_a_date_is_text_and_a_mapping_may_be_merged_into_another(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("\ufeffday: 2026-13-45\na: &a {b: 1, c: 2}\nd: {<<: *a, b: 3}\n", encoding="utf-8")
    assert read_yaml(path, "the settings") == {"day": "2026-13-45", "a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}}
    path.write_text("")
    assert read_yaml(path, "the settings") is None


def test_a_file_that_cannot_be_opened_is_an_input_error(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.yaml", tmp_path):
        with pytest.raises(InputError, match=f"cannot read the settings {path}: .* Check the path"):
            read_yaml(path, "the settings")
