"""Cards, claims and pictures are what their evaluations say: no figure is written by hand."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from benchmarks import classifier as benchmark
from benchmarks import cost
from mien.core.errors import InputError, SettingsError
from mien.core.settings import DEFAULT_CLASSIFIER
from mien.evaluation.card import render_card
from mien.evaluation.evaluate import Evaluation, read_evaluation
from mien.evaluation.groups import AttributeReport, GroupReport, GroupScore
from mien.models import bundled

ROOT = Path(__file__).resolve().parents[2]
CARDS = ROOT / "docs" / "model-cards"
GENERATED = "measure again with 'python -m benchmarks.classifier --write', or write again with '--render'"


def stored(name: str) -> Evaluation:
    return read_evaluation(CARDS / f"{name}.evaluation.json")


@pytest.fixture(params=sorted(bundled()))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_an_evaluation_is_of_the_model_that_ships(name: str) -> None:
    shipped = json.loads((bundled()[name] / "preprocess.json").read_text(encoding="utf-8"))
    evaluation = stored(name)
    assert evaluation.model.sha256 == shipped["model_sha256"], GENERATED
    told = evaluation.operating_points["balanced"].reason
    assert told == shipped["operating_points"]["balanced"]["reason"], GENERATED


def test_a_card_is_its_evaluation_and_its_hand_written_part(name: str) -> None:
    assert (CARDS / f"{name}.md").read_text(encoding="utf-8") == benchmark.card(benchmark.read_measured(name), CARDS), (
        GENERATED
    )


def test_the_hand_written_part_holds_no_measured_figure(name: str) -> None:
    """Percentages, and decimals that are no setting of a recipe, come from the evaluation."""
    text = (CARDS / f"{name}.md.j2").read_text(encoding="utf-8")
    assert re.findall(r"\d+(?:\.\d+)? ?%(?!\})", text) == []


def test_a_card_says_what_is_unresolved_about_its_pictures(name: str) -> None:
    text = (CARDS / f"{name}.md").read_text(encoding="utf-8")
    for told in ("FER2013", "never\ncleared", "Apache-2.0", "## Recipe", "## Operating points", "disgust"):
        assert told in text


def test_the_claims_are_the_evaluations() -> None:
    page = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    block = benchmark.BLOCK.search(page)
    assert block is not None
    assert block[0] == benchmark.claims([benchmark.read_measured(name) for name in benchmark.shipped()]), GENERATED


def test_the_picture_is_drawn_from_them() -> None:
    drawn = (ROOT / "docs" / "images" / "accuracy-cost.svg").read_text(encoding="utf-8")
    assert drawn == cost.draw([stored(name) for name in benchmark.shipped()]), GENERATED
    tree = ElementTree.fromstring(drawn)
    words = " ".join("".join(node.itertext()) for node in tree.iter())
    for peer in ("fer 25.10: 67.2 %", "face-api 1.7: 68.9 %", f"{DEFAULT_CLASSIFIER}: "):
        assert peer in words


def test_the_readme_shows_the_picture() -> None:
    assert "docs/images/accuracy-cost.svg" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_protocols_keep_the_published_faces(name: str) -> None:
    evaluation = stored(name)
    assert (evaluation.argmax8.faces, evaluation.majority8.faces) == (3555, 3191)


def test_a_card_of_somebodys_own_model_has_every_figure_too(name: str) -> None:
    text = render_card(stored(name), bundled()[name])
    for heading in ("## Figures", "## Operating points", "## Robustness", "## Groups"):
        assert heading in text
    assert "Not told" in text


def test_a_hand_written_part_extends_another_beside_it(tmp_path: Path) -> None:
    (tmp_path / "all.md.j2").write_text("{{ e.model.name }} is {% block what %}unknown{% endblock %}.\n")
    mine = tmp_path / "mine.md.j2"
    mine.write_text('{% extends "all.md.j2" %}{% block what %}mine{% endblock %}')
    name = DEFAULT_CLASSIFIER
    assert render_card(stored(name), bundled()[name], mine) == f"{name} is mine.\n"
    mine.write_text('{% extends "nowhere.md.j2" %}')
    with pytest.raises(SettingsError, match=r"nowhere\.md\.j2"):
        render_card(stored(name), bundled()[name], mine)
    with pytest.raises(InputError, match="cannot read the hand-written part"):
        render_card(stored(name), bundled()[name], tmp_path / "absent.md.j2")


def test_a_card_tells_the_faces_behind_a_groups_figures_and_withholds_too_few(name: str) -> None:
    told = GroupScore(40, 0.5, (0.4, 0.6), None, None, None, None, 31, 9, 0, 33)
    before = GroupScore(40, 0.5, (0.4, 0.6), 0.25, None, None, 0.1)
    groups = GroupReport(30, {"light": AttributeReport({"bright": told, "dim": before, "dusk": None}, None, 0)})
    card = render_card(stored(name).model_copy(update={"groups": groups}), bundled()[name])
    assert "| bright | 40 | 50.0 % (40.0 to 60.0) of 31 | withheld of 9 |" in card
    assert "| dim | 40 | 50.0 % (40.0 to 60.0) | 25.0 % |" in card
    assert "| dusk | fewer than 30 | withheld | withheld |" in card
