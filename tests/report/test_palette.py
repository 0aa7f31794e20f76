"""Colours can be told apart, and seen on the ground they are drawn on."""

from __future__ import annotations

import colorsys
import itertools

import pytest

from mien.core.labels import EMOTIONS, LABEL_SETS
from mien.report.html import DASHES
from mien.report.palette import COLOURS, LEAST_CONTRAST, contrast, css, label_colours, on_paper

PAPER = (255, 255, 255)
NIGHT = (23, 26, 32)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_lines_are_seen_on_light_and_on_dark(emotion: str) -> None:
    assert contrast(on_paper(COLOURS[emotion]), PAPER) >= LEAST_CONTRAST >= 3
    assert contrast(COLOURS[emotion], NIGHT) >= 3


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_an_emotion_keeps_its_hue_on_paper(emotion: str) -> None:
    before = colorsys.rgb_to_hsv(*(c / 255 for c in COLOURS[emotion]))[0]
    after = colorsys.rgb_to_hsv(*(c / 255 for c in on_paper(COLOURS[emotion])))[0]
    assert abs(before - after) < 0.03


def test_happy_is_green_and_angry_is_red() -> None:
    red, green, blue = COLOURS["happiness"]
    assert green > 1.5 * max(red, blue)
    red, green, blue = COLOURS["anger"]
    assert red > 1.5 * max(green, blue)


def test_lines_differ_without_colour() -> None:
    # Neutral and happiness are both solid; neutral is the thin one.
    assert len({dash for emotion, dash in DASHES.items() if emotion != "neutral"}) == len(EMOTIONS) - 1


@pytest.mark.parametrize("name", LABEL_SETS)
def test_every_label_of_every_view_has_a_colour(name: str) -> None:
    labels = LABEL_SETS[name]
    colours = label_colours(labels)
    assert {*labels.labels, "uncertain"} == {*colours}
    for first, second in itertools.combinations(labels.labels, 2):
        assert colours[first] != colours[second]


def test_black_and_white_set_off_most() -> None:
    assert contrast((0, 0, 0), PAPER) == pytest.approx(21)
    assert css((1, 16, 255)) == "#0110ff"
