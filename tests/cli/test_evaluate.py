"""``mien evaluate`` from faces to JSON, page and card, and its errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from mien.cli import main
from mien.cli.evaluate import CURVE_POINTS, LEAST_ACCURACY_PERCENT, LEAST_FEAR_PRECISION_PERCENT
from mien.core.labels import COMPOUND12
from mien.evaluation.evaluate import read_evaluation
from mien.evaluation.operating import BalanceRule
from mien.evaluation.robustness import RobustnessOptions, steps_of
from mien.models import bundled
from tests.conversion.nets import answering_nan, coloured_faces, described, one_at_a_time, seeing_colour
from tests.evaluation.votes import cast, pictures

QUICK = ("--no-speed", "--robustness-faces", "0", "--quiet")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    faces = pictures(cast(120))
    path = tmp_path_factory.mktemp("set") / "faces.npz"
    np.savez(path, images=faces.images, votes=faces.votes)
    return path


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a model that is only described, whose graph lies elsewhere."""
    return described(seeing_colour(tmp_path / "theirs"), monkeypatch)


def test_the_json_has_the_keys_that_scripts_read(data: Path) -> None:
    result = run("mien-m", data, "--json", "--robustness-faces", 0, "--quiet")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    for protocol in ("majority8", "argmax8", "majority7", "argmax7", "majority5", "argmax5"):
        told = document[protocol]
        assert 0 <= told["accuracy"] <= 1
        assert 0 <= told["macro_recall"] <= 1
        low, high = told["interval"]
        assert low <= told["accuracy"] <= high
    assert 0 <= document["ece"] <= 1
    assert set(document["ms_per_face"]) == {"1", "8", "32"}
    assert all(ms > 0 for ms in document["ms_per_face"].values())
    assert set(document["operating_points"]) == {"plain", "balanced"}
    assert document["robustness"] is None


def test_a_folder_gets_a_page_and_json_that_read_back(data: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups.csv"
    groups.write_text("row,light\n" + "".join(f"{i},{'dim' if i % 2 else 'bright'}\n" for i in range(100)))
    result = run("mien-m", data, "--out", tmp_path / "out", "--groups", groups, *QUICK[:1], "--robustness-faces", 10)
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["evaluation.html", "evaluation.json"]
    told = read_evaluation(tmp_path / "out" / "evaluation.json")
    assert told.robustness is not None
    assert told.robustness.faces == 10
    assert told.groups is not None
    assert told.groups.attributes["light"].groups["dim"] is not None
    page = (tmp_path / "out" / "evaluation.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_a_card_without_a_hand_written_part_says_what_is_not_told(data: Path, tmp_path: Path) -> None:
    assert run("mien-m", data, "--card", tmp_path / "card.md", *QUICK).exit_code == 0
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "# Model card: mien-m" in text
    assert "Not told" in text


def test_the_hand_written_part_beside_a_card_is_found_and_filled_in(data: Path, tmp_path: Path) -> None:
    (tmp_path / "card.md.j2").write_text("{{ e.model.name }} read {{ e.data.faces }} faces.\n")
    assert run("mien-m", data, "--card", tmp_path / "card.md", *QUICK).exit_code == 0
    assert (tmp_path / "card.md").read_text() == "mien-m read 120 faces.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("mien-m", "{data}", "--least-accuracy-percent", "70"), 2, "--fit-balanced"),
        (("mien-m", "{data}", "--card", "nowhere/c.md"), 8, "nowhere"),
        (("nobody", "{data}"), 3, "no classifier 'nobody'"),
        (("mien-m", "nowhere.npz"), 3, "nowhere.npz"),
        (("mien-m", "{data}", "--about", "x.j2"), 2, "--card"),
        (("mien-m", "{data}", "--groups", "nowhere.csv"), 3, "no such table of groups"),
        (("mien-m", "{data}", "--card", "c.md", "--about", "nowhere.j2", *QUICK), 3, "nowhere.j2"),
        (
            ("mien-m", "{data}", "--provider", "NowhereExecutionProvider"),
            7,
            "NowhereExecutionProvider is not installed",
        ),
    ],
)
def test_errors_say_what_was_wrong(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*(a.format(data=data) for a in arguments))
    assert result.exit_code == code
    assert said in result.output


