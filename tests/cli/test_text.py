"""``mien text``: texts from the command line and from files, and figures."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mien.cli import main
from mien.core.labels import TEXT_EKMAN, TEXT_ORIGINAL


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["text", *map(str, arguments)], input=stdin)


def test_a_text_is_answered_with_its_label_and_every_probability() -> None:
    done = run("I love this film!")
    assert (done.exit_code, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    assert first.split()[0] == "joy"
    assert {line.split()[0] for line in rest} == set(TEXT_EKMAN.labels)


def test_json_has_the_words_of_texts_and_of_faces() -> None:
    done = run("Thank you!", "This is gross.", "--labels", "original", "--json")
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["label"] == "gratitude"
    assert first["score"] == max(first["scores"].values())
    assert set(first["scores"]) == set(TEXT_ORIGINAL.labels)
    assert max(first["faces"], key=first["faces"].get) == "happiness"
    assert max(second["faces"], key=second["faces"].get) == "disgust"


def test_a_file_becomes_json_lines_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_bytes("I am scared!\r\n\n这个电影\nnine o'clock\u2028still one line\n".encode())
    done = run("--file", tmp_path / "texts.txt", "--out", tmp_path / "out.jsonl")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"4 texts, 2 of them unread: {tmp_path / 'out.jsonl'}\n"
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    assert [record["line"] for record in records] == [1, 2, 3, 4]
    assert [record["label"] for record in records[:3]] == ["fear", "unread", "unread"]
    assert [record.get("reason") for record in records] == [
        None, "empty", "the model knows too few of its characters", None,
    ]  # fmt: skip
    assert records[0]["text"] == "I am scared!"


def test_a_line_that_is_too_long_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("x" * 20_001 + "\nfine\n")
    first, second = map(json.loads, run("--file", tmp_path / "texts.txt").stdout.splitlines())
    assert (first["label"], first["reason"]) == ("unread", "longer than 20,000 characters")
    assert second["label"] != "unread"


def test_labels_are_withheld_below_the_threshold_asked_for() -> None:
    assert run("I love this film!", "--uncertain-below", "1", "--json").stdout.count('"uncertain"') == 1


def test_figures_of_a_labelled_file(tmp_path: Path) -> None:
    (tmp_path / "set.tsv").write_text(
        "I love it!\t3\tid\nI am so scared\t2\tid\nThe lecture starts at nine in room four.\t4\tid\n"
    )
    document = json.loads(run("evaluate", tmp_path / "set.tsv", "--labels", "ekman", "--json").stdout)
    assert document["macro_f1"] == 1
    assert document["classes"]["joy"]["f1"] == 1
    assert document["texts"] == 3
    assert "macro F1 1.000" in run("evaluate", tmp_path / "set.tsv").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--file", "none.txt"), 3, "cannot read none.txt"),
        (("fine", "--model", "none"), 3, "no text classifier 'none'"),
        (("fine", "--file", "none.txt"), 2, "say what to read"),
        (("fine", "--out", "out.jsonl"), 2, "--out is for the lines of --file"),
        (("read",), 2, "say what to read"),
        (("evaluate", "none.tsv"), 3, "cannot read none.tsv"),
        pytest.param(
            *(("train", "none.yaml", "--out", "out"), 3, "cannot read the recipe none.yaml"),
            marks=pytest.mark.skipif(find_spec("torch") is None, reason="training needs the extra [train] (torch)"),
        ),
    ],
)
def test_what_cannot_be_done_is_told(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr


def test_results_have_their_name_only_when_they_are_whole(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("fine\n")
    done = run("--file", tmp_path / "texts.txt", "--out", tmp_path / "none" / "out.jsonl")
    assert (done.exit_code, "cannot write" in done.stderr) == (8, True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["texts.txt"]


def test_another_language_is_told_with_its_reason(tmp_path: Path) -> None:
    german = "Gestern habe ich meine Schlüssel verloren und niemand konnte mir helfen"
    alone = run(german)
    assert alone.stdout == "unread: it is not in English, which is all that the model reads\n"
    (tmp_path / "a.txt").write_text(f"{german}\n", encoding="utf-8")
    done = run("--file", tmp_path / "a.txt")
    assert json.loads(done.stdout)["reason"] == "it is not in English, which is all that the model reads"
    assert done.stderr.strip().endswith("1 text, 1 of them unread")


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("What a night!\n")
    (tmp_path / "link.txt").symlink_to("a.txt")
    for out, code in (("a.txt", 2), ("link.txt", 2), ("nowhere/b.jsonl", 8)):
        done = run("--file", tmp_path / "a.txt", "--out", tmp_path / out)
        assert done.exit_code == code, done.stderr
    assert (tmp_path / "a.txt").read_text() == "What a night!\n"
