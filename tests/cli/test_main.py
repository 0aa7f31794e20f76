"""The frame of the command line: what it lists, what it imports, how it exits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import mien.cli
from mien import __version__
from mien.cli import LazyGroup, main

HEAVY = ("cv2", "onnxruntime", "numpy", "av", "pydantic", "rich")


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_every_command_with_a_summary_and_imports_none() -> None:
    code = f"""
import json, sys
from mien.cli import main
main(["--help"], standalone_mode=False)
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]), file=sys.stderr)
"""
    done = python(code)
    assert json.loads(done.stderr) == []
    files = {p.stem.replace("_", "-") for p in Path(mien.cli.__path__[0]).glob("*.py") if not p.stem.startswith("_")}
    listed = dict(line.split(None, 1) for line in done.stdout.split("Commands:\n")[1].splitlines() if line.strip())
    assert set(listed) == files
    assert all(listed.values())


def test_every_file_exposes_its_command_and_its_help_opens_with_the_listed_summary() -> None:
    context = click.Context(main)
    assert isinstance(main, LazyGroup)
    listing = CliRunner().invoke(main, ["--help"], terminal_width=500, max_content_width=500).output
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert isinstance(command, click.Command)
        assert command.get_short_help_str(400) in listing


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_a_command_is_called_by_its_own_name(flag: str) -> None:
    assert CliRunner().invoke(main, ["models", flag], prog_name="mien").output.startswith("Usage: mien models ")


def test_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"mien {__version__}\n"


def test_python_m_mien_is_mien() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mien", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("Usage: mien ")


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(main, ["analyse-everything"])
    assert result.exit_code == 2
    assert "No such command" in result.stderr


def test_an_error_the_user_can_act_on_is_a_message_and_its_exit_code() -> None:
    result = CliRunner().invoke(main, ["models", "pull", "huge"])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: no registered file 'huge'")
    assert "Traceback" not in result.stderr


def test_ctrl_c_exits_with_130() -> None:
    code = """
import sys, types, click
from mien.cli import main

@click.command()
def command():
    raise KeyboardInterrupt

module = types.ModuleType("mien.cli.models")
module.command = command
sys.modules["mien.cli.models"] = module
main(["models"])
"""
    done = python(code)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_a_command_whose_package_is_missing_says_which() -> None:
    done = python("import sys; sys.modules['mien.cli.models'] = None; from mien.cli import main; main(['models'])")
    assert done.returncode == 2
    assert "'mien models' cannot be loaded" in done.stderr