def test_a_template_that_asks_for_what_there_is_not_is_refused_and_nothing_is_left(data: Path, tmp_path: Path) -> None:
    (tmp_path / "card.md.j2").write_text("{{ e.age_of_the_faces }}")
    result = run("mien-m", data, "--card", tmp_path / "card.md", *QUICK)
    assert result.exit_code == 2
    assert "age_of_the_faces" in result.output
    assert not (tmp_path / "card.md").exists()


def test_pictures_that_nobody_named_are_refused(tmp_path: Path) -> None:
    votes = np.zeros((5, 10), np.uint8)
    votes[:, 9] = 10
    np.savez(tmp_path / "empty.npz", images=np.zeros((5, 48, 48), np.uint8), votes=votes)
    result = run("mien-m", tmp_path / "empty.npz", *QUICK)
    assert result.exit_code == 4
    assert "no face of it has an emotion" in result.output


def test_a_balanced_point_is_stored_with_the_model_and_nothing_else_changes(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(bundled()["mien-m"], folder)
    before = json.loads((folder / "preprocess.json").read_text())
    del before["operating_points"]
    (folder / "preprocess.json").write_text(json.dumps(before))
    assert "balanced operating point" not in run(folder, data, *QUICK).stdout
    anything = ("--least-accuracy-percent", 0, "--least-fear-precision-percent", 0)
    assert run(folder, data, "--fit-balanced", *anything).exit_code == 0
    after = json.loads((folder / "preprocess.json").read_text())
    points = after.pop("operating_points")
    assert set(points) == {"balanced"}
    assert f"faces of {data.parent.name}/faces.npz" in points["balanced"]["reason"]
    assert after == before
    assert "balanced operating point" in run(folder, data, *QUICK).stdout


def test_a_balanced_point_judged_by_the_faces_that_it_was_chosen_on_is_told(data: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bundled()["mien-m"], tmp_path / "mine"))
    anything = ("--least-accuracy-percent", 0, "--least-fear-precision-percent", 0)
    assert run(folder, data, "--fit-balanced", *anything).exit_code == 0
    assert "chosen on" in run(folder, data, *QUICK).stderr
    others = pictures(cast(40))
    np.savez(tmp_path / "others.npz", images=others.images, votes=others.votes)
    assert run(folder, tmp_path / "others.npz", *QUICK).stderr == ""


def test_pictures_are_read_as_the_model_sees_them(tmp_path: Path) -> None:
    """One that is made for colour and more pixels than ours gets both, and suffers where colour is taken out."""
    model, faces = seeing_colour(tmp_path / "theirs"), coloured_faces(tmp_path / "faces")
    result = run(model, faces, "--json", "--no-speed", "--quiet", "--robustness-faces", 20)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["data"]["side_px"] == 64
    assert told["argmax8"]["accuracy"] == 1.0
    assert [point["accuracy"] for point in told["robustness"]["curves"]["grey"]["points"]][-1] == 0.0
    asked = json.loads(run(model, faces, "--json", *QUICK, "--colour", "grey", "--size", 32).stdout)
    assert asked["data"]["side_px"] == 32
    assert asked["argmax8"]["accuracy"] == 0.0


def test_a_part_a_layout_and_names_are_chosen(tmp_path: Path) -> None:
    model, faces = seeing_colour(tmp_path / "theirs"), coloured_faces(tmp_path / "faces")
    for part in ("train", "test"):
        (faces / part / "happy").rename(faces / part / "1")
        (faces / part / "sad").rename(faces / part / "2")
    named = ("--layout", "class-folders", "--label-map", "1=happy", "--label-map", "2=sad")
    result = run(model, faces, "--json", *QUICK, "--part", "test", *named)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["data"]["name"] == "faces, part test"
    assert told["data"]["faces"] == 24
    assert told["argmax8"]["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("option", "given", "said"),
    [
        ("--label-map", "1:happy", "THEIRS=OURS"),
        ("--labels", "moved", "compound12"),
        ("--labels", "moved,moved", "different names"),
        ("--layout", "imagenet", "affectnet"),
        ("--part", "validation", "'valid'"),
    ],
)
def test_names_that_cannot_be_are_refused(tmp_path: Path, option: str, given: str, said: str) -> None:
    result = run("mien-m", coloured_faces(tmp_path / "faces", 1), option, given, *QUICK)
    assert result.exit_code == 2
    assert said in result.output


