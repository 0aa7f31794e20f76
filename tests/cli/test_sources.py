"""``mien sources``: what it tells, and whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mien.cli import main
from mien.scholar import SERVICES
from mien.scholar.source import KEY_VARIABLES, address_variable
from tests.scholar.answers import WORKS
from tests.scholar.servers import Said, Servers, servers


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, no e-mail address and no cache of whoever runs the tests."""
    for name in ("MIEN_OFFLINE", "MIEN_CONTACT_EMAIL", *KEY_VARIABLES.values()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))


def run(made: Servers, *args: Any) -> Result:
    addresses = {address_variable(service): f"{made.address}/{service}" for service in SERVICES}
    return CliRunner().invoke(main, ["sources", *map(str, args)], env=addresses)


def test_works_are_told_with_where_they_were_found_and_searches_to_follow() -> None:
    with servers() as made:
        done = run(made, "emotion recognition, cinema audience")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "1. Emotion recognition of cinema audiences in the dark (2021)"
    assert lines[1] == "   Ada Lindqvist, Bo Ruiz, The Hall Consortium; Journal of Audience Studies"
    assert lines[2].startswith("   https://doi.org/10.5555/hall.2021.7   relevance 0.")
    assert lines[2].endswith("found in OpenAlex, Crossref, arXiv, Semantic Scholar")
    assert "  Google Scholar  https://scholar.google.com/scholar?q=" in done.stdout
    assert done.stderr.strip() == (
        "Asking OpenAlex, Crossref, arXiv, Semantic Scholar: emotion recognition, cinema audience"
    )


def test_terms_are_separated_by_commas_or_given_apart() -> None:
    with servers() as made:
        told = json.loads(run(made, "fear; joy,\ncinema", "dark hall", "--json").stdout)
    assert told["terms"] == ["fear", "joy", "cinema", "dark hall"]


def test_json_holds_what_was_found() -> None:
    with servers(crossref=Said(404)) as made:
        done = run(made, "cinema, laughter", "--json", "--limit", 2)
    told = json.loads(done.stdout)
    assert set(told) == {"terms", "offline", "sources", "links", "failures"}
    assert len(told["sources"]) == 2
    assert told["failures"] == [{"service": "crossref", "reason": "answered 404 Not Found"}]
    assert "Crossref answered 404 Not Found." in done.stderr


def test_a_text_ranks_and_stays_here(tmp_path: Path) -> None:
    talk = tmp_path / "talk.txt"
    talk.write_text("Emotion recognition in the dark, says Philomena of the zeppelin.", encoding="utf-8")
    with servers() as made:
        plain = json.loads(run(made, "cinema", "--json", "--no-cache").stdout)
        told = json.loads(run(made, "cinema", "--json", "--no-cache", "--text", talk).stdout)
    assert plain["sources"][0]["title"] == "Where people sit in a cinema"
    assert told["sources"][0]["title"] == "Emotion recognition of cinema audiences in the dark"
    assert not any("zeppelin" in asked.target.lower() for asked in made.asked)


def test_offline_asks_nobody_and_recalls_what_was_found(tmp_path: Path) -> None:
    with servers() as made:
        nothing = run(made, "cinema", "--offline")
        assert (nothing.exit_code, made.asked) == (0, [])
        assert nothing.stdout.startswith("No works are remembered of these terms.\nSearch further:\n")
        assert nothing.stderr.strip() == "Offline: no service was asked."
        online = run(made, "cinema")
        assert run(made, "cinema", "--offline").stdout == online.stdout
        assert len(made.asked) == 4


def test_no_cache_remembers_nothing(tmp_path: Path) -> None:
    with servers() as made:
        run(made, "cinema", "--no-cache")
    assert not (tmp_path / "cache").exists()


def test_one_service_may_be_asked_alone_and_told_who_asks() -> None:
    with servers() as made:
        run(made, "cinema", "--service", "crossref", "--contact", "ada@example.org", "--since", 2020)
    (asked,) = made.asked
    assert (asked.service, asked.query["mailto"]) == ("crossref", ["ada@example.org"])
    assert asked.query["filter"] == ["from-pub-date:2020"]


def test_the_year_reaches_the_searches_to_follow() -> None:
    with servers() as made:
        told = json.loads(run(made, "cinema", "--since", 2023, "--json").stdout)
    assert "as_ylo=2023" in told["links"][0]["url"]


def test_everything_failing_is_told_and_no_error() -> None:
    with servers(**dict.fromkeys(WORKS, Said(403))) as made:
        done = run(made, "cinema")
    assert done.exit_code == 0
    assert done.stdout.startswith("Nobody could tell of works.")
    assert done.stderr.count("answered 403 Forbidden.") == 4


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["cinema", "--text", "nowhere.txt"], 3, "cannot read nowhere.txt"),
        ([","], 2, "say what to look for"),
        (["cinema", "--service", "google"], 2, "choose one of arxiv, crossref, openalex, semantic_scholar"),
        (["cinema", "--contact", "ada"], 2, "no e-mail address"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_done_is_told_with_a_code(args: list[str], code: int, told: str) -> None:
    with servers() as made:
        done = run(made, *args)
    assert done.exit_code == code
    assert told in done.stderr
    assert made.asked == []
