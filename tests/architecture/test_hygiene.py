"""What no tracked file may hold, and how large one may be."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "mien"
STARTS = ROOT / "training" / "weights"
MODELS = PACKAGE / "models", STARTS
"""Where weights lie that are ours: what ships, and what training goes on from."""

MACHINE_PATH = re.compile(rb"(?:^|[^A-Za-z0-9._~/-])/(?:work|tmp|root|home|Users)/[A-Za-z]", re.MULTILINE)
REGISTRY_HOST = re.compile(
    rb"(?:pypi\.org|pythonhosted\.org|download\.pytorch\.org|registry\.npmjs|piwheels|artifactory|nexus)[/:\s\"']"
)
LARGEST_FILE_BYTES = 3_000_000
WEIGHTS_BYTES = 40_000_000
LONGEST_MODULE_LINES = 500
CODE = {".py", ".js", ".ts", ".tsx", ".css"}


def _ours() -> list[Path]:
    """Every file that is tracked, or would be if it were added."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout: there are no tracked files to look at")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def _matches(pattern: re.Pattern[bytes]) -> list[str]:
    found = []
    for path in _ours():
        content = path.read_bytes()
        for match in pattern.finditer(content):
            line = content.count(b"\n", 0, match.start() + 1) + 1
            found.append(f"{path.relative_to(ROOT)}:{line}: {match.group().decode(errors='replace').strip()}")
    return found


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert _matches(MACHINE_PATH) == []


def test_no_file_names_a_package_registry() -> None:
    assert _matches(REGISTRY_HOST) == []


@pytest.mark.parametrize("folder", ["work", "tmp", "root", "home", "Users"])
def test_a_planted_folder_is_found(folder: str) -> None:
    for text in (f'open("/{folder}/anna/clip.mp4")', f"/{folder}/anna", f"see\n/{folder}/anna"):
        assert MACHINE_PATH.search(text.encode())
    for text in (f"../{folder}/anna", f"https://example.org/{folder}/anna", f"src/{folder}/a", f"/{folder}"):
        assert not MACHINE_PATH.search(text.encode())


def test_a_planted_registry_is_found() -> None:
    assert REGISTRY_HOST.search(f"https://{'pypi'}.org/simple".encode())


def test_large_files_are_models_and_models_stay_small_together() -> None:
    large = [p for p in _ours() if p.stat().st_size > LARGEST_FILE_BYTES and not any(map(p.is_relative_to, MODELS))]
    assert large == []
    weights = sum(p.stat().st_size for p in _ours() if p.suffix in {".onnx", ".tflite", ".pt", ".npz"})
    assert weights < WEIGHTS_BYTES


def test_weights_that_training_goes_on_from_are_on_a_card() -> None:
    cards = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs" / "model-cards").glob("*.md"))
    assert [p.name for p in STARTS.iterdir() if f"training/weights/{p.name}" not in cards] == []


def test_modules_are_short_enough_to_read() -> None:
    modules = [p for p in _ours() if p.is_relative_to(PACKAGE) and p.suffix in CODE]
    lengths = {str(p.relative_to(ROOT)): p.read_text(encoding="utf-8").count("\n") for p in modules}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE_LINES} == {}


def test_only_the_command_line_prints() -> None:
    printing = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in PACKAGE.rglob("*.py")
        if not path.is_relative_to(PACKAGE / "cli")
        for line in _prints(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert printing == []


def _prints(tree: ast.Module) -> list[int]:
    """Lines that print, save in what runs as a script (``if __name__ == "__main__"``)."""
    library = [n for n in tree.body if not (isinstance(n, ast.If) and "__main__" in ast.unparse(n.test))]
    calls = [n for part in library for n in ast.walk(part) if isinstance(n, ast.Call)]
    return [n.lineno for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"]


def test_a_planted_print_is_found() -> None:
    assert _prints(ast.parse("def f():\n    print(1)\nif __name__ == '__main__':\n    print(2)")) == [2]
