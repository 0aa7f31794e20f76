"""``mien sign`` and ``mien verify``: what they say, and how they exit."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mien.cli import main
from mien.report import write_reports
from tests.report.factory import CREATED, one_person


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture
def report(tmp_path: Path) -> Path:
    write_reports(one_person(), tmp_path / "out", created=CREATED)
    return tmp_path / "out" / "report.json"


def test_from_a_new_key_to_an_altered_report(report: Path, tmp_path: Path) -> None:
    key, public = tmp_path / "studio", tmp_path / "studio.pub"
    assert run("verify", report).exit_code == 3
    signed = run("sign", report, "--key", key, "--new-key")
    assert (signed.exit_code, signed.stderr) == (0, "")
    assert f"{public}: public key, to be given away" in signed.stdout
    assert "whose key that is, only --key can tell" in run("verify", report).stdout
    assert run("verify", report, "--key", public).stdout.endswith(f"signed by the holder of {public}\n")

    text = report.read_text()
    report.write_text(text.replace('"demo": false', '"demo": true'))
    altered = run("verify", report, "--key", public)
    assert (altered.exit_code, altered.stdout) == (10, "")
    assert "was altered" in altered.stderr

    report.write_text(text)
    run("sign", report, "--key", tmp_path / "other", "--new-key")
    assert run("verify", report).exit_code == 0
    assert run("verify", report, "--key", public).exit_code == 11


def test_a_report_that_is_not_there_makes_no_key(tmp_path: Path) -> None:
    done = run("sign", tmp_path / "absent.json", "--key", tmp_path / "k", "--new-key")
    assert done.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_is_not_there_is_named(report: Path, tmp_path: Path) -> None:
    done = run("sign", report, "--key", tmp_path / "k")
    assert done.exit_code == 3
    assert f"cannot read {tmp_path / 'k'}" in done.stderr
    assert not report.with_name("report.json.sig").exists()
