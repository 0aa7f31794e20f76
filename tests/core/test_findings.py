from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.findings import MetricSample, SampleLog

SAMPLES = st.lists(
    st.builds(
        MetricSample,
        slug=st.just("s"),
        media_time=st.floats(0, 1e6),
        value=st.none() | st.floats(-100, 100, width=32),
        low=st.none() | st.floats(-100, 100, width=32),
        tracks=st.integers(0, 1000),
        coverage=st.floats(0, 1, width=32),
        withheld=st.none() | st.sampled_from(["few", "unread"]),
    ),
    max_size=20,
)


def log_of(samples: list[MetricSample]) -> SampleLog:
    log = SampleLog("s", "points")
    for sample in samples:
        log.append(sample)
    return log


@given(SAMPLES)
def test_packed_samples_come_back(samples: list[MetricSample]) -> None:
    assert list(SampleLog.unpacked("s", "points", log_of(samples).packed())) == list(log_of(samples))


@given(SAMPLES, SAMPLES)
def test_a_log_goes_on_with_another(first: list[MetricSample], second: list[MetricSample]) -> None:
    log = log_of(first)
    log.extend(log_of(second))
    assert list(log) == list(log_of(first + second))


@pytest.mark.parametrize("keep", [0, 5, -1])
def test_damaged_samples_are_refused(keep: int) -> None:
    packed = log_of([MetricSample("s", 1.0, 2.0)]).packed()
    with pytest.raises(ValueError, match="are damaged"):
        SampleLog.unpacked("s", "points", packed[:keep])
