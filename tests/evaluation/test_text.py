"""Figures of text emotion, against counting by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError
from mien.core.labels import TEXT_EKMAN, TEXT_ORIGINAL
from mien.evaluation.text import calibration_error, evaluate_texts, f1, read_labelled


def truth(*rows: str) -> np.ndarray:
    out = np.zeros((len(rows), 7), dtype=bool)
    for i, row in enumerate(rows):
        for label in row.split():
            out[i, TEXT_EKMAN.index(label)] = True
    return out


def test_perfect_answers_score_one() -> None:
    answers = truth("joy", "fear anger", "neutral")
    result = evaluate_texts(answers.astype(np.float32), np.full(7, 0.5, np.float32), answers, TEXT_EKMAN)
    assert (result.macro_f1, result.micro_f1, result.single_label.macro_f1, result.ece) == (1, 1, 1, 0)
    assert result.classes["joy"].f1 == 1
    assert result.classes["disgust"].texts == 0


def test_a_text_may_have_several_labels_and_none_may_be_answered() -> None:
    p = np.array([[0.9, 0, 0.6, 0, 0, 0, 0], [0.2, 0, 0, 0, 0, 0, 0.1]], np.float32)
    result = evaluate_texts(p, np.full(7, 0.5, np.float32), truth("joy anger", "neutral"), TEXT_EKMAN)
    assert [result.classes[name].f1 for name in ("joy", "anger", "neutral")] == [1, 1, 0]
    assert result.macro_f1 == pytest.approx(2 / 3)
    assert result.single_label.texts == 1
    assert result.single_label.accuracy == 0


def test_each_label_is_answered_at_its_own_threshold() -> None:
    p = np.full((1, 7), 0.3, np.float32)
    thresholds = np.array([0.2, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4], np.float32)
    result = evaluate_texts(p, thresholds, truth("joy"), TEXT_EKMAN)
    assert result.micro_f1 == 1


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_f1_is_the_harmonic_mean(hit: int, wrong: int, missed: int) -> None:
    value = f1(hit, hit + wrong, hit + missed)
    if hit == 0:
        assert value == 0
    else:
        precision, recall = hit / (hit + wrong), hit / (hit + missed)
        assert value == pytest.approx(2 * precision * recall / (precision + recall))


def test_calibration_error_is_the_gap_between_probability_and_frequency() -> None:
    p = np.full(100, 0.8, np.float32)
    happened = np.arange(100) < 60
    assert calibration_error(p, happened) == pytest.approx(0.2, abs=1e-6)
    assert calibration_error(np.zeros(0, np.float32), np.zeros(0, bool)) == 0


def written(folder: Path, text: str, labels: str | None = None) -> Path:
    (folder / "set.tsv").write_text(text, encoding="utf-8")
    if labels is not None:
        (folder / "labels.txt").write_text(labels, encoding="utf-8")
    return folder / "set.tsv"


def test_numbers_index_the_labels_beside_the_file(tmp_path: Path) -> None:
    order = "neutral\njoy\nsadness\nanger\nfear\ndisgust\nsurprise\n"
    read = read_labelled(written(tmp_path, "fine\t0,1\tid1\nboo\t4\tid2\n", order), TEXT_EKMAN)
    assert read.texts == ("fine", "boo")
    assert (read.truth == truth("neutral joy", "fear")).all()


def test_without_labels_the_published_order_counts_and_names_do_too(tmp_path: Path) -> None:
    read = read_labelled(written(tmp_path, "fine\t3\nboo\tfear\n"), TEXT_EKMAN)
    assert (read.truth == truth("joy", "fear")).all()


def test_the_28_are_read_in_the_seven_as_published(shared: Path) -> None:
    folder = shared / "data" / "goemotions"
    fine, coarse = folder / "original" / "dev.tsv", folder / "ekman" / "dev.tsv"
    assert read_labelled(fine, TEXT_ORIGINAL).truth.shape == (5426, 28)
    assert (read_labelled(fine, TEXT_EKMAN).truth == read_labelled(coarse, TEXT_EKMAN).truth).all()


@pytest.mark.parametrize(
    ("text", "labels", "problem"),
    [
        ("", None, "holds no labelled text"),
        ("fine\t1\n\nno label\n", None, "line 3: there is no tab"),
        ("fine\t7\n", None, "line 1: label 7 is beyond the 7"),
        ("fine\thappy\n", None, "line 1: 'happy' is no label"),
        ("fine\t\n", None, "line 1: '' is no label"),
        ("fine\t0\n", "good\nbad\n", "lists good, bad, which are not the labels 'ekman'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, labels: str | None, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_labelled(written(tmp_path, text, labels), TEXT_EKMAN)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "set.tsv").write_bytes(b"caf\xe9\t1\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_labelled(tmp_path / "set.tsv", TEXT_EKMAN)
    with pytest.raises(InputError, match="cannot read"):
        read_labelled(tmp_path / "none.tsv", TEXT_EKMAN)
