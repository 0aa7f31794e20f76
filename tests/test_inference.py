"""Which execution provider runs a graph, and what is told of it."""

from __future__ import annotations

import onnxruntime
import pytest

from mien.assembly import load_classifier
from mien.core.errors import WeightsError
from mien.core.settings import InferenceSettings
from mien.inference import PREFERRED_PROVIDERS, available_providers


def test_the_best_provider_that_is_installed_comes_first_and_the_processor_last() -> None:
    found = available_providers()
    assert set(found) <= set(onnxruntime.get_available_providers())
    assert list(found) == [name for name in PREFERRED_PROVIDERS if name in found]
    assert found[-1] == "CPUExecutionProvider"


def test_provenance_tells_what_runs_the_graph_and_not_what_could() -> None:
    classifier = load_classifier("mien-m", InferenceSettings(providers=("CPUExecutionProvider",)))
    assert classifier.providers == ("CPUExecutionProvider",)


def test_a_provider_that_is_not_installed_is_an_error_that_tells_those_that_are() -> None:
    with pytest.raises(WeightsError, match=r"TensorrtExecutionProvider is not installed.*CPUExecutionProvider"):
        load_classifier("mien-m", InferenceSettings(providers=("TensorrtExecutionProvider", "CPUExecutionProvider")))
