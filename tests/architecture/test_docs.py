"""What the documents say is so: links lead somewhere, tables match the code, figures belong to what ships."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mien import models
from mien.cli import main
from mien.core.errors import MienError
from mien.core.settings import DEFAULT_CLASSIFIER, PROFILES
from mien.report import FILES, ZONES_FILE
from mien.report.fex import FILE as FEX_FILE

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"(?:\]\(|src=\")(?!https?://|#|mailto:)([^)#\s\"]+)")


def rows(page: Path, heading: str) -> list[list[str]]:
    """Cells of every table row under a heading, without head and rule."""
    section = page.read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row] for row in table[2:]]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert broken == []


def test_exit_codes_are_documented_as_they_are() -> None:
    def classes(error: type[MienError]) -> Iterator[type[MienError]]:
        yield error
        for child in error.__subclasses__():
            yield from classes(child)

    from_code = {
        error.__name__: error.exit_code for error in classes(MienError) if error.__module__.startswith("mien.core")
    }
    told = rows(DOCS / "reference" / "cli.md", "Exit codes")
    assert {name: int(code) for code, name, _ in told if name} == from_code
    assert {int(code) for code, name, _ in told if not name} == {0, 12, 130}
    assert len(set(from_code.values())) == len(from_code), "a script tells errors apart by their codes"


def test_every_command_is_documented() -> None:
    text = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    missing = [name for name in main.list_commands(click.Context(main)) if f"`mien {name}" not in text]
    assert missing == []


def test_every_report_is_documented() -> None:
    told = {row[0] for row in rows(DOCS / "reference" / "cli.md", "What `analyze` writes")}
    assert told == {
        *FILES,
        ZONES_FILE,
        "annotated.mp4",
        "faces.csv",
        FEX_FILE,
        "report.pdf",
        "shock_report.json",
        "timeline.parquet",
    }


def test_the_readme_shows_every_profile_with_its_smallest_group() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("### Profiles", 1)[1].split("\n## ", 1)[0]
    told = {name: int(group) for name, group in re.findall(r"^\| `(\w+)`[^|]*\|[^|]*\| (\d+) \|", text, re.MULTILINE)}
    assert told == {name: profile.audience.min_group for name, profile in PROFILES.items()}


def test_figures_of_the_classifier_are_of_the_one_that_ships() -> None:
    folder = models.bundled()[DEFAULT_CLASSIFIER]
    shipped = json.loads((folder / "preprocess.json").read_text(encoding="utf-8"))["model_sha256"]
    for page in (DOCS / "claims.md", DOCS / "model-cards" / f"{DEFAULT_CLASSIFIER}.md"):
        told = re.search(r"model `([0-9a-f]+)`", page.read_text(encoding="utf-8"))
        assert told is not None, page
        assert shipped.startswith(told[1]), f"the shipped model changed: measure the figures in {page.name} again"


def test_figures_of_the_text_classifier_are_of_the_one_that_ships() -> None:
    folder = models.bundled_text()[models.DEFAULT_TEXT_CLASSIFIER]
    shipped = json.loads((folder / "text.json").read_text(encoding="utf-8"))["model_sha256"]
    page = DOCS / "model-cards" / f"{models.DEFAULT_TEXT_CLASSIFIER}.md"
    told = re.findall(r"model `([0-9a-f]+)`", page.read_text(encoding="utf-8"))
    assert len(told) == 2
    assert all(shipped.startswith(digits) for digits in told), "the shipped model changed: measure its figures again"


def test_every_shipped_model_has_its_card() -> None:
    cards = {page.stem for page in (DOCS / "model-cards").glob("*.md")}
    assert {*models.bundled(), *models.bundled_text()} <= cards


def test_the_pinned_stack_is_told_as_it_is_tested() -> None:
    pins = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    claims = (DOCS / "claims.md").read_text(encoding="utf-8").split("## Pinned stack", 1)[1]
    assert f"opencv-python-headless {pins['opencv-python-headless']}" in claims
    assert f"| DEP15 | NumPy 1.26.4 | {pins['numpy']} |" in claims
    assert f"ONNX Runtime {pins['onnxruntime']}" in claims
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert f"torch {extras['train'][0].removeprefix('torch==')}" in claims


def test_every_dependency_is_pinned_for_the_tests_and_from_no_named_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {re.split("==", line)[0].lower().replace("_", "-") for line in lines}
    assert {re.split(r"[<>=!\[ ]", need)[0].lower().replace("_", "-") for need in wanted} <= pinned
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.+!]+", line)] == []


def test_decisions_are_numbered_in_order() -> None:
    numbers = [int(page.name[:4]) for page in sorted((DOCS / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
