"""Processor time a face."""

from __future__ import annotations

from mien.evaluation.speed import cpu_ms_per_face
from tests.evaluation.votes import CornerReader


def test_batches_are_of_the_size_they_are_told_as() -> None:
    reader = CornerReader()
    told = cpu_ms_per_face(reader, (1, 8, 32), rounds=1)
    assert list(told) == ["1", "8", "32"]
    assert set(reader.batches) == {1, 8, 32}
    assert reader.batch_size == 8


def test_what_costs_more_a_call_costs_less_a_face_in_batches() -> None:
    told = cpu_ms_per_face(CornerReader(), (1, 32), rounds=3)
    assert 0 < told["32"] < told["1"]
