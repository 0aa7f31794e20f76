"""What is wrong in a recipe's file is told in a sentence, whatever YAML and pydantic would make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from click.testing import CliRunner

from mien.cli import main
from mien.core.errors import SettingsError
from mien.training.recipe import Recipe, load_recipe
from mien.training.text.recipe import load_text_recipe

DATA = "data: {train: a, valid: b}\n"


def read(folder: Path, text: str) -> Recipe:
    (folder / "r.yaml").write_text("name: x\n" + text)
    return load_recipe(folder / "r.yaml")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("seed: 1\n" + DATA + "seed: 2\n", r"r\.yaml: line 4: seed is given in line 2 already"),
        (DATA + "schedule:\n  epochs: 3\n  'epochs': 4\n", "line 5: epochs is given in line 4 already"),
        (DATA + "options: {blocks: 1, blocks: 2}\n", "line 3: blocks is given in line 3 already"),
        (DATA + "name: y\n", "line 3: name is given in line 1 already"),
    ],
)
def test_a_name_that_is_given_twice_is_named_with_its_lines(text: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=named):
        read(tmp_path, text)


def test_what_is_merged_may_be_said_otherwise_beside_it(tmp_path: Path) -> None:
    plan = read(tmp_path, "data: {<<: {train: a, valid: c, balance: 0.5}, valid: b}\n")
    assert (plan.data.train, plan.data.valid, plan.data.balance) == (Path("a"), Path("b"), 0.5)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("options: {stem_stride: yes}", "options"),
        ("options: {widths: [8, on]}", "options"),
        ("schedule: {epochs: yes}", r"schedule\.epochs"),
        ("selection: {patience_epochs: off}", r"selection\.patience_epochs"),
        ("optimiser: {momentum: true}", r"optimiser\.momentum"),
        ("input: {mean: [yes]}", r"input\.mean"),
        ("loss: {class_weights: {anger: yes}}", r"loss\.class_weights"),
        ("augment: {flip: on}", "augment"),
        ("seed: no", "seed"),
    ],
)
def test_yes_is_no_number(text: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"{named}: yes, no, .* are no value here"):
        read(tmp_path, DATA + text)


def test_yes_is_taken_where_it_is_asked_for(tmp_path: Path) -> None:
    plan = read(tmp_path, "data: {train: a, valid: b, drop_copies: yes}\nmirror: on\nseed: 1\ncrop: {align: no}\n")
    assert (plan.mirror, plan.data.drop_copies, plan.crop.align, plan.seed) == (True, True, False, 1)


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        ("-1", "greater than or equal to 0"),
        (str(10**23), "less than 9223372036854775808"),
        (str(2**63), "less than 9223372036854775808"),
        ("2026-13-45", "valid integer"),
        ("2026-01-05", "valid integer"),
    ],
)
def test_a_seed_is_what_every_generator_takes(seed: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"seed: .*{said}"):
        read(tmp_path, f"{DATA}seed: {seed}\n")
    (tmp_path / "text.yaml").write_text(f"name: x\ndata: {{train: a}}\nseeds: [{seed}]\n")
    with pytest.raises(SettingsError, match=rf"seeds\.0: .*{said}"):
        load_text_recipe(tmp_path / "text.yaml")


def test_a_file_in_another_encoding_and_a_tag_that_fits_nothing_are_told_by_the_command(tmp_path: Path) -> None:
    plan = tmp_path / "r.yaml"
    for content, said in (
        ("name: x\n# für\n".encode("latin-1"), "line 2 is not UTF-8"),
        (b"name: !!int many\n", "r.yaml cannot be read as YAML: "),
        (b"seed: 1\nseed: 1\n", "line 2: seed is given in line 1 already"),
    ):
        plan.write_bytes(content)
        result = CliRunner().invoke(main, ["train", str(plan), "--out", str(tmp_path / "run")])
        assert result.exit_code == SettingsError.exit_code, result.output
        assert said in result.output
        assert not (tmp_path / "run").exists()
