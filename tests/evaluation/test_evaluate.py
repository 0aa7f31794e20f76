"""Everything of a model in one document, which reads back as it was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mien.core.errors import InputError, UnsupportedMediaError
from mien.evaluation.evaluate import EvaluationOptions, evaluate, read_evaluation, steps
from mien.evaluation.resampling import Resampling
from mien.evaluation.robustness import RobustnessOptions
from tests.evaluation.votes import CornerReader, cast, pictures

QUICK = EvaluationOptions(RobustnessOptions(0), speed=False, resampling=Resampling(50))


def test_a_reader_without_fault_has_none() -> None:
    told = evaluate(CornerReader(), pictures(cast(80)), "planted", QUICK)
    assert told.argmax8.accuracy == told.majority8.accuracy == 1
    assert told.operating_points["plain"].argmax8 == told.argmax8
    assert set(told.operating_points) == {"plain"}
    assert told.ms_per_face is None
    assert told.model.sha256 == "c" * 64
    assert told.data.faces == 80


def test_it_reads_back_as_it_was_written(tmp_path: Path) -> None:
    told = evaluate(CornerReader(), pictures(cast(40)), "planted", replace(QUICK, robustness=RobustnessOptions(8)))
    (tmp_path / "e.json").write_text(told.as_json(), encoding="utf-8")
    again = read_evaluation(tmp_path / "e.json")
    assert again.as_json() == told.as_json()
    assert again.argmax8.confusion == told.argmax8.confusion


def test_the_same_faces_give_the_same_document() -> None:
    first, second = (evaluate(CornerReader(), pictures(cast(40)), "planted", QUICK).as_json() for _ in range(2))
    assert first == second
    assert evaluate(CornerReader(), pictures(cast(40, seed=9)), "planted", QUICK).as_json() != first


def test_progress_is_told_as_often_as_was_said() -> None:
    options = EvaluationOptions(RobustnessOptions(5), resampling=Resampling(10))
    told: list[str] = []
    evaluate(CornerReader(), pictures(cast(20)), "planted", options, progress=told.append)
    assert len(told) == steps(options)


def test_what_is_no_evaluation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_evaluation(tmp_path / "nowhere.json")
    (tmp_path / "other.json").write_text('{"schema_version": 1}')
    with pytest.raises(UnsupportedMediaError, match="no evaluation of this version"):
        read_evaluation(tmp_path / "other.json")
