"""What the overlay draws, and what it leaves alone."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import pytest

from mien.core.faces import UInt8Array, UnreadReason
from mien.core.labels import CINEMA7, FERPLUS8, LABEL_SETS, UNCERTAIN, LabelSet
from mien.report.overlay import EmotionHistory, Overlay, OverlayOptions
from mien.report.palette import COLOURS, GREY, label_colours
from tests.report.readings import face, picture, reading

BARE = OverlayOptions(readout=False)


def near(image: UInt8Array, colour: tuple[int, int, int], tolerance: int = 12) -> npt.NDArray[np.intp]:
    """Rows of the pixels of about that colour."""
    return np.nonzero(np.abs(image.astype(int) - colour).max(axis=2) <= tolerance)[0]


def changed(before: UInt8Array, after: UInt8Array) -> npt.NDArray[np.bool_]:
    return np.asarray((before != after).any(axis=2), np.bool_)


def history_of(labels: LabelSet, *tellings: tuple[float, str | None], track: int = 0) -> EmotionHistory:
    history = EmotionHistory(labels)
    for at, label in tellings:
        faces = [] if label is None else [face(label, track=track)]
        history.add(reading(*faces, at=at))
    return history


@pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=lambda s: s.name)
def test_every_label_of_every_label_set_has_a_colour(labels: LabelSet) -> None:
    colours = label_colours(labels)
    assert set(colours) == {*labels.labels, UNCERTAIN}
    told = [label for label, sources in zip(labels.labels, labels.sources, strict=True) if sources]
    assert len({colours[label] for label in told}) == len(told), "two labels share a colour"


def test_happy_is_green_and_angry_is_red() -> None:
    red, green, blue = COLOURS["happiness"]
    assert green > red + 80
    assert green > blue + 50
    red, green, blue = COLOURS["anger"]
    assert red > green + 80
    assert red > blue + 80


def test_the_frame_itself_is_never_changed() -> None:
    image = picture()
    image.flags.writeable = False
    drawn = Overlay(FERPLUS8).draw(image, reading(face()))
    assert (image == 90).all()
    assert changed(image, drawn).any()


def test_the_same_reading_is_drawn_the_same() -> None:
    overlay, told = Overlay(FERPLUS8), reading(face("anger"))
    history = history_of(FERPLUS8, (0.0, "anger"))
    assert (overlay.draw(picture(), told, history) == Overlay(FERPLUS8).draw(picture(), told, history)).all()


def test_a_read_face_is_boxed_and_named_in_its_colour() -> None:
    drawn = Overlay(FERPLUS8, BARE).draw(picture(), reading(face("happiness")))
    rows = near(drawn, COLOURS["happiness"])
    assert rows.min() < 90, "the plate stands above the box"
    assert abs(int(rows.max()) - 220) <= 3, "the outline ends where the box does"
    assert near(drawn[70:98, 200:340], (16, 19, 24)).size > 20, "dark ink on the light plate"


def test_the_plate_tells_label_and_confidence() -> None:
    overlay = Overlay(FERPLUS8, BARE)
    likely, unlikely = (overlay.draw(picture(), reading(face(confidence=c))) for c in (0.63, 0.48))
    difference = changed(likely, unlikely)
    assert difference[75:100].any()
    assert not difference[101:].any(), "only the plate's text depends on the confidence"


def test_uncertain_is_grey() -> None:
    drawn = Overlay(FERPLUS8, BARE).draw(picture(), reading(face(UNCERTAIN)))
    assert near(drawn, GREY).size > 100
    for colour in COLOURS.values():
        assert near(drawn, colour, 4).size == 0


def test_an_unread_face_is_thin_grey_and_says_why() -> None:
    overlay = Overlay(FERPLUS8, BARE)
    read = changed(picture(), overlay.draw(picture(), reading(face())))
    away = overlay.draw(picture(), reading(face(unread=UnreadReason.TURNED_AWAY)))
    cut = overlay.draw(picture(), reading(face(unread=UnreadReason.CUT_OFF)))
    middle = slice(120, 200)
    assert changed(picture(), away)[middle].sum() < read[middle].sum()
    saturation = away.max(axis=2).astype(int) - away.min(axis=2)
    assert saturation.max() < 24, "no colour"
    assert changed(away, cut)[:100].any(), "the words differ"
    assert not changed(away, cut)[100:].any()


def test_the_strip_shows_half_a_minute_from_left_to_right() -> None:
    seconds = [(t / 10, "sadness" if t < 150 else "happiness") for t in range(301)]
    history = history_of(FERPLUS8, *seconds)
    drawn = Overlay(FERPLUS8, BARE).draw(picture(), reading(face("happiness"), at=30.0), history)
    strip = drawn[226]
    assert np.abs(strip[205].astype(int) - COLOURS["sadness"]).max() < 12
    assert np.abs(strip[245].astype(int) - COLOURS["sadness"]).max() < 12
    assert np.abs(strip[255].astype(int) - COLOURS["happiness"]).max() < 12
    assert np.abs(strip[295].astype(int) - COLOURS["happiness"]).max() < 12


def test_history_has_a_gap_where_the_face_was_not_read() -> None:
    history = EmotionHistory(FERPLUS8, seconds=4.0, bin_seconds=1.0)
    history.add(reading(face("fear"), at=0.0))
    history.add(reading(face(unread=UnreadReason.BLURRED), at=1.0))
    history.add(reading(at=2.0))
    history.add(reading(face("anger"), at=3.0))
    codes = history.codes(0)
    assert codes is not None
    fear, anger = FERPLUS8.index("fear") + 1, FERPLUS8.index("anger") + 1
    assert codes.tolist() == [fear, 0, 0, anger]


def test_history_is_whole_however_rarely_frames_are_read() -> None:
    history = history_of(FERPLUS8, (0.0, "fear"), (5.0, "fear"), (10.0, "fear"))
    codes = history.codes(0)
    assert codes is not None
    assert (codes[-101:] == FERPLUS8.index("fear") + 1).all()
    assert (codes[:-101] == 0).all()


def test_history_forgets_what_is_older_than_its_span() -> None:
    history = history_of(FERPLUS8, *[(t / 10, "fear") for t in range(20)], (31.0, None), (32.5, None))
    assert history.codes(0) is None


def test_history_starts_afresh_when_time_runs_backwards() -> None:
    history = history_of(FERPLUS8, (8.0, "fear"), (9.0, "fear"), (0.0, "anger"))
    codes = history.codes(0)
    assert codes is not None
    assert codes[-1] == FERPLUS8.index("anger") + 1
    assert (codes[:-1] == 0).all()


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (360, 640), (64, 48), (3, 2), (1, 1)])
def test_any_frame_size_and_any_box_can_be_drawn(size: tuple[int, int]) -> None:
    width, height = size
    boxes = [
        (-50, -40, width + 50, height + 40),
        (-30, -30, 10, 10),
        (width - 5, height - 5, width + 40, height + 40),
        (width + 10, height + 10, width + 20, height + 20),
        (5, 5, 5, 5),
        (float("nan"), 0, 10, 10),
    ]
    faces = [face("fear", box=b, track=i) for i, b in enumerate(boxes)]
    told = reading(*faces, face(unread=UnreadReason.OVER_CAP, box=(0, 0, width, height), track=9))
    history = EmotionHistory(CINEMA7)
    history.add(told)
    drawn = Overlay(CINEMA7).draw(picture(width, height), told, history, frames_per_second=24.0)
    assert drawn.shape == (height, width, 3)
    assert drawn.dtype == np.uint8


def test_in_a_crowd_of_fifty_no_plate_covers_a_face() -> None:
    boxes = [(20 + 60 * c, 40 + 62 * r, 60 + 60 * c, 86 + 62 * r) for r in range(5) for c in range(10)]
    labels = ("happiness", "anger", "surprise")
    faces = [face(labels[i % 3], box=b, track=i) for i, b in enumerate(boxes)]
    overlay = Overlay(FERPLUS8, BARE)
    together = overlay.draw(picture(), reading(*faces))
    assert near(together[20:40], (16, 19, 24)).size > 100, "the labels are told"
    for f, (left, top, right, bottom) in zip(faces, boxes, strict=True):
        inside = (slice(top + 8, bottom - 8), slice(left + 8, right - 8))
        assert (together[inside] == 90).all(), f"track {f.track}'s face is covered"


def test_text_grows_with_the_frame() -> None:
    def plate_height(scale: int) -> int:
        told = reading(face("happiness", box=[v * scale for v in (200, 100, 300, 220)]))
        rows = near(Overlay(FERPLUS8, BARE).draw(picture(640 * scale, 360 * scale), told), COLOURS["happiness"])
        return 100 * scale - int(rows.min())

    assert plate_height(1) >= 16
    assert 1.5 * plate_height(1) < plate_height(3) < 3 * plate_height(1)


def test_the_corner_tells_time_counts_and_speed() -> None:
    overlay = Overlay(FERPLUS8)
    empty = overlay.draw(picture(), reading(at=12.4))
    assert changed(picture(), empty)[:40, :300].any()
    assert not changed(picture(), empty)[60:].any()
    assert changed(empty, overlay.draw(picture(), reading(at=12.5))).any()
    assert changed(empty, overlay.draw(picture(), reading(at=12.4), frames_per_second=24.0)).any()
    noted = Overlay(FERPLUS8, OverlayOptions(note="DEMO")).draw(picture(), reading(at=12.4))
    assert changed(empty, noted).any()


def test_drawing_one_face_takes_at_most_a_millisecond_and_a_half() -> None:
    history = history_of(FERPLUS8, *[(t / 10, "fear") for t in range(300)])
    overlay, told, image = Overlay(FERPLUS8), reading(face("fear"), at=30.0), picture()
    spent = []
    for _ in range(30):
        start = time.thread_time()
        overlay.draw(image, told, history)
        spent.append(time.thread_time() - start)
    assert np.median(spent) <= 1.5e-3