def test_a_balanced_point_that_keeps_no_limit_is_refused_and_nothing_is_stored(data: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bundled()["mien-m"], tmp_path / "mine"))
    before = (folder / "preprocess.json").read_bytes()
    result = run(folder, data, "--fit-balanced")
    assert result.exit_code == 2
    assert "no strength of the adjustment keeps accuracy at 78 %" in result.output
    assert "calls of fear 45 % right" in result.output
    assert (folder / "preprocess.json").read_bytes() == before


@pytest.mark.parametrize(
    "option",
    ["--json", "--out=o", "--card=c.md", "--groups=g.csv", "--min-group=30", "--robustness-faces=0", "--no-speed"],
)
def test_a_point_is_chosen_without_an_evaluation(tmp_path: Path, option: str) -> None:
    """Refused before anything is read: there are no faces at the path."""
    result = run("mien-m", tmp_path / "nowhere", "--fit-balanced", option)
    assert result.exit_code == 2
    assert f"{option.split('=')[0]} is of an evaluation" in result.output


def test_a_model_that_answers_no_numbers_is_told(data: Path, tmp_path: Path) -> None:
    result = run(answering_nan(tmp_path / "broken"), data, *QUICK)
    assert result.exit_code == 7
    assert "broken answers numbers that are no shares (NaN)" in result.output


def test_a_graph_that_takes_one_face_at_a_time_is_told(data: Path, tmp_path: Path) -> None:
    result = run(one_at_a_time(tmp_path / "single"), data, *QUICK)
    assert result.exit_code == 7
    assert "single: its graph takes 1×1×24×24 numbers, and has to take 2×1×24×24" in result.output
    assert "dynamic batch" in result.output


def test_one_face_with_votes_among_others_is_scored(tmp_path: Path) -> None:
    """Those of its fold have no others to fit a temperature to."""
    faces = pictures(cast(20))
    faces.votes[1:, :8], faces.votes[1:, 8] = 0, 10
    np.savez(tmp_path / "one.npz", images=faces.images, votes=faces.votes)
    result = run("mien-m", tmp_path / "one.npz", "--json", *QUICK)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["calibration"]["temperatures"].count(1.0) == 1


def test_the_limits_are_those_of_the_rule() -> None:
    rule = BalanceRule()
    assert rule.least_accuracy * 100 == LEAST_ACCURACY_PERCENT
    assert dict(rule.least_precision) == {"fear": LEAST_FEAR_PRECISION_PERCENT / 100}


def test_the_help_says_how_often_a_face_is_read() -> None:
    assert steps_of(RobustnessOptions()) == CURVE_POINTS
    assert f"read {CURVE_POINTS} times" in " ".join(run("--help").output.split())


