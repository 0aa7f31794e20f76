"""Operating points move labels, in the direction they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.core.labels import EMOTIONS
from mien.core.operating import PLAIN, OperatingPoint, logit_adjustment

PRIOR = (0.36, 0.27, 0.12, 0.12, 0.09, 0.01, 0.02, 0.01)
FEAR = EMOTIONS.index("fear")
SHARES = arrays(float, (3, 8), elements=st.floats(0.001, 1)).map(lambda a: a / a.sum(axis=1, keepdims=True))


@settings(deadline=None)
@given(p=SHARES)
def test_the_plain_point_changes_nothing(p: np.ndarray) -> None:
    assert PLAIN.adjust(p) == pytest.approx(p, abs=1e-6)
    assert logit_adjustment(0.0, PRIOR).adjust(p) == pytest.approx(p, abs=1e-6)


@settings(deadline=None)
@given(p=SHARES, strength=st.floats(0, 1.5))
def test_what_is_rare_gains_on_what_is_common(p: np.ndarray, strength: float) -> None:
    adjusted = logit_adjustment(strength, PRIOR).adjust(p)
    assert adjusted.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert (adjusted[:, FEAR] / adjusted[:, 0] >= p[:, FEAR] / p[:, 0] * (1 - 1e-4)).all()


def test_at_full_strength_the_prior_itself_says_nothing() -> None:
    """A face told exactly as emotions are common stands out in none of them."""
    assert logit_adjustment(1.0, PRIOR).adjust(np.array([PRIOR])) == pytest.approx(np.full((1, 8), 1 / 8), abs=1e-6)


def test_a_share_that_cannot_be_given_stays_out_of_reach() -> None:
    only_neutral = np.eye(8)[:1]
    assert logit_adjustment(1.0, PRIOR).adjust(only_neutral).argmax() == 0


def test_a_prior_is_positive_and_of_eight() -> None:
    with pytest.raises(ValueError, match="positive"):
        logit_adjustment(1.0, (0.0, *PRIOR[1:]))
    with pytest.raises(ValueError, match="8 finite offsets"):
        OperatingPoint("balanced", (0.0, 1.0))