def test_compounds_and_groups_are_printed(data: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups.csv"
    told = ["dim" if row % 2 else "bright" if row > 20 else "dusk" for row in range(110)]
    groups.write_text("row,light\n" + "".join(f"{row},{one}\n" for row, one in enumerate(told)))
    result = run("mien-m", data, "--groups", groups, *QUICK)
    assert result.exit_code == 0, result.output
    document = json.loads(run("mien-m", data, "--groups", groups, "--json", *QUICK).stdout)
    dim = document["groups"]["attributes"]["light"]["groups"]["dim"]
    assert "declared light: 10 faces undeclared" in result.stdout
    assert f"  dim: 55 faces, majority 8 classes {100 * dim['accuracy']:.1f} %" in result.stdout
    assert "  dusk: withheld, fewer than 30 faces" in result.stdout
    assert f"compound12, the votes' view as truth: {100 * document['compounds']['accuracy']:.1f} %" in result.stdout
    assert [line for line in result.stdout.splitlines() if line.startswith("  happily surprised")]


def test_groups_of_pictures_in_folders_are_declared_by_file(tmp_path: Path) -> None:
    model, faces = seeing_colour(tmp_path / "theirs"), coloured_faces(tmp_path / "faces")
    table = tmp_path / "groups.csv"
    files = [path.relative_to(faces).as_posix() for path in sorted(faces.rglob("*.png"))]
    table.write_text("file,camera\n" + "".join(f"{file},{'a' if '/happy/' in file else 'b'}\n" for file in files))
    result = run(model, faces, "--part", "test", "--groups", table, "--min-group", 10, *QUICK)
    assert result.exit_code == 0, result.output
    assert "declared camera: 0 faces undeclared" in result.stdout
    assert "  a: 12 faces" in result.stdout


def test_a_model_of_others_gets_its_card(theirs: str, tmp_path: Path) -> None:
    faces = coloured_faces(tmp_path / "faces")
    result = run(theirs, faces, "--card", tmp_path / "card.md", *QUICK)
    assert result.exit_code == 0, result.output
    assert "# Model card: theirs" in (tmp_path / "card.md").read_text(encoding="utf-8")


def test_no_point_is_stored_with_a_model_of_others(theirs: str, tmp_path: Path) -> None:
    """Refused before anything is read: there are no faces at the path."""
    result = run(theirs, tmp_path / "nowhere", "--fit-balanced")
    assert result.exit_code == 2
    assert f"mien export {theirs} --to onnx --out DIR" in result.output


def test_a_model_with_classes_of_its_own_is_scored_in_them(tmp_path: Path) -> None:
    model = seeing_colour(tmp_path / "theirs", 64, ("moved", "bored"), ("moved", "bored", "bored"))
    faces = coloured_faces(tmp_path / "faces", called=("moved", "bored"))
    described = (model, faces, "--layout", "class-folders")
    arguments = (*described, "--no-speed", "--quiet")
    result = run(*arguments, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "argmax, 2 classes of its own: 100.0 % of 48 faces" in result.stdout
    assert "  bored    24 faces  recall 100 %  precision 100 %  called 0, 24" in result.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["evaluation.json"]
    told = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert told == json.loads(run(*arguments, "--json").stdout)
    assert (told["kind"], told["classes"]) == ("own_classes", ["moved", "bored"])
    for option in ("--fit-balanced", "--card=c.md", "--robustness-faces=9", "--groups=g.csv"):
        refused = run(*described, option)
        assert refused.exit_code == 2
        assert f"{option.split('=')[0]} is for models of the eight emotions" in refused.output


def test_a_model_of_compounds_is_scored_on_votes_for_the_eight(data: Path, tmp_path: Path) -> None:
    model = seeing_colour(tmp_path / "theirs", 64, COMPOUND12.labels, ("happily surprised", "sadly angry", "neutral"))
    told = json.loads(run(model, data, "--json", "--no-speed", "--quiet").stdout)
    assert told["classes"] == list(COMPOUND12.labels)
    neutral = told["argmax"]["classes"]["neutral"]
    assert neutral["recall"] == 1.0, "it calls every grey face neutral"
    assert told["argmax"]["accuracy"] == pytest.approx(neutral["faces"] / told["argmax"]["faces"], abs=1e-6)


@pytest.mark.parametrize("option", [QUICK, ("--fit-balanced",)])
def test_faces_of_other_classes_are_refused_also_where_there_are_eight(tmp_path: Path, option: tuple[str, ...]) -> None:
    faces, names = pictures(cast(20)), [f"class {number}" for number in range(8)]
    np.savez(tmp_path / "own.npz", images=faces.images, votes=faces.votes, labels=np.array(names))
    folder = Path(shutil.copytree(bundled()["mien-m"], tmp_path / "mine"))
    result = run(folder, tmp_path / "own.npz", *option)
    assert result.exit_code == 4
    assert "class 7, not the eight emotions" in result.output
